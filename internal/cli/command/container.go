package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"terem/guest"
	"terem/internal/container"
	"terem/internal/container/session"
	"terem/internal/fault"
)

// Container is `terem container run`: its flags as typed, and what they ask for.
type Container struct {
	o               session.Options
	memory          string
	ioRead, ioWrite string
	network, users  string
	env, shares     []string
	bind            []string // as it was called once
	detach          bool
}

// Execute runs the container, once fs has parsed a command line, and returns the exit status.
func (f *Container) Execute(fs *pflag.FlagSet) (status int, err error) {
	if err := f.options(fs); err != nil {
		return 0, &UsageError{Command: containerPath, Err: err}
	}
	if err := f.root(); err != nil {
		return 0, err
	}
	if f.detach {
		if f.o.Detached = detached(); f.o.Detached == nil {
			return detach(os.Args[1:])
		}
	}
	return session.Run(&f.o)
}

// Define puts the flags into fs.
func (f *Container) Define(fs *pflag.FlagSet) {
	o := &f.o
	fs.SortFlags = false
	fs.SetInterspersed(false) // as in `terem run`
	fs.StringVar(&o.Config.Root, "root", "", "`directory` that holds the root file system (default: that of terem's own guest, read-only)")
	fs.StringArrayVar(&f.shares, "share", nil, "`DIR:PATH[:ro]`: show a directory of the host's, or a file, in the container")
	fs.StringArrayVar(&f.bind, "bind", nil, "")
	_ = fs.MarkHidden("bind") // there is one of this name
	fs.StringVarP(&f.memory, "memory", "m", "", "most memory: a `size` such as 64M")
	fs.Float64VarP(&o.Config.Limits.CPUs, "cpus", "c", 0, "most CPU time, as a `number` of CPUs: 0.5, 2")
	fs.Int64Var(&o.Config.Limits.PIDs, "pids", 0, "most processes and threads (`number`)")
	fs.StringVar(&f.ioRead, "io-read", "", "most bytes a second read from the root's disk (`size`)")
	fs.StringVar(&f.ioWrite, "io-write", "", "most bytes a second written to the root's disk (`size`)")
	fs.StringVar(&f.network, "net", "none", "none: only loopback; host: the host's (`kind`)")
	fs.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "network" { // as it was called once
			name = "net"
		}
		return pflag.NormalizedName(name)
	})
	fs.StringVar(&f.users, "userns", "private", "private: user numbers of its own; host: the host's (`kind`)")
	fs.StringVar(&o.Config.Hostname, "hostname", "terem", "host `name`")
	fs.StringArrayVarP(&f.env, "env", "e", nil, "`NAME=value` for the environment; NAME alone: its value here")
	fs.StringVarP(&o.Config.Dir, "workdir", "w", "/", "working `directory`")
	fs.BoolVar(&o.Config.ReadOnly, "read-only", false, "the root file system cannot be written, but for /tmp, in memory")
	fs.StringVar(&o.Name, "name", "", "the `name` for `terem exec`, `stop` and the like (default: one is drawn; see `terem ps`)")
	fs.BoolVarP(&f.detach, "detach", "D", false, "run in the background, with the output in a file (`terem logs`); print the name")
	fs.DurationVar(&o.Timeout, "timeout", 0, "end the container after this `time`: 30s, 5m")
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "say nothing but errors")
	fs.BoolVarP(&o.Verbose, "verbose", "v", false, "say what was made")
}

func (f *Container) options(fs *pflag.FlagSet) error {
	conf := &f.o.Config
	for _, size := range []struct {
		flag, typed string
		to          *uint64
	}{
		{"memory", f.memory, &conf.Limits.Memory},
		{"io-read", f.ioRead, &conf.Limits.ReadBPS},
		{"io-write", f.ioWrite, &conf.Limits.WriteBPS},
	} {
		if !fs.Lookup(size.flag).Changed {
			continue
		}
		n, err := ParseSize(size.typed)
		if err == nil && n == 0 {
			err = errors.New("want more than nothing")
		}
		if err != nil {
			return fmt.Errorf("--%s %s: %w", size.flag, size.typed, err)
		}
		*size.to = n
	}
	for _, flag := range []string{"cpus", "pids", "timeout"} {
		if fl := fs.Lookup(flag); fl.Changed && notPositive(fl.Value.String()) {
			return fmt.Errorf("--%s %s: want more than nothing", flag, fl.Value)
		}
	}
	if len(f.bind) > 0 {
		return fmt.Errorf("--bind %s: it is called --share, as in `terem run`", f.bind[0])
	}
	shares, err := parseShares(f.shares)
	if err != nil {
		return err
	}
	for _, s := range shares { // a bind mount has no cache of its own
		conf.Binds = append(conf.Binds, container.Bind{Source: s.Dir, Target: s.Path, ReadOnly: s.ReadOnly})
	}
	if fs.Lookup("root").Changed && conf.Root == "" {
		return errors.New("--root: its value is empty")
	}
	conf.Network, conf.Users = container.Network(f.network), container.Users(f.users)
	conf.Argv = fs.Args()
	if fs.NArg() == 0 {
		conf.Argv = []string{"/bin/sh"}
	}
	conf.Env = environment(f.env)
	conf.Stdin, conf.Stdout, conf.Stderr = os.Stdin, os.Stdout, os.Stderr
	return nil
}

// root finds the default guest's root file system, if no other was named. All containers
// share the one copy, so none writes to it.
func (f *Container) root() error {
	conf := &f.o.Config
	if conf.Root != "" {
		return nil
	}
	dir, err := CacheDir()
	if err != nil {
		return err
	}
	a, err := guest.FindInitrd(dir)
	if err != nil {
		return &fault.Error{Class: fault.Host, Thing: "the default root file system", Err: err, Mend: "or name a directory that holds one, with " + fault.Field("Root")}
	}
	conf.Root, conf.ReadOnly = filepath.Join(dir, "root", filepath.Base(filepath.Dir(a.Initrd))), true
	if err := os.MkdirAll(filepath.Dir(conf.Root), 0o755); err != nil {
		return err
	}
	if err := guest.ExtractRoot(a.Initrd, conf.Root); err != nil && !errors.Is(err, guest.ErrNotEmpty) {
		return &fault.Error{Class: fault.Host, Thing: "root file system", Err: err}
	}
	return nil
}

// notPositive says whether a flag that was typed says zero or less.
func notPositive(s string) bool {
	return s == "0" || s == "0s" || s[0] == '-'
}

// environment is what the program finds: what the guest of `terem run` finds, and what
// was asked for.
func environment(typed []string) []string {
	env := []string{
		"HOME=/root",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}
	for _, e := range overrides(typed) {
		name, _, _ := strings.Cut(e, "=")
		env = slices.DeleteFunc(env, func(old string) bool { return strings.HasPrefix(old, name+"=") })
		env = append(env, e)
	}
	return env
}

// overrides are the variables of --env, those with a name alone with their value here.
func overrides(typed []string) (env []string) {
	for _, e := range typed {
		name, _, given := strings.Cut(e, "=")
		if !given {
			value, here := os.LookupEnv(name)
			if !here {
				continue
			}
			e = name + "=" + value
		}
		env = append(env, e)
	}
	return env
}
