package tree

import "golang.org/x/sys/unix"

// overflow is the owner of a file that is nobody's in the guest, as in a user namespace.
const overflow = 65534

// unset leaves an owner as it is (chown(2)).
const unset = ^uint32(0)

// identity says whose files are whose.
type identity struct {
	same     bool // root: owners are the same numbers in the guest
	uid, gid uint32
}

// own is for a process with that user and group.
func own(uid, gid int) identity {
	return identity{same: uid == 0, uid: uint32(uid), gid: uint32(gid)}
}

// shown are the owners that the guest sees.
func (i identity) shown(uid, gid uint32) (uint32, uint32) {
	if i.same {
		return uid, gid
	}
	return asRoot(uid, i.uid), asRoot(gid, i.gid)
}

func asRoot(id, ours uint32) uint32 {
	if id == ours {
		return 0
	}
	return overflow
}

// given are the owners to set for those that the guest names.
func (i identity) given(uid, gid uint32) (int, int, error) {
	if i.same {
		return asInt(uid), asInt(gid), nil
	}
	u, ok := fromRoot(uid, i.uid)
	g, also := fromRoot(gid, i.gid)
	if !ok || !also {
		return 0, 0, unix.EPERM
	}
	return u, g, nil
}

// fromRoot takes root and "as it is".
func fromRoot(id, ours uint32) (int, bool) {
	switch id {
	case 0:
		return int(ours), true
	case unset:
		return -1, true
	}
	return 0, false
}

// asInt is an owner as chown(2) takes it: -1 leaves it as it is.
func asInt(id uint32) int {
	if id == unset {
		return -1
	}
	return int(id)
}

// adopt gives a new file to the user of the guest who makes it. In a directory with the set-group-ID bit, it keeps the
// directory's group.
func (i identity) adopt(fd int, uid, gid uint32, parentMode uint32) error {
	if !i.same || uid == 0 && gid == 0 {
		return nil
	}
	g := asInt(gid)
	if parentMode&unix.S_ISGID != 0 {
		g = -1
	}
	return unix.Fchownat(fd, "", int(uid), g, unix.AT_EMPTY_PATH)
}
