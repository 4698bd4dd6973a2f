package watch

import (
	"errors"
	"strings"
	"syscall"

	"terem/internal/cli/command"
	"terem/internal/cli/launch"
	"terem/internal/fault"
	"terem/kvm"
	"terem/vcpu/trace"
)

// New makes what was asked for.
func New(w command.Watch) (list []launch.Watcher, err error) {
	if w.Trace != "" && w.Trace == w.Profile {
		return nil, &fault.Error{Class: fault.Usage, Thing: fault.Field("Profile") + " " + w.Profile, Cause: "the trace would be written over it", Mend: "name another file"}
	}
	if w.GDB != "" {
		list = append(list, &debugger{address: w.GDB, quiet: w.Quiet})
	}
	if w.Trace != "" {
		only, err := maskOf(w.TraceOnly)
		if err != nil {
			return nil, err
		}
		list = append(list, &recorder{out: output{field: "Trace", path: w.Trace}, only: only, own: w.Own, quiet: w.Quiet})
	}
	if w.Profile != "" {
		list = append(list, &recorder{out: output{field: "Profile", path: w.Profile}, every: sampleEvery, own: w.Own, quiet: w.Quiet})
	}
	return list, nil
}

// maskOf are the exits with some names; without names, all.
func maskOf(names []string) (m trace.Mask, err error) {
	if len(names) == 0 {
		return trace.All, nil
	}
	known := map[string]kvm.ExitReason{}
	var all []string
	for r := range kvm.ExitReason(kvm.NumExitReasons) {
		if name := r.String(); !strings.HasPrefix(name, "exit-") {
			known[name] = r
			all = append(all, name)
		}
	}
	for _, name := range names {
		r, is := known[name]
		if !is {
			return 0, &fault.Error{Class: fault.Usage, Thing: fault.Field("TraceOnly") + " " + name, Cause: "no such exit", Mend: "choose from " + strings.Join(all, ", ")}
		}
		m |= 1 << r
	}
	return m, nil
}

// reason strips the operation and the path from an error: they are named already.
func reason(err error) error {
	if n := syscall.Errno(0); errors.As(err, &n) {
		return n
	}
	return err
}
