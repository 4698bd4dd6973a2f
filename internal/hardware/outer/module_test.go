package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTook: a parameter that a module does not know, or did not take, is seen.
func TestTook(t *testing.T) {
	dir := t.TempDir()
	for name, value := range map[string]string{"npt": "N", "nested": "1", "rd_size": "1048576"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for params, want := range map[string]string{
		"":                               "",
		"npt=0 nested=1 rd_size=1048576": "",
		"npt=1":                          "npt=1 is N",
		"nested=0":                       "nested=0 is 1",
		"nested=1 ntp=0":                 "no parameter ntp",
	} {
		if err := took(dir, params); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", params, err, want)
		}
	}
}
