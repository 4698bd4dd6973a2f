package disk

import "terem/internal/fault"

// use is one file of a machine's disks, and what is done with it.
type use struct {
	spec    *Spec
	overlay bool
	writes  bool
	file    Identity
}

// checkShared refuses disks of one machine that would be in each other's way: a file
// that is written may be there once only. Files that are missing are none of its.
func checkShared(specs []Spec) error {
	var uses []use
	for i := range specs {
		s := &specs[i]
		for _, u := range []use{{spec: s, writes: !s.ReadOnly && s.Overlay == ""}, {spec: s, overlay: true, writes: !s.ReadOnly}} {
			path := s.Path
			if u.overlay {
				path = s.Overlay
			}
			u.file = IdentifyPath(path) // of one that is missing, opening it will say so, if it is to be there
			for _, before := range uses {
				if before.file.Overlaps(u.file) && (before.writes || u.writes) {
					return u.clash(&before)
				}
			}
			uses = append(uses, u)
		}
	}
	return nil
}

// clash puts two uses of one file into words.
func (u *use) clash(before *use) error {
	e := &fault.Error{Class: fault.Usage, Thing: fault.Field("Disks") + " " + u.spec.Path}
	if u.spec.Overlay != "" {
		e.Thing += ",overlay=" + u.spec.Overlay
	}
	switch {
	case u.overlay && before.spec == u.spec:
		e.Cause, e.Mend = "the overlay is the disk itself", "name a new file for the overlay"
	case u.overlay && before.overlay:
		e.Cause, e.Mend = "another disk has the same overlay", "name an overlay for each"
	case u.overlay:
		e.Cause, e.Mend = "the overlay is another disk", "name a new file for the overlay"
	case before.overlay:
		e.Cause, e.Mend = "it is the overlay of another disk", "name the disk once"
	default:
		e.Cause, e.Mend = "it is there twice, and a disk that is written may be there once", "name it once, or add ro or an overlay to each"
	}
	return e
}
