package launch

import (
	"strings"
	"testing"

	"terem/internal/fault"
	"terem/internal/vm/machine"
)

func TestCheckInitrd(t *testing.T) {
	for _, tt := range []struct {
		content   string
		own, want bool // want: it is taken
	}{
		{"", true, false}, {"", false, false},
		{"junk", true, false}, {"junk", false, true},
		{"0707", true, false}, {"070701...", true, true}, {"\x00\x00\x00\x00070702...", true, true},
		{"\x1f\x8b...", true, true}, {"\xfd7zXZ\x00", true, true}, {"\x28\xb5\x2f\xfd", true, true},
	} {
		f := &machine.File{Name: "i", R: strings.NewReader(tt.content), Size: int64(len(tt.content))}
		err := checkInitrd(f, tt.own)
		if (err == nil) != tt.want || err != nil && (fault.Status(err) != fault.StatusUsage || !strings.Contains(err.Error(), "initrd i: ")) {
			t.Errorf("%q, default kernel %v: %v", tt.content, tt.own, err)
		}
	}
}
