package steer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"terem/internal/running"
	"terem/internal/vm/control"
	"terem/internal/vm/machine"
)

// Form is how a list is written.
type Form int

const (
	Table Form = iota
	JSON
	Names // one a line
)

// List asks all that runs what it is. What ends meanwhile is left out.
func List() ([]control.Info, error) {
	names, err := running.List(running.Root())
	if err != nil {
		return nil, err
	}
	all := []control.Info{}
	for _, name := range names {
		c, err := find(name)
		if err != nil {
			continue
		}
		if _, err := os.Stat(c.Path); err != nil {
			all = append(all, control.Info{Name: name, State: "starting"})
			continue
		}
		info, err := c.Info()
		if errors.Is(err, control.ErrGone) {
			continue
		}
		if err != nil {
			info = control.Info{Name: name, State: err.Error()}
		}
		all = append(all, info)
	}
	return all, nil
}

// WriteList writes the list for people or for programs.
func WriteList(w io.Writer, form Form, all []control.Info, now time.Time) error {
	switch form {
	case JSON:
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(all)
	case Names:
		for _, i := range all {
			if _, err := fmt.Fprintln(w, i.Name); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tKIND\tSTATE\tUP\tPID\tCPUS\tMEMORY\tCOMMAND")
	for _, i := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", i.Name, i.Kind, i.State, since(i.Started, now), i.PID,
			limit(i.CPUs == 0, strconv.FormatFloat(i.CPUs, 'g', -1, 64)), limit(i.Memory == 0, machine.Bytes(i.Memory)), commandLine(i.Command))
	}
	return t.Flush()
}

func limit(none bool, s string) string {
	if none {
		return "-"
	}
	return s
}

// since is how long something has run, as a person says it.
func since(start, now time.Time) string {
	d := now.Sub(start)
	switch {
	case start.IsZero():
		return "-"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(max(d, 0).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours())/24)
}

// commandWidth is how much of a command a line of the list shows, in characters.
const commandWidth = 40

// commandLine shows a command in one line, with nothing in it that a terminal would obey.
func commandLine(argv []string) string {
	if len(argv) == 0 {
		return "(shell)"
	}
	words := make([]string, len(argv))
	for i, a := range argv {
		words[i] = a
		if q := strconv.Quote(a); q != `"`+a+`"` || a == "" || strings.Contains(a, " ") {
			words[i] = q
		}
	}
	line := []rune(strings.Join(words, " "))
	if len(line) > commandWidth {
		line = append(line[:commandWidth-3], []rune("...")...)
	}
	return string(line)
}
