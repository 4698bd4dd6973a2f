package share

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseSpec(t *testing.T) {
	for value, want := range map[string]Spec{
		"/a:/b":               {Dir: "/a", Path: "/b"},
		".:/src":              {Dir: ".", Path: "/src"},
		"a b:/c d:ro":         {Dir: "a b", Path: "/c d", ReadOnly: true},
		"/x:y:/b/../c/":       {Dir: "/x:y", Path: "/c"},
		"/a:/b,cache=none":    {Dir: "/a", Path: "/b", NoCache: true},
		"/a:/b:ro,cache=none": {Dir: "/a", Path: "/b", ReadOnly: true, NoCache: true},
		"/a,b:/c,d":           {Dir: "/a,b", Path: "/c,d"},
		"/a:/ro":              {Dir: "/a", Path: "/ro"},
	} {
		if got, err := ParseSpec(value); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", value, got, err, want)
		}
	}
	for _, value := range []string{
		"", ":", "/a", "/a:", ":/b", "/a:b", "/a:ro", "/a::ro", "/a:/b:c", "/a:/b:rx", "/a:/", "/a:/..", "/a:/b,cache=auto", "/a:/b\x00",
	} {
		if got, err := ParseSpec(value); err == nil {
			t.Errorf("%q: %+v, want an error", value, got)
		} else if strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%q: %q is more than a line", value, err)
		}
	}
}

func FuzzParseSpec(f *testing.F) {
	f.Add("/a:/b:ro,cache=none")
	f.Add("a::/")
	f.Fuzz(func(t *testing.T, value string) {
		s, err := ParseSpec(value)
		if err == nil && (s.Dir == "" || !filepath.IsAbs(s.Path) || s.Path != filepath.Clean(s.Path) || s.Path == "/") {
			t.Errorf("%q: %+v", value, s)
		}
	})
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: "no directory", dir + "/none": "no such file"} {
		s := Spec{Dir: path}
		if _, err := s.Open(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	s := Spec{Dir: dir}
	f, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}
