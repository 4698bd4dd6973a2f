package main

import (
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	o, err := parse([]string{"--backend", "vtx", "--kernels", "6.1, 6.12", "--packages", "", "--run", "^TestA$|npt=0"})
	if err != nil || !slices.Equal(o.backends, []string{"vtx"}) || !slices.Equal(o.kernels, []string{"6.1", "6.12"}) || len(o.packages) > 0 || o.run != "^TestA$|npt=0" {
		t.Errorf("%+v, %v", o, err)
	}
	for args, want := range map[string]string{
		"--run=TestA/x": "their subtests all run", "--kernels=": "a kernel at least", "--backend=": "a backend", "more": "flags only",
	} {
		if _, err := parse([]string{args}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}
