package ext4

import (
	"encoding/binary"
	"errors"
)

// The kernel shows an access control list as a version (4 bytes, 2) and entries of tag (2),
// permissions (2) and id (4); ext4 stores version 1, without the id where none is needed
// (fs/ext4/acl.h).
const (
	aclShown  = 2
	aclStored = 1
	aclUser   = 0x02 // tags with an id
	aclGroup  = 0x08
)

var errACL = errors.New("an access control list that the kernel would not take")

func packACL(b []byte) ([]byte, error) {
	if len(b) < 4 || len(b)%8 != 4 || get32(b) != aclShown {
		return nil, errACL
	}
	out := binary.LittleEndian.AppendUint32(nil, aclStored)
	for e := b[4:]; len(e) > 0; e = e[8:] {
		out = append(out, e[:4]...)
		switch tag := get16(e); tag {
		case aclUser, aclGroup:
			out = append(out, e[4:8]...)
		case 0x01, 0x04, 0x10, 0x20: // owner, group, mask, others
		default:
			return nil, errACL
		}
	}
	return out, nil
}
