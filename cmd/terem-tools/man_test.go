package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMan(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man")
	if r := terem(t, 0, "man", dir); r != (outcome{}) {
		t.Fatalf("%+v", r)
	}
	for page, want := range map[string][]string{
		"terem.1":               {".SH NAME", "terem-run(1)", "Exit status", "\n69     host"},
		"terem-run.1":           {"--memory", "guest RAM", "\noverlay  a file that takes the writes", ".SH EXAMPLE"},
		"terem-container-run.1": {"--share", "137 also"},
		"terem-compare.1":       {"--targets"},
	} {
		b, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, w := range want {
			if text := strings.ReplaceAll(string(b), `\-`, "-"); !strings.Contains(text, w) {
				t.Errorf("%s does not have %q", page, w)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "terem-completion.1")); err == nil {
		t.Error("a page for completions")
	}
	wantError(t, terem(t, 0, "man"), 64, "man")
}
