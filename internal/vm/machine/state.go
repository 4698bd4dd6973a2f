package machine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"terem/kvm"
	"terem/vcpu"
)

// State is all that a guest can change in a machine besides its RAM, as [Machine.Save] gives it: what KVM holds, and what each
// device does. It goes with the contents of RAM of the same moment, and with a Config like the one that the machine had.
type State struct {
	CPUs       []CPUState
	PIC        [2][]byte // the two 8259s
	IOAPIC     []byte
	PIT        *kvm.PITState `json:",omitempty"` // nil: the guest has not come to use it (ADR 0015)
	Clock      uint64        // nanoseconds of kvm-clock
	TSCKHz     int           // of each vCPU's time-stamp counter
	Interprets bool          // KVM interpreted the guest's kernel code
	Undone     bool          // and left SYSCALL undone
	Listens    bool          // the default guest's init takes input
	Taken      time.Time     // when, by the host's clock

	// Devices has the state of each, by its name.
	Devices map[string]json.RawMessage
}

// CPUState is a vCPU and what it says of itself.
type CPUState struct {
	CPUID []kvm.CPUIDEntry
	vcpu.State
}

// part is a device whose state is saved.
type part struct {
	name string
	save func() any
	load func(json.RawMessage) error
}

// device is what has a state of type S.
type device[S any] interface {
	Save() S
	Restore(S)
}

func partOf[S any](name string, d device[S]) part {
	return partWith(name, d.Save, func(s S) error { d.Restore(s); return nil })
}

func partWith[S any](name string, save func() S, restore func(S) error) part {
	return part{
		name: name,
		save: func() any { return save() },
		load: func(b json.RawMessage) error {
			var s S
			d := json.NewDecoder(bytes.NewReader(b))
			d.DisallowUnknownFields()
			if err := d.Decode(&s); err != nil {
				return err
			}
			return restore(s)
		},
	}
}

// saveParts gives the state of each.
func saveParts(parts []part) (map[string]json.RawMessage, error) {
	all := make(map[string]json.RawMessage, len(parts))
	for _, p := range parts {
		b, err := json.Marshal(p.save())
		if err != nil {
			return nil, fmt.Errorf("save %s: %w", p.name, err)
		}
		all[p.name] = b
	}
	return all, nil
}

// loadParts gives each its state: that of every device that is there, and of no other.
func loadParts(parts []part, all map[string]json.RawMessage) error {
	if len(all) != len(parts) {
		return fmt.Errorf("the state has %d devices, and the machine %d", len(all), len(parts))
	}
	for _, p := range parts {
		b, ok := all[p.name]
		if !ok {
			return fmt.Errorf("the state has no device %q", p.name)
		}
		if err := p.load(b); err != nil {
			return fmt.Errorf("restore %s: %w", p.name, err)
		}
	}
	return nil
}
