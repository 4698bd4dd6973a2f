package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"terem/internal/hardware/wire"
)

// module is the name of the Go module.
const module = "terem/"

// testPackage is a package's tests as a program.
type testPackage struct {
	name  string // below the module: vcpu/assist
	dir   string // its sources
	file  string // the program
	limit time.Duration
	tests []string // what it has, and what is to run of it
}

func (p testPackage) work() string   { return path.Join(tree, p.name) }
func (p testPackage) binary() string { return path.Join(p.work(), path.Base(p.name)+".test") }

// patterns are the packages that the long form takes: all that touches KVM or that a guest touches.
func patterns() []string {
	return []string{"./kvm", "./memory", "./vcpu/...", "./boot", "./devices/...", "./internal/vm/machine", "./internal/vm/disk",
		"./internal/cli/launch", "./internal/hardware/atwork"}
}

// limitOf is how long a package may take by the outer system's clock, before what the backend adds.
func limitOf(name string) time.Duration {
	switch name {
	case "internal/cli/launch", "internal/hardware/atwork":
		return 30 * time.Minute // they boot Linux
	}
	return 3 * time.Minute
}

// buildSuite compiles the tests of packages. They are linked statically, for a system without libraries; the
// race detector needs a C library, and stays at home.
func buildSuite(ctx context.Context, dir string, patterns []string) ([]testPackage, error) {
	const format = `{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}`
	out, err := exec.CommandContext(ctx, "go", append([]string{"list", "-f", format}, patterns...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("list the packages: %w", describe(err))
	}
	var list []testPackage
	for line := range strings.Lines(string(out)) {
		name, where, _ := strings.Cut(strings.TrimSpace(line), " ")
		p := testPackage{name: strings.TrimPrefix(name, module), dir: where}
		p.file = filepath.Join(dir, strings.ReplaceAll(p.name, "/", "-")+".test")
		p.limit = limitOf(p.name)
		if err := static(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-o", p.file, name); err != nil {
			return nil, fmt.Errorf("compile the tests of %s: %w", p.name, err)
		}
		list = append(list, p)
	}
	return list, nil
}

// choose asks a package's program which of its tests run names: a regular expression, as for go test -run.
func choose(ctx context.Context, p testPackage, run string) (testPackage, error) {
	c := exec.CommandContext(ctx, p.file, "-test.list", cmp.Or(run, "."))
	c.Dir = p.dir
	out, err := c.Output()
	if err != nil {
		return p, fmt.Errorf("list the tests of %s: %w", p.name, describe(err))
	}
	p.tests = nil
	for _, t := range strings.Fields(string(out)) {
		if strings.HasPrefix(t, "Test") || strings.HasPrefix(t, "Fuzz") || strings.HasPrefix(t, "Example") {
			p.tests = append(p.tests, t)
		}
	}
	return p, nil
}

// job runs a package's tests in the outer system. A test that hangs is ended by the testing package, with the stacks of
// its goroutines; should that fail, by the outer system.
func (p testPackage) job(b backend, run string, skip []difference, env []string) wire.Job {
	limit := p.limit * time.Duration(b.pace)
	argv := []string{p.binary(), "-test.v=test2json", "-test.timeout=" + limit.String()}
	if run != "" {
		argv = append(argv, "-test.run="+run)
	}
	if s := skipping(skip); s != "" {
		argv = append(argv, "-test.skip="+s)
	}
	return wire.Job{
		Name:  p.name,
		Argv:  argv,
		Env:   slices.Concat([]string{"TEREM_REQUIRE_KVM=1", "TEREM_HARDWARE=" + b.name, "TEREM_LONG=" + os.Getenv("TEREM_LONG")}, env),
		Dir:   p.work(),
		Limit: limit + 20*time.Second,
	}
}

// skipping is the expression for go test -skip that leaves out the fatal ones.
func skipping(list []difference) string {
	var names []string
	for _, d := range list {
		if d.fatal {
			names = append(names, "^"+strings.ReplaceAll(regexp.QuoteMeta(d.test), "/", "$/^")+"$")
		}
	}
	return strings.Join(names, "|")
}

// describe adds what a program said to the error of its end.
func describe(err error) error {
	if exit := new(exec.ExitError); errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return err
}
