package kernel

import (
	"embed"
	"io/fs"
	"strings"
)

// Config is the configuration, in the form that KCONFIG_ALLCONFIG takes.
//
//go:embed config
var Config string

//go:embed patches/*.patch
var patches embed.FS

// Patch is one change to the source, for `patch -p1`.
type Patch struct {
	Name string
	Text string
}

// Diff is the part of the patch that changes the kernel, without the reason above it.
func (p Patch) Diff() string {
	if strings.HasPrefix(p.Text, "--- ") {
		return p.Text
	}
	_, diff, _ := strings.Cut(p.Text, "\n--- ")
	return "--- " + diff
}

// Patches lists the patches in the order in which they apply.
func Patches() ([]Patch, error) {
	names, err := fs.Glob(patches, "patches/*.patch")
	if err != nil {
		return nil, err
	}
	all := make([]Patch, 0, len(names))
	for _, n := range names {
		b, err := patches.ReadFile(n)
		if err != nil {
			return nil, err
		}
		all = append(all, Patch{Name: strings.TrimPrefix(n, "patches/"), Text: string(b)})
	}
	return all, nil
}

// Lines returns what Config sets, without comments and empty lines: `CONFIG_X=v` and `# CONFIG_X is not set`.
func Lines(config string) []string {
	var set []string
	for line := range strings.Lines(config) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "CONFIG_") || isUnset(line) {
			set = append(set, line)
		}
	}
	return set
}

// Lost returns the lines of want that result does not honour. A symbol that does not exist at all counts as
// not set.
func Lost(want, result string) []string {
	have := map[string]string{}
	for _, line := range Lines(result) {
		have[symbol(line)] = line
	}
	var lost []string
	for _, line := range Lines(want) {
		got, ok := have[symbol(line)]
		if got != line && (ok || !isUnset(line)) {
			lost = append(lost, line)
		}
	}
	return lost
}

func isUnset(line string) bool {
	return strings.HasPrefix(line, "# CONFIG_") && strings.HasSuffix(line, " is not set")
}

func symbol(line string) string {
	line = strings.TrimPrefix(line, "# ")
	if i := strings.IndexAny(line, "= "); i >= 0 {
		return line[:i]
	}
	return line
}
