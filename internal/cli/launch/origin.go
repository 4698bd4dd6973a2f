package launch

import (
	"golang.org/x/sys/unix"

	"terem/internal/vm/machine"
	"terem/internal/vm/snapshot"
)

// origin says where a snapshot is made, for people.
func origin(s *machine.State, version func() string) snapshot.Origin {
	o := snapshot.Origin{Backend: "vt-x", Time: s.Taken.UTC()}
	if version != nil {
		o.Terem = version()
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		o.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	o.Vendor, o.Model = s.Processor()
	switch {
	case s.Interprets:
		o.Backend = "software"
	case o.Vendor == "AuthenticAMD" || o.Vendor == "HygonGenuine":
		o.Backend = "amd-v"
	}
	return o
}
