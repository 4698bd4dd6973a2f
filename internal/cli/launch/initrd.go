package launch

import (
	"bytes"
	"io"

	"terem/internal/fault"
	"terem/internal/vm/machine"
)

// initrdMagics are the first bytes of what Linux unpacks at its start: an archive
// (Documentation/driver-api/early-userspace/buffer-format.rst), or one that is
// compressed (lib/decompress.c).
var initrdMagics = [...]string{
	"070701", "070702", // cpio
	"\x1f\x8b", "\x1f\x9e", // gzip
	"BZh", "\x5d\x00", "\xfd7zXZ\x00", "\x89LZO", "\x02\x21\x4c\x18", "\x28\xb5\x2f\xfd",
}

// checkInitrd refuses an initrd that the default guest's kernel would panic for. What
// another kernel takes, that one knows, but nobody takes an empty file.
func checkInitrd(f *machine.File, own bool) error {
	bad := func(cause string) error {
		return &fault.Error{Class: fault.Usage, Thing: "initrd " + f.Name, Cause: cause,
			Mend: "name a cpio archive, which may be compressed, with " + fault.Field("Initrd")}
	}
	if f.Size == 0 {
		return bad("the file is empty")
	}
	if !own {
		return nil
	}
	head := make([]byte, 512)
	n, err := f.R.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return bad(fault.Reason(err).Error())
	}
	head = bytes.TrimLeft(head[:n], "\x00") // the kernel skips zeros
	for _, magic := range initrdMagics {
		if bytes.HasPrefix(head, []byte(magic)) {
			return nil
		}
	}
	return bad("it is neither a cpio archive nor compressed")
}
