package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"terem/guest"
	"terem/guest/distro"
)

// options are the flags.
type options struct {
	dir     string // the unpacked package
	terem   string
	timeout time.Duration
	memory  string
	append  string
	modules []string
}

func main() { os.Exit(run()) }

func run() int {
	o, err := parse(os.Args[1:])
	if errors.Is(err, pflag.ErrHelp) {
		return 0
	}
	if err == nil {
		err = boot(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stock:", err)
		return 1
	}
	return 0
}

func parse(args []string) (options, error) {
	var o options
	f := pflag.NewFlagSet("stock", pflag.ContinueOnError)
	f.StringVar(&o.terem, "terem", "bin/terem", "the terem to test")
	f.DurationVar(&o.timeout, "timeout", 25*time.Minute, "the longest that the guest may run")
	f.StringVar(&o.memory, "memory", "512M", "the guest's RAM")
	f.StringVar(&o.append, "append", "", "more words for the kernel's command line")
	f.StringSliceVar(&o.modules, "modules", []string{"virtio_mmio"}, "modules that the guest loads")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() != 1 {
		return o, errors.New("name the directory into which one kernel package was unpacked")
	}
	o.dir = f.Arg(0)
	return o, nil
}

// boot is one run, from the package to the verdict.
func boot(o options) error {
	im, err := distro.Open(o.dir)
	if err != nil {
		return err
	}
	cache, err := guest.DefaultCacheDir()
	if err != nil {
		return err
	}
	modules, err := im.LoadOrder(o.modules...)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "terem-stock-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	initrd := filepath.Join(tmp, "initrd.cpio")
	if err := writeInitrd(initrd, cache, modules); err != nil {
		return fmt.Errorf("write the initrd: %w", err)
	}
	words, err := kernelWords(modules)
	if err != nil {
		return err
	}
	seen, err := watch(context.Background(), os.Stdout, o.terem, "run", "--kernel", im.Kernel, "--initrd", initrd,
		"--memory", o.memory, "--timeout", o.timeout.String(), "--exits=json",
		"--append", strings.TrimSpace(o.append+" "+words))
	if err != nil {
		return fmt.Errorf("run %s: %w", o.terem, err)
	}
	seen.summarize(os.Stdout, im.Release)
	if err := seen.verdict(); err != nil {
		return fmt.Errorf("%s: %w", im.Release, err)
	}
	fmt.Printf("stock: %s passes: it reached init, and no instruction was left unfinished\n", im.Release)
	return nil
}
