package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

func flag(field string) string { return "--" + strings.ToLower(field) }

func TestSay(t *testing.T) {
	inner := &Error{Class: Host, Thing: Field("Root") + " /x", Err: fs.ErrPermission, Mend: "name another than " + Field("Root")}
	for _, tt := range []struct {
		err         error
		plain, said string
	}{
		{errors.New("no\tfields"), "no\tfields", "no\tfields"},
		{&Error{Thing: "disk a", Cause: "it is empty", Mend: "fill it"}, "disk a: it is empty; fill it", "disk a: it is empty; fill it"},
		{&Error{Thing: Field("Memory") + " 1T", Cause: "too much"}, "Memory 1T: too much", "--memory 1T: too much"},
		{inner, "Root /x: permission denied; name another than Root", "--root /x: permission denied; name another than --root"},
		{fmt.Errorf("start: %w", inner), "start: Root /x: permission denied; name another than Root",
			"start: --root /x: permission denied; name another than --root"},
		{&Error{Thing: "start", Err: fmt.Errorf("stage: %w", inner)}, "start: stage: Root /x: permission denied; name another than Root",
			"start: stage: --root /x: permission denied; name another than --root"},
	} {
		if got := tt.err.Error(); got != tt.plain {
			t.Errorf("Error() = %q, want %q", got, tt.plain)
		}
		if got := Say(tt.err, flag); got != tt.said {
			t.Errorf("Say = %q, want %q", got, tt.said)
		}
	}
	if !errors.Is(inner, fs.ErrPermission) {
		t.Error("the underlying error is lost")
	}
}

func TestStatus(t *testing.T) {
	for err, want := range map[error]int{
		errors.New("anything"):             69,
		&Error{Class: Usage}:               64,
		&Error{Class: Host}:                69,
		&Error{Class: Guest}:               84,
		&Error{Class: NotExecutable}:       126,
		&Error{Class: NoProgram}:           127,
		fmt.Errorf("x: %w", new(Error)):    64,
		&Error{Class: Host, Err: &Error{}}: 69,
	} {
		if got := Status(err); got != want {
			t.Errorf("Status(%#v) = %d, want %d", err, got, want)
		}
	}
}
