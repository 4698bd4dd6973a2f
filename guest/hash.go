package guest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"terem/guest/bare"
	pid1 "terem/guest/init"
	"terem/guest/initramfs"
	"terem/guest/kernel"
	"terem/guest/probe"
)

// Recipe counts changes to guest/build that alter what a kernel build yields.
const Recipe = 1

// hashLength in hexadecimal digits is enough for a cache that nobody attacks.
const hashLength = 12

// KernelHash covers what this program brings to a kernel: the lines of the configuration that set something
// and the differences in the patches. Comments do not count.
func KernelHash() (string, error) {
	h := newHash("kernel", fmt.Sprint(Recipe))
	h.add("config", strings.Join(kernel.Lines(kernel.Config), "\n"))
	patches, err := kernel.Patches()
	if err != nil {
		return "", err
	}
	for _, p := range patches {
		h.add(p.Name, p.Diff())
	}
	return h.sum(), nil
}

// InitrdHash covers what this program brings to the first root file system.
func InitrdHash() (string, error) {
	h := newHash("initrd", fmt.Sprint(initramfs.Version))
	for _, p := range []bare.Program{pid1.Program(nil), probe.Program()} {
		parts, err := p.Parts()
		if err != nil {
			return "", err
		}
		for _, part := range parts {
			h.add(part.Name, string(part.Text))
		}
	}
	return h.sum(), nil
}

// ToolsHash covers what a machine brings: tool or package -> version.
func ToolsHash(inputs map[string]string) string {
	h := newHash("tools", "1")
	for _, k := range slices.Sorted(maps.Keys(inputs)) {
		h.add(k, inputs[k])
	}
	return h.sum()
}

// hasher hashes named parts, each with its length, so that no two lists of parts look the same.
type hasher struct{ parts strings.Builder }

func newHash(kind, version string) *hasher {
	h := new(hasher)
	h.add(kind, version)
	return h
}

func (h *hasher) add(name, text string) {
	fmt.Fprintf(&h.parts, "%q %d\n%s", name, len(text), text)
}

func (h *hasher) sum() string {
	s := sha256.Sum256([]byte(h.parts.String()))
	return hex.EncodeToString(s[:])[:hashLength]
}
