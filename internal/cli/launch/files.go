package launch

import (
	"os"
	"path/filepath"

	"terem/internal/fault"
	"terem/internal/vm/disk"
	"terem/internal/vm/snapshot"
)

// fileUse is a file that a run reads or writes.
type fileUse struct {
	field  string // that names it, if one does
	name   string
	is     disk.Identity
	writes bool
	stream bool // one of terem's own standard streams
}

func (u *fileUse) what() string {
	if u.field == "" {
		return u.name
	}
	return fault.Field(u.field) + " " + u.name
}

// checkFiles refuses a run that writes a file which it uses for something else, too: a console would empty a disk. What
// disks are to one another, package disk knows (OpenAll); what one standard stream is to another is the shell's.
func checkFiles(o *Options, im *images, c console) error {
	uses := im.uses()
	for _, d := range o.Disks {
		uses = append(uses, fileUse{field: "Disks", name: d.Path, is: disk.IdentifyPath(d.Path), writes: !d.ReadOnly && d.Overlay == ""})
		if d.Overlay != "" {
			uses = append(uses, fileUse{field: "Disks", name: d.Path + ",overlay=" + d.Overlay, is: disk.IdentifyPath(d.Overlay), writes: !d.ReadOnly})
		}
	}
	for _, w := range o.Outputs {
		uses = append(uses, fileUse{field: w.Field, name: w.Path, is: disk.IdentifyPath(w.Path), writes: true})
	}
	if c.own {
		uses = append(uses, fileUse{field: "Console", name: o.Console, is: disk.Identify(c.File), writes: true})
	}
	for _, s := range []struct {
		name   string
		file   *os.File
		used   bool
		writes bool
	}{
		{"standard input", o.Stdin, o.stdio(), false}, {"standard output", o.Stdout, o.stdio(), true}, {"standard error", o.Stderr, true, true},
	} {
		if s.used && s.file != nil {
			uses = append(uses, fileUse{name: s.name, is: disk.Identify(s.file), writes: s.writes, stream: true})
		}
	}
	return clash(uses)
}

// checkSnapshot refuses a restore that writes what it restores from.
func checkSnapshot(o *Options, dirs []string, c console) error {
	uses := []fileUse{{field: "Console", name: o.Console, is: disk.Identify(c.File), writes: true}}
	if !c.own {
		return nil
	}
	for _, dir := range dirs {
		for _, name := range snapshot.Files() {
			path := filepath.Join(dir, name)
			uses = append(uses, fileUse{name: path, is: disk.IdentifyPath(path)})
		}
	}
	for _, d := range o.Disks {
		uses = append(uses, fileUse{name: "disk " + d.Path, is: disk.IdentifyPath(d.Path)})
	}
	return clash(uses)
}

// clash is the error of the first two uses of one file that cannot be together.
func clash(uses []fileUse) error {
	for i := range uses {
		u := &uses[i]
		for j := range i {
			before := &uses[j]
			if !u.writes && !before.writes || u.stream && before.stream || u.field == "Disks" && before.field == "Disks" {
				continue
			}
			if u.is.Overlaps(before.is) {
				return &fault.Error{Class: fault.Usage, Thing: u.what(), Cause: "it is the same file as " + before.what() +
					", and one would be written over the other", Mend: "name another file"}
			}
		}
	}
	return nil
}
