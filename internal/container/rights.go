package container

import (
	"github.com/moby/sys/capability"
)

// kept are the capabilities (capabilities(7)) that a container's root keeps: the ones that
// engines keep, which are those that change nothing outside, but for CAP_MKNOD. With it
// and the host's user numbers a program could make a file for any device; engines then
// need a control group for devices, which a container of ours does not.
var kept = [...]capability.Cap{
	capability.CAP_AUDIT_WRITE,
	capability.CAP_CHOWN,
	capability.CAP_DAC_OVERRIDE,
	capability.CAP_FOWNER,
	capability.CAP_FSETID,
	capability.CAP_KILL,
	capability.CAP_NET_BIND_SERVICE,
	capability.CAP_NET_RAW,
	capability.CAP_SETFCAP,
	capability.CAP_SETGID,
	capability.CAP_SETPCAP,
	capability.CAP_SETUID,
	capability.CAP_SYS_CHROOT,
}

// dropCapabilities leaves no capability but those kept, in any of the five sets: the
// bounding set, so that no program file gives one back; the effective and the permitted
// one; and nothing to inherit, so that an ordinary user inside has none.
// Two more go if what they do would be seen outside (see setid.go): to give a file
// capabilities, and to write to a set-user-ID file that then stays one.
func (s *stage) dropCapabilities() error {
	const thisThread = 0
	c, err := capability.NewPid2(thisThread)
	if err != nil {
		return err
	}
	const sets = capability.EFFECTIVE | capability.PERMITTED | capability.BOUNDING
	c.Set(sets, kept[:]...)
	if s.Writes {
		c.Unset(sets, capability.CAP_SETFCAP, capability.CAP_FSETID)
	}
	return c.Apply(capability.CAPS | capability.BOUNDS | capability.AMBS)
}
