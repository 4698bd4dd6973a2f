package image

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"terem/internal/fault"
	"terem/internal/vm/disk"
)

const sectorSize = 512

// Create makes a raw image of size bytes that takes up no room yet.
func Create(path string, size uint64, force bool) error {
	if err := checkSize(path, size); err != nil {
		return err
	}
	if format := strings.TrimPrefix(filepath.Ext(path), "."); slices.Contains([]string{"qcow2", "vmdk", "vdi", "vhd", "vhdx"}, format) {
		return &fault.Error{Class: fault.Usage, Thing: "make " + path, Cause: "terem makes raw images, and the name says " + format,
			Mend: "call it " + strings.TrimSuffix(path, format) + "img"}
	}
	return disk.Create(path, force, func(f *os.File) error { return f.Truncate(int64(size)) })
}

func checkSize(path string, size uint64) error {
	bad := func(cause, mend string) error {
		return &fault.Error{Class: fault.Usage, Thing: "make " + path, Cause: cause, Mend: mend}
	}
	switch {
	case size == 0:
		return bad("a disk of no bytes", "give a size such as 4G")
	case size > math.MaxInt64:
		return bad("a file cannot be that long", "give a size such as 4G")
	case size%sectorSize != 0:
		return bad(fmt.Sprintf("%d bytes are no multiple of %d", size, sectorSize), fmt.Sprintf("try %d", size/sectorSize*sectorSize+sectorSize))
	}
	return nil
}
