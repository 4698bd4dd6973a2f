package launch

import (
	"fmt"
	"strings"

	"terem/devices/virtio/blk"
	"terem/internal/fault"
	"terem/internal/vm/disk/content"
)

// rootNone is the --root that leaves the guest in its initial file system.
const rootNone = "none"

// rootOn is where the default guest finds its root file system if nobody says: on the
// first disk, if that holds one that its kernel can mount. Whether there is a program on
// it, without which it is for data, the guest sees (guest/init/src/root.c).
func rootOn(disks []blk.Config) string {
	if len(disks) == 0 {
		return ""
	}
	switch content.FileSystemOf(reader{disks[0].Backend}) {
	case "ext2", "ext3", "ext4", "squashfs":
		return "/dev/vda"
	}
	return ""
}

// checkRoot refuses a --root that the default guest cannot have: its kernel knows no
// disks but terem's. Which partitions there are, only the guest sees. With a type of
// the user's, the name may mean something else.
func checkRoot(o *Options) error {
	if o.Root == "" || o.Root == rootNone || strings.Contains(o.Append, "rootfstype=") {
		return nil
	}
	bad := func(cause, mend string) error {
		return &fault.Error{Class: fault.Usage, Thing: fault.Field("Root") + " " + o.Root, Cause: cause, Mend: mend}
	}
	disk, ok := strings.CutPrefix(o.Root, "/dev/vd")
	letter := strings.TrimRight(disk, "0123456789")
	if !ok || len(letter) != 1 || letter < "a" || letter > "z" {
		return bad("the guest's disks are /dev/vda, /dev/vdb and so on, with partitions /dev/vda1", "name one of them, or none")
	}
	switch n := len(o.Disks); {
	case n == 0:
		return bad("the guest has no disk", "give it one with "+fault.Field("Disks")+", or leave "+fault.Field("Root")+" out")
	case int(letter[0]-'a') >= n:
		return bad(fmt.Sprintf("the guest's last disk is /dev/vd%c", 'a'+min(n, 26)-1), "name one that it has, or none")
	}
	return nil
}
