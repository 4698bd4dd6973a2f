package grade

import (
	"testing"
)

// TestOneMistakeIsOne has a program that ends in one check. The others are graded all the same.
func TestOneMistakeIsOne(t *testing.T) {
	needContainer(t)
	e := find(t, 10)
	dir := laid(t, e, attempts(t, e)[0])
	put(t, dir, "extra.go", "package exercise\n\nimport \"os\"\n\nfunc exit() uintptr { os.Exit(3); return 0 }\n")
	edit(t, dir, "container.go", "\treturn CLONE_NEWUSER |", "\treturn exit() |")
	r := grade(t, e, dir)
	const lost = 1 // for the namespaces
	if r.Points != e.Points()-lost || len(r.Mistakes()) != 1 {
		t.Error(text(t, r))
	}
}
