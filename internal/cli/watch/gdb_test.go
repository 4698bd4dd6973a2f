package watch

import (
	"path/filepath"
	"strings"
	"testing"

	"terem/internal/fault"
)

func TestListen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gdb.sock")
	for address, want := range map[string]string{":0": "127.0.0.1:", "127.0.0.1:0": "127.0.0.1:", "[::1]:0": "[::1]:", "unix:" + path: path} {
		l, err := listen(address)
		if err != nil {
			if strings.HasPrefix(address, "[") {
				continue // a host without IPv6
			}
			t.Errorf("%s: %v", address, err)
			continue
		}
		if got := l.Addr().String(); !strings.HasPrefix(got, want) {
			t.Errorf("%s: listens at %s", address, got)
		}
		if strings.HasPrefix(address, "unix:") {
			if again, err := listen(address); err == nil {
				again.Close()
				t.Errorf("%s: twice", address)
			}
		}
		l.Close()
	}
}

func TestListenRefuses(t *testing.T) {
	for address, want := range map[string]string{
		"1234": "try :1234", "unix:": "no path", ":x": "no number", ":99999": "no number", "localhost:1": "not a number", "203.0.113.1:0": "cannot assign",
		"unix:/nowhere/x": "no such file",
	} {
		l, err := listen(address)
		if err == nil {
			l.Close()
			t.Errorf("%s: it listens", address)
			continue
		}
		if !strings.Contains(err.Error(), want) || fault.Status(err) != fault.StatusUsage || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
