package launch

import (
	"errors"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"terem/devices/virtio/rng"
	"terem/internal/fault"
	"terem/internal/network"
	"terem/internal/vm/disk"
	"terem/internal/vm/machine"
)

// request is what a snapshot keeps of a machine besides its state: all that it takes to build a machine like it.
type request struct {
	Memory   uint64 // bytes
	CPUs     int
	CPU      string
	CmdLine  string // the kernel's
	Command  []string
	At       string `json:",omitempty"` // the moment: WarmReady, WarmProgram; "": any
	TTY      bool   `json:",omitempty"` // the command that stands still is on a terminal
	Disks    []diskRequest
	RNG      *rng.Config
	Balloon  *machine.Balloon
	Network  *network.Spec `json:",omitempty"` // nil: none
	CID      uint64        // of the vsock device; 0: none
	Agent    bool          // the guest has one
	Streams  bool          // and calls the host with its command's streams
	Init     bool          // as in machine.Config
	ACPI     bool
	NoAssist bool
}

// diskRequest is a disk and the file that it was.
type diskRequest struct {
	Spec disk.Spec
	File fileStamp
}

// fileStamp changes with a file's contents.
type fileStamp struct {
	Dev, Ino uint64
	Size     int64
	Changed  int64 // its inode, or its bytes, nanoseconds since 1970
}

func stampOf(path string) (s fileStamp, err error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return s, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return s, errNoFile
	}
	return fileStamp{Dev: st.Dev, Ino: st.Ino, Size: st.Size, Changed: st.Ctim.Nano()}, nil
}

// errNoFile is the error of a device, whose contents change without a trace.
var errNoFile = errors.New("it is no regular file, and whether it is the same later cannot be told")

// request is this machine's. A disk that the guest may write to has changed by the time that the snapshot is restored.
func (s *session) request() (r request, err error) {
	o, c := s.o, s.conf
	if len(o.Shares) > 0 {
		return r, &fault.Error{Class: fault.Usage, Thing: "shared directory " + o.Shares[0].Dir,
			Cause: "what the guest has open in a shared directory is not in a snapshot", Mend: "start the machine without it"}
	}
	r = request{
		Memory: o.Memory, CPUs: o.CPUs, CPU: o.CPU, CmdLine: s.m.CmdLine(), Command: o.Command, RNG: o.RNG, Balloon: o.Balloon,
		Agent: s.here.agent, Streams: s.streams != nil && o.Warm == "", Init: c.Init, ACPI: c.ACPI, NoAssist: o.NoAssist,
	}
	if o.networked() {
		r.Network = &o.Network
	}
	if c.Vsock != nil {
		r.CID = c.Vsock.CID
	}
	r.Disks, err = s.diskRequests()
	return r, err
}

// diskRequests are the machine's disks, if nobody writes to them.
func (s *session) diskRequests() (list []diskRequest, err error) {
	for _, d := range s.o.Disks {
		if !d.ReadOnly {
			return nil, &fault.Error{Class: fault.Usage, Thing: "disk " + d.Path, Cause: "the guest may write to it, and the snapshot would not have what is on it",
				Mend: "give it to the machine read-only: " + d.Path + ",ro"}
		}
		if d.Path, err = filepath.Abs(d.Path); err != nil {
			return nil, err
		}
		stamp, err := stampOf(d.Path)
		if err != nil {
			return nil, &fault.Error{Class: fault.Host, Thing: "disk " + d.Path, Err: fault.Reason(err)}
		}
		list = append(list, diskRequest{d, stamp})
	}
	return list, nil
}

// disks are those of the request, if they are as they were.
func (r *request) disks() (list []disk.Spec, err error) {
	for _, d := range r.Disks {
		now, err := stampOf(d.Spec.Path)
		if err == nil && now != d.File {
			err = errChanged
		}
		if err != nil {
			return nil, &fault.Error{Class: fault.Usage, Thing: "disk " + d.Spec.Path, Err: fault.Reason(err),
				Mend: "bring back the file with which the snapshot was taken"}
		}
		d.Spec.ReadOnly = true // whatever a stranger has written there
		d.Spec.Overlay = ""
		list = append(list, d.Spec)
	}
	return list, nil
}

// options are those of a run of that machine.
func (r *request) options() (o Options, err error) {
	o = Options{
		Memory: r.Memory, CPUs: r.CPUs, CPU: r.CPU, Command: slices.Clone(r.Command), RNG: r.RNG, Balloon: r.Balloon, NoAssist: r.NoAssist,
	}
	if r.Network != nil {
		o.Network = *r.Network
	}
	o.Disks, err = r.disks()
	return o, err
}
