package launch

import (
	"fmt"

	"terem/devices/virtio/fs"
	"terem/guest/cmdline"
	"terem/internal/fault"
	"terem/internal/vm/share"
)

// checkShares refuses directories that would hide what the default guest itself lives on.
func checkShares(o *Options) error {
	if o.Kernel != "" {
		return nil // of a stranger's kernel nobody mounts them but the stranger
	}
	if len(o.Shares) > cmdline.MaxShares {
		return &fault.Error{Class: fault.Usage, Thing: fmt.Sprintf("%d times %s", len(o.Shares), fault.Field("Shares")), Cause: fmt.Sprintf("at most %d go", cmdline.MaxShares)}
	}
	for _, s := range o.Shares {
		switch s.Path {
		case "/bin", "/dev", "/proc", "/sys":
			return &fault.Error{Class: fault.Usage, Thing: fault.Field("Shares") + " " + s.Dir + ":" + s.Path,
				Cause: "the guest has what it needs itself there", Mend: "name another path"}
		}
	}
	return nil
}

// openShares starts a process for each directory. The guest mounts them by the tags share0, share1 and so on.
func (s *session) openShares() (list []fs.Config, err error) {
	for i, spec := range s.o.Shares {
		program, err := s.o.ShareServer()
		if err != nil {
			return nil, err
		}
		server, err := share.Start(program, spec)
		if err != nil {
			return nil, err
		}
		s.shares = append(s.shares, server)
		list = append(list, fs.Config{Server: server, Tag: cmdline.ShareTag(i)})
	}
	return list, nil
}

// closeShares ends the processes.
func (s *session) closeShares() {
	for _, c := range s.shares {
		s.murmur(c.Close())
	}
}
