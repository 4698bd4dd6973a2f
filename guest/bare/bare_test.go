package bare

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
)

func sample() Program {
	return Program{Name: "sample", Source: fstest.MapFS{
		"src/a.c":      {Data: []byte("a")},
		"src/a.h":      {Data: []byte("h")},
		"src/notes.md": {Data: []byte("no part")},
	}, More: map[string][]byte{"made.h": []byte("m")}}
}

func names(t *testing.T, p Program) (n []string) {
	t.Helper()
	parts, err := p.Parts()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		n = append(n, part.Name)
	}
	return n
}

func TestParts(t *testing.T) {
	want := []string{"sample flags", "sample src/sys.h", "sample src/text.c", "sample src/text.h", "sample src/a.c", "sample src/a.h"}
	if got := names(t, sample()); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("parts %q, want %q", got, want)
	}
}

func TestUnpack(t *testing.T) {
	dir := t.TempDir()
	work, args, err := sample().Unpack(dir)
	if err != nil {
		t.Fatal(err)
	}
	if work != filepath.Join(dir, "sample") {
		t.Errorf("unpacked to %s", work)
	}
	for name, want := range map[string]string{"a.c": "a", "a.h": "h", "made.h": "m"} {
		if b, err := os.ReadFile(filepath.Join(work, name)); err != nil || string(b) != want {
			t.Errorf("%s is %q, %v; want %q", name, b, err, want)
		}
	}
	if rest := args[len(args)-4:]; !slices.Equal(rest, []string{"-o", "sample", "text.c", "a.c"}) {
		t.Errorf("gcc's last arguments are %q", rest)
	}
	if _, _, err := sample().Unpack(dir); err == nil {
		t.Error("a program was unpacked over another")
	}
}
