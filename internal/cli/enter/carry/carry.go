package carry

import (
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"

	"terem/internal/cli/enter"
	"terem/internal/fault"
	"terem/internal/vm/agent"
)

// Stream stands for standard input or output, as a path.
const Stream = "-"

// Place is a path, in a machine if that has a name.
type Place struct {
	Machine string
	Path    string
}

func (p Place) String() string {
	if p.Machine == "" {
		return p.Path
	}
	return p.Machine + ":" + p.Path
}

// ParsePlace reads NAME:PATH or PATH. What has a slash before the colon is a path.
func ParsePlace(s string) Place {
	name, rest, ok := strings.Cut(s, ":")
	if !ok || strings.Contains(name, "/") || name == "" || name == "." {
		return Place{Path: s}
	}
	return Place{Machine: name, Path: rest}
}

// Streams are the caller's.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Say func(string) // a line about what was left out
}

// Copy copies a file or a directory between the host and a machine.
func Copy(from, to Place, s Streams) error {
	bad := func(cause string) error {
		return &fault.Error{Class: fault.Usage, Thing: "copy " + from.String() + " to " + to.String(), Cause: cause,
			Mend: "name one place as NAME:PATH and one as PATH"}
	}
	switch {
	case from.Path == "" || to.Path == "":
		return bad("a path is empty")
	case from.Machine != "" && to.Machine != "":
		return bad("both are in machines")
	case from.Machine != "":
		return out(from, to.Path, s)
	case to.Machine != "":
		return in(from.Path, to, s)
	}
	return bad("neither is in a machine")
}

// out copies from a machine.
func out(from Place, to string, s Streams) error {
	dir, base := split(from.Path)
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := command(from, nil, w, "tar", "-c", "-f", "-", "-C", dir, operand(base))
		w.CloseWithError(err)
		done <- err
	}()
	var err error
	if to == Stream {
		_, err = io.Copy(s.Out, r)
	} else {
		err = unpack(r, base, to, s.Say)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, r) // what tar fills its last block with
	}
	r.CloseWithError(errors.New("nobody reads it any more"))
	if guest := <-done; guest != nil && (err == nil || errors.Is(err, guest) || errors.Is(err, errEmpty) || errors.Is(err, io.ErrUnexpectedEOF)) {
		return guest // it is why there was no more
	}
	return local(to, err)
}

// in copies into a machine.
func in(from string, to Place, s Streams) error {
	dir, base := to.Path, baseOf(from)
	if from != Stream && command(to, nil, nil, "test", "-d", to.Path) != nil {
		dir, base = split(to.Path)
	}
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		var err error
		if from == Stream {
			_, err = io.Copy(w, s.In)
		} else {
			err = pack(w, from, base, s.Say)
		}
		w.CloseWithError(err)
		done <- err
	}()
	guest := command(to, r, nil, "tar", "-x", "-f", "-", "-C", dir)
	r.CloseWithError(errGuest)
	if err := <-done; err != nil && !errors.Is(err, errGuest) {
		return local(from, err)
	}
	return guest
}

// errEmpty is the error of an archive without a file.
var errEmpty = errors.New("the guest sent an empty archive")

// errGuest is what the writer of an archive meets when the guest takes no more; the guest has said why.
var errGuest = errors.New("the guest takes no more")

// local is an error of the host's side.
func local(thing string, err error) error {
	var told *fault.Error
	if err == nil || errors.As(err, &told) {
		return err
	}
	return &fault.Error{Class: fault.Host, Thing: thing, Err: err}
}

// split gives the directory of a path in a guest, and the name in it: "." for a directory's content.
func split(p string) (dir, base string) {
	clean := path.Clean(p)
	if strings.HasSuffix(p, "/.") || path.Base(clean) == "." || path.Base(clean) == ".." || clean == "/" {
		return clean, "."
	}
	return path.Dir(clean), path.Base(clean)
}

// operand is a name that tar takes for one, even if it begins as an option does.
func operand(base string) string {
	if strings.HasPrefix(base, "-") {
		return "./" + base
	}
	return base
}

// baseOf is the name of a place of the host's, in an archive: "." for a directory's content.
func baseOf(p string) string {
	base := filepath.Base(p)
	if base == ".." {
		if abs, err := filepath.Abs(p); err == nil {
			base = filepath.Base(abs)
		}
	}
	if base == "/" || base == ".." {
		return "."
	}
	return base
}

// command runs a program in a machine. If it fails, its last line says why.
func command(p Place, stdin io.Reader, stdout io.Writer, argv ...string) error {
	c, err := enter.Dial(p.Machine)
	if err != nil {
		return err
	}
	said := &last{}
	st, err := agent.Exec(c, agent.Start{Argv: argv}, agent.Streams{Stdin: stdin, Stdout: stdout, Stderr: said})
	if err != nil {
		return failure(p.Machine, argv[0], err)
	}
	if st.Exit() == 0 {
		return nil
	}
	return &fault.Error{Class: fault.Host, Thing: p.String(), Cause: said.line(fmt.Sprintf("%s ended with status %d", argv[0], st.Exit()))}
}

// failure is the error for a program that could not start, or was not heard of to its end.
func failure(machine, program string, err error) error {
	var start *agent.StartError
	var out *agent.OutputError
	switch {
	case errors.As(err, &start) && start.Exit() == fault.StatusNoProgram:
		return &fault.Error{Class: fault.Host, Thing: machine, Cause: "the guest has no " + program}
	case errors.As(err, &start):
		return &fault.Error{Class: fault.NotExecutable, Thing: program, Err: err}
	case errors.As(err, &out):
		return err // it is about the host's side, and known there
	case errors.Is(err, agent.ErrGone):
		return &fault.Error{Class: fault.Gone, Thing: machine, Cause: "it ended before the copy did", Mend: "see `terem ps`"}
	}
	return &fault.Error{Class: fault.Guest, Thing: machine, Err: err}
}
