package command

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/pflag"

	"terem/guest"
	"terem/internal/fault"
)

// The commands as they are typed.
const (
	runPath       = "terem run"
	containerPath = "terem container run"
)

// UsageError is a mistake in the words of the command line itself.
type UsageError struct {
	Command string // "terem run"
	Err     error
}

func (e *UsageError) Error() string { return e.Err.Error() }

// Failed says what went wrong on standard error, and returns the exit status.
func Failed(err error) int {
	say := func(err error) string { return strings.Map(shown, fault.Say(err, FlagOf)) }
	var usage *UsageError
	if errors.As(err, &usage) {
		fmt.Fprintf(os.Stderr, "terem: %s; see `%s --help`\n", say(usage.Err), usage.Command)
		return fault.StatusUsage
	}
	fmt.Fprintf(os.Stderr, "terem: %s\n", say(err))
	return fault.Status(err)
}

// shown is a character of a message on a terminal. A name of somebody else's file may have some in it that move the cursor.
func shown(r rune) rune {
	if r == '\n' || r == '\t' || unicode.IsPrint(r) {
		return r
	}
	return '?'
}

// CacheDir is where the default guest is.
func CacheDir() (string, error) {
	dir, err := guest.DefaultCacheDir()
	if err != nil {
		return "", &fault.Error{Class: fault.Host, Thing: "default guest", Err: err,
			Mend: "set XDG_CACHE_HOME, or name another kernel with " + fault.Field("Kernel")}
	}
	return dir, nil
}

// noValue refuses a command that is most likely the value of a flag whose value may be left out: in `--rng 4M` it is left
// out, and 4M would be a program.
func noValue(fs *pflag.FlagSet, optional ...string) error {
	if fs.NArg() == 0 || fs.ArgsLenAtDash() == 0 {
		return nil
	}
	word := fs.Arg(0)
	if _, err := ParseSize(word); err != nil && word != "table" && word != "json" {
		return nil
	}
	for _, name := range optional {
		if f := fs.Lookup(name); f.Changed && f.Value.String() == f.NoOptDefVal {
			return fmt.Errorf("%q is no command; a value is put to its flag with =, as in --%s=%s", word, name, word)
		}
	}
	return nil
}

// notEmpty refuses a flag whose value is empty, which is most likely a variable of the
// shell's that was not set.
func notEmpty(fs *pflag.FlagSet) error {
	for _, name := range []string{"kernel", "initrd", "console", "cpu", "memory", "exits", "name", "gdb", "trace", "profile", "net", "net-dump"} {
		if f := fs.Lookup(name); f.Changed && f.Value.String() == "" {
			return &UsageError{Command: runPath, Err: fmt.Errorf("--%s: its value is empty", name)}
		}
	}
	return nil
}
