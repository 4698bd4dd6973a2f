package recipe

import (
	"os"
	"testing"
)

// TestStamped: guest/hashes.go is of these sources.
func TestStamped(t *testing.T) {
	want, err := Source()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../hashes.go")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("guest/hashes.go is of other sources: `make build`. It is\n%s, want\n%s", got, want)
	}
}

func TestToolsHashDependsOnEachInput(t *testing.T) {
	base := ToolsHash(map[string]string{"gcc": "12", "ld": "2.40"})
	if base != ToolsHash(map[string]string{"ld": "2.40", "gcc": "12"}) {
		t.Error("the order of a map shows in the hash")
	}
	for _, in := range []map[string]string{{"gcc": "13", "ld": "2.40"}, {"gcc": "12"}, {"gcc": "12ld", "": "2.40"}} {
		if ToolsHash(in) == base {
			t.Errorf("%v has the hash of another set", in)
		}
	}
	if len(base) != hashLength {
		t.Errorf("hash %q has not %d digits", base, hashLength)
	}
}
