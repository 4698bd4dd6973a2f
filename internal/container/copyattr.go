package container

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// attributes copies the extended attributes (xattr(7)) that mean something in a
// container: access control lists, whose users are shifted, and the users' own, if a
// tmpfs can have those (Linux 6.6). Capabilities of files are not among them: a container
// has no_new_privs, which makes them void.
func (c *copier) attributes(in, out int) error {
	n, err := unix.Flistxattr(in, c.buffer)
	if errors.Is(err, unix.EOPNOTSUPP) || n == 0 && err == nil {
		return nil
	}
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(c.buffer[:n]), "\x00"), "\x00") {
		switch {
		case name == "system.posix_acl_access" || name == "system.posix_acl_default":
			err = c.attribute(in, out, name, c.owners.shiftACL)
		case strings.HasPrefix(name, "user."):
			err = c.attribute(in, out, name, bytes.Clone)
			if errors.Is(err, unix.EOPNOTSUPP) {
				err = nil
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) attribute(in, out int, name string, convert func([]byte) []byte) error {
	n, err := unix.Fgetxattr(in, name, c.buffer)
	if err != nil {
		return err
	}
	return unix.Fsetxattr(out, name, convert(c.buffer[:n]), 0)
}

// shiftACL shifts the users and groups in an access control list, which is as in
// linux/posix_acl_xattr.h:
//
//	0  version, 4 bytes
//	4  entries of 8 bytes: tag 2, permissions 2, number of the user or group 4
func (o owners) shiftACL(list []byte) []byte {
	const (
		head, size        = 4, 8
		tagUser, tagGroup = 0x02, 0x08
	)
	list = bytes.Clone(list)
	if len(list) < head {
		return list // the kernel will say what it thinks of that
	}
	for e := list[head:]; len(e) >= size; e = e[size:] {
		id := binary.LittleEndian.Uint32(e[4:])
		switch binary.LittleEndian.Uint16(e) {
		case tagUser:
			id = uint32(shifted(o.user, id))
		case tagGroup:
			id = uint32(shifted(o.group, id))
		}
		binary.LittleEndian.PutUint32(e[4:], id)
	}
	return list
}
