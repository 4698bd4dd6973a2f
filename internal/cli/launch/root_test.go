package launch

import (
	"strings"
	"testing"

	"terem/internal/fault"
	"terem/internal/vm/disk"
)

func TestCheckRoot(t *testing.T) {
	for _, tt := range []struct {
		root, words string
		disks       int
		want        string
	}{
		{"", "", 0, ""},
		{"none", "", 0, ""},
		{"/dev/vda", "", 1, ""},
		{"/dev/vdb2", "", 2, ""},
		{"tmpfs", "rootfstype=tmpfs", 0, ""},
		{"/dev/vda", "", 0, "the guest has no disk"},
		{"/dev/vdb", "", 1, "the guest's last disk is /dev/vda"},
		{"/dev/vdz", "", 3, "the guest's last disk is /dev/vdc"},
		{"/dev/vdaa", "", 3, "the guest's disks are"},
		{"/dev/vd", "", 3, "the guest's disks are"},
		{"/dev/sda", "", 1, "the guest's disks are"},
		{"nonsense", "", 1, "the guest's disks are"},
	} {
		err := checkRoot(&Options{Root: tt.root, Append: tt.words, Disks: make([]disk.Spec, tt.disks)})
		if tt.want == "" && err != nil || tt.want != "" && (fault.Status(err) != fault.StatusUsage || !strings.Contains(err.Error(), "Root "+tt.root+": "+tt.want)) {
			t.Errorf("--root %s with %d disks: %v, want %q", tt.root, tt.disks, err, tt.want)
		}
	}
}
