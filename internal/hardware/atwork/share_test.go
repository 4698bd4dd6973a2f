package atwork

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestShare: a directory of the host's in a guest, both ways, and read-only.
func TestShare(t *testing.T) {
	emulated(t)
	own(t)
	dir := t.TempDir()
	put := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("host", "from the host\n")
	terem(t, "", "run", "--share", dir+":/a/b", "--", "sh", "-c", "cat /a/b/host; echo from the guest > /a/b/guest; mv /a/b/host /a/b/moved").want(t, 0, "from the host\n")
	if b, err := os.ReadFile(filepath.Join(dir, "guest")); string(b) != "from the guest\n" || err != nil {
		t.Errorf("the guest wrote %q, %v", b, err)
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<17)
	put("big", string(big))
	script := "md5sum < /b/big; dd if=/b/big bs=4k count=100 skip=7 2>/dev/null | md5sum; echo x 2>/dev/null > /b/new; echo $?; rm /b/moved 2>/dev/null; echo $?"
	terem(t, "", "run", "--share", dir+":/b:ro", "--", "sh", "-c", script).
		want(t, 0, fmt.Sprintf("%x  -\n%x  -\n1\n1\n", md5.Sum(big), md5.Sum(big[7*4096:][:100*4096])))
	if _, err := os.Stat(filepath.Join(dir, "new")); err == nil {
		t.Error("a read-only directory has a new file")
	}
}

// TestShareChanges: what the host changes, a running guest sees, at once where it was asked to.
func TestShareChanges(t *testing.T) {
	emulated(t)
	own(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	terem(t, "", "run", "--detach", "--name", "web", "--share", dir+":/a", "--share", dir+":/b,cache=none").want(t, 0, "web\n")
	defer func() { terem(t, "", "kill", "web").want(t, 0, "") }()
	read := func(at string) string {
		return terem(t, "", "exec", "web", "sh", "-c", "cat "+at+"/f; cat "+at+"/new 2>/dev/null").out
	}
	if got := read("/a") + read("/b"); got != "oldold" {
		t.Errorf("the guest reads %q", got)
	}
	for name, content := range map[string]string{"f": "changed", "new": "!"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := read("/b"); got != "changed!" {
		t.Errorf("without a cache the guest reads %q", got)
	}
	for deadline := time.Now().Add(limit); read("/a") != "changed!"; {
		if time.Now().After(deadline) {
			t.Fatal("the guest never sees it")
		}
	}
	for _, args := range [][]string{{"snapshot", "web", filepath.Join(dir, "snap")}, {"run", "--warm", "--share", dir + ":/a", "--", "true"}} {
		if s := terem(t, "", args...); s.status == 0 || strings.Count(s.stderr, "\n") != 1 || !strings.Contains(s.stderr, "snapshot") {
			t.Errorf("%q: %+v", args, s)
		}
	}
}

// TestShareHostile: on the host a directory becomes a link and a directory again, while the guest reads through it. It never reads what the link leads to.
func TestShareHostile(t *testing.T) {
	emulated(t)
	own(t)
	outer := t.TempDir()
	dir := filepath.Join(outer, "shared")
	if err := os.MkdirAll(filepath.Join(dir, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"f": "secret\n", "shared/d/f": "inside\n"} {
		if err := os.WriteFile(filepath.Join(outer, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	over := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d, away := filepath.Join(dir, "d"), filepath.Join(outer, "away")
		for {
			select {
			case <-over:
				return
			default:
			}
			_ = os.Rename(d, away)
			_ = os.Symlink("..", d)
			time.Sleep(time.Millisecond)
			_ = os.Remove(d)
			_ = os.Rename(away, d)
			time.Sleep(time.Millisecond)
		}
	}()
	script := "k=0; while [ $k -lt 200 ]; do cat /s/d/f; k=$((k+1)); done 2>/dev/null | sort | uniq"
	s := terem(t, "", "run", "--share", dir+":/s,cache=none", "--", "sh", "-c", script)
	close(over)
	<-ended
	if s.status != 0 || s.out != "" && s.out != "inside\n" {
		t.Errorf("%+v", s)
	}
}
