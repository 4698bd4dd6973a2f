package image

import (
	"archive/tar"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/vm/disk/content"
	"terem/internal/vm/disk/ext4"
)

// Kinds of entries that archive/tar has no names for.
const (
	gnuDump   = 'D' // a directory, and what was in it (--incremental)
	gnuVolume = 'V' // the name of a tape
)

// Pax records about one file: those of star, of GNU tar and of libarchive.
const (
	recordXattr   = "SCHILY.xattr."
	recordACL     = "SCHILY.acl."
	recordFlags   = "SCHILY.fflags"
	recordMajor   = "SCHILY.devmajor"
	recordMinor   = "SCHILY.devminor"
	recordSELinux = "RHT.security.selinux"
	recordXattr64 = "LIBARCHIVE.xattr."
	recordBirth   = "LIBARCHIVE.creationtime"
)

// newNode makes a node of what a tar says of a file, but for its contents.
func newNode(h *tar.Header) (*ext4.Node, error) {
	const most = 1<<32 - 2 // the last number means "no owner"
	if h.Uid < 0 || h.Gid < 0 || h.Uid > most || h.Gid > most {
		return nil, fmt.Errorf("owner %d, group %d: Linux has numbers up to %d", h.Uid, h.Gid, most)
	}
	n := &ext4.Node{Mode: uint32(h.Mode & 0o7777), UID: uint32(h.Uid), GID: uint32(h.Gid), Attrs: map[string][]byte{}}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		n.Mode |= unix.S_IFREG
	case tar.TypeDir, gnuDump:
		n.Mode |= unix.S_IFDIR
	case tar.TypeSymlink:
		n.Mode, n.Target = unix.S_IFLNK|0o777, h.Linkname
	case tar.TypeChar:
		n.Mode |= unix.S_IFCHR
	case tar.TypeBlock:
		n.Mode |= unix.S_IFBLK
	case tar.TypeFifo:
		n.Mode |= unix.S_IFIFO
	default:
		return nil, fmt.Errorf("an entry of kind %q, which terem does not know", h.Typeflag)
	}
	if err := setDevice(n, h); err != nil {
		return nil, err
	}
	n.Times.Modify = at(h.ModTime)
	n.Times.Access, n.Times.Change, n.Times.Birth = n.Times.Modify, n.Times.Modify, n.Times.Modify
	if !h.AccessTime.IsZero() {
		n.Times.Access = at(h.AccessTime)
	}
	if !h.ChangeTime.IsZero() {
		n.Times.Change = at(h.ChangeTime)
	}
	for key, value := range h.PAXRecords {
		if err := record(n, key, value); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func at(t time.Time) ext4.Time { return ext4.Time{Sec: t.Unix(), Nsec: uint32(t.Nanosecond())} }

// setDevice finds a device's numbers; those that the header has no room for are in records.
func setDevice(n *ext4.Node, h *tar.Header) (err error) {
	if k := kind(n); k != unix.S_IFCHR && k != unix.S_IFBLK {
		return nil
	}
	for _, part := range []struct {
		to     *uint32
		header int64
		record string
	}{{&n.Major, h.Devmajor, recordMajor}, {&n.Minor, h.Devminor, recordMinor}} {
		x := part.header
		if s := h.PAXRecords[part.record]; s != "" {
			if x, err = strconv.ParseInt(s, 10, 64); err != nil {
				return fmt.Errorf("device number %q", s)
			}
		}
		if x < 0 || x >= 1<<32 {
			return fmt.Errorf("device number %d", x)
		}
		*part.to = uint32(x)
	}
	return nil
}

// record takes over one pax record. Those that archive/tar has read, and the remarks of the
// programs that write tars, say nothing more.
func record(n *ext4.Node, key, value string) (err error) {
	if name, ok := strings.CutPrefix(key, recordXattr); ok {
		// GNU tar writes "=" and "%" as %3D and %25.
		n.Attrs[strings.NewReplacer("%3D", "=", "%25", "%").Replace(name)] = []byte(value)
		return nil
	}
	if name, ok := strings.CutPrefix(key, recordXattr64); ok {
		return record64(n, name, value)
	}
	switch key {
	case recordACL + "access", recordACL + "default": // once names can be looked up
	case recordSELinux:
		n.Attrs["security.selinux"] = []byte(value + "\x00")
	case recordFlags:
		n.Flags, err = fileFlags(value)
	case recordBirth:
		n.Times.Birth, err = recordTime(value)
	default:
		if strings.HasPrefix(key, recordACL) {
			err = errors.New("an access control list of another system (" + content.Printable(key) + ")")
		}
	}
	return err
}

// record64 is an attribute as libarchive writes it: the name as in a URL, the value in
// base64. Where it writes SCHILY.xattr too, both say the same.
func record64(n *ext4.Node, name, value string) error {
	plain, err := url.PathUnescape(name)
	if err != nil {
		return fmt.Errorf("attribute %q: %w", name, err)
	}
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
	if err != nil {
		return fmt.Errorf("attribute %q: %w", plain, err)
	}
	n.Attrs[plain] = b
	return nil
}

// recordTime reads seconds with a fraction.
func recordTime(s string) (t ext4.Time, err error) {
	whole, part, _ := strings.Cut(s, ".")
	if t.Sec, err = strconv.ParseInt(whole, 10, 64); err != nil {
		return t, fmt.Errorf("time %q", s)
	}
	nano, err := strconv.ParseUint((part + "000000000")[:9], 10, 32)
	if err != nil {
		return t, fmt.Errorf("time %q", s)
	}
	if t.Nsec = uint32(nano); strings.HasPrefix(whole, "-") && nano > 0 {
		t.Sec, t.Nsec = t.Sec-1, 1e9-t.Nsec
	}
	return t, nil
}

// fileFlags reads flags by the names that BSD has given them; libarchive and star write
// those of Linux so, too.
func fileFlags(s string) (flags uint32, err error) {
	for name := range strings.SplitSeq(s, ",") {
		switch strings.TrimSpace(name) {
		case "":
		case "schg", "schange", "simmutable", "uchg", "uchange", "uimmutable":
			flags |= ext4.FlagImmutable
		case "sappnd", "sappend", "uappnd", "uappend":
			flags |= ext4.FlagAppend
		case "nodump":
			flags |= ext4.FlagNoDump
		case "noatime":
			flags |= ext4.FlagNoAtime
		default:
			return 0, fmt.Errorf("file flag %q, which terem does not know", name)
		}
	}
	return flags, nil
}

// checkGlobal refuses records for all entries that follow, if they say more than remarks.
func checkGlobal(h *tar.Header) error {
	for key := range h.PAXRecords {
		switch key {
		case "comment", "charset", "hdrcharset", "uname", "gname":
		default:
			if strings.ToLower(key) == key || strings.HasPrefix(key, "SCHILY.") || strings.HasPrefix(key, sparsePrefix) {
				return fmt.Errorf("%q for all files at once, which terem does not know", key)
			}
		}
	}
	return nil
}
