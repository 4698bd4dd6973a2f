package disk

import (
	"fmt"
	"slices"

	"terem/internal/fault"
)

// OpenAll opens the disks of one machine, all or none: each has an ID of its own, and none is in the way of another.
func OpenAll(specs []Spec, o Options) (disks []*Disk, err error) {
	defer func() {
		if err != nil {
			for _, d := range disks {
				d.Unmake()
			}
			disks = nil
		}
	}()
	if specs, err = named(specs); err != nil {
		return nil, err
	}
	if err := checkShared(specs); err != nil {
		return nil, err
	}
	for _, s := range specs {
		d, err := Open(s, o)
		if err != nil {
			return disks, err
		}
		disks = append(disks, d)
	}
	return disks, nil
}

// named gives an ID to each disk that has none: disk0 to the first, disk1 to the second,
// or the next that is free. A guest that finds a disk by its ID must find one only.
func named(specs []Spec) ([]Spec, error) {
	taken := map[string]bool{}
	for _, s := range specs {
		if s.ID != "" && taken[s.ID] {
			return nil, &fault.Error{Class: fault.Usage, Thing: fault.Field("Disks") + " " + s.Path + ",id=" + s.ID,
				Cause: "another disk has that id", Mend: "give each its own"}
		}
		taken[s.ID] = true
	}
	specs = slices.Clone(specs)
	for i := range specs {
		for n := i; specs[i].ID == ""; n++ {
			if id := fmt.Sprintf("disk%d", n); !taken[id] {
				specs[i].ID, taken[id] = id, true
			}
		}
	}
	return specs, nil
}
