package command

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"terem/internal/fault"
	"terem/internal/sibling"
)

// terem is two programs: a small one, which the user calls and which starts at once, and terem-tools, which has the rest and takes
// its place when the rest is wanted.

// Tools is the name of the second program.
const Tools = "terem-tools"

// What terem tells terem-tools in its environment.
const (
	programVar = "TEREM_PROGRAM" // the path of terem
	versionVar = "TEREM_VERSION"
)

// ExecTools becomes terem-tools with the given arguments. It returns only if that fails.
func ExecTools(args []string) error {
	self, err := sibling.Self()
	if err != nil {
		return err
	}
	env := append(without(os.Environ(), programVar, versionVar), programVar+"="+self, versionVar+"="+Version())
	path, err := sibling.Find(Tools)
	if err != nil {
		return err
	}
	err = syscall.Exec(path, append([]string{"terem"}, args...), env)
	return &fault.Error{Class: fault.Host, Thing: path, Err: err, Mend: "install terem again"}
}

// without is an environment without some names.
func without(env []string, names ...string) []string {
	return slices.DeleteFunc(env, func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains(names, name)
	})
}

// Caller is the path of the terem whose place this program took. It must be of the same version.
func Caller() (path string, err error) {
	path, version := os.Getenv(programVar), os.Getenv(versionVar)
	switch {
	case path == "":
		return "", &fault.Error{Class: fault.Usage, Thing: Tools, Cause: "a part of terem, which calls it", Mend: "run terem"}
	case version != Version():
		return "", &fault.Error{Class: fault.Host, Thing: Tools, Cause: "it is of " + Version() + ", and " + path + " of " + version,
			Mend: "install terem again, or `make build`"}
	}
	return path, nil
}

// build is the version of the tree that the program was built from. It is set by the linker (-X): see the Makefile.
var build string

// Version says what the program was built from: the tree's version, or the commit where a plain `go build` has noted it.
func Version() string {
	if build != "" {
		return "terem " + build + ", " + runtime.Version()
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "terem (unknown version)"
	}
	rev, dirty := "unknown commit", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			rev = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = ", modified"
		}
	}
	return fmt.Sprintf("terem %s%s, %s", rev, dirty, info.GoVersion)
}
