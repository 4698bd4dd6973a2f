package command

import (
	"errors"
	"fmt"
	"os"

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
	var usage *UsageError
	if errors.As(err, &usage) {
		fmt.Fprintf(os.Stderr, "terem: %s; see `%s --help`\n", fault.Say(usage.Err, FlagOf), usage.Command)
		return fault.StatusUsage
	}
	fmt.Fprintf(os.Stderr, "terem: %s\n", fault.Say(err, FlagOf))
	return fault.Status(err)
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

// CommandAfterDash refuses words before "--": `terem run ls` is most likely meant
// to be `terem run -- ls`.
func CommandAfterDash(fs *pflag.FlagSet) error {
	n := fs.ArgsLenAtDash()
	if n < 0 {
		n = fs.NArg()
	}
	if n > 0 {
		return fmt.Errorf("%q is no flag: put the command after --", fs.Arg(0))
	}
	return nil
}

// notEmpty refuses a flag whose value is empty, which is most likely a variable of the
// shell's that was not set.
func notEmpty(fs *pflag.FlagSet) error {
	for _, name := range []string{"kernel", "initrd", "console", "cpu", "memory", "exits"} {
		if f := fs.Lookup(name); f.Changed && f.Value.String() == "" {
			return &UsageError{Command: runPath, Err: fmt.Errorf("--%s: its value is empty", name)}
		}
	}
	return nil
}
