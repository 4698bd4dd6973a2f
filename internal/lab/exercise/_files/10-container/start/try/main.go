// Command try starts a real container by your functions, and has your Decide read real measurements.
//
//	go run ./try run ROOT PROGRAM...             ROOT has a system in it, and the empty directories proc and old
//	go run ./try -group DIR run ROOT PROGRAM...  with limits; DIR is a new directory in /sys/fs/cgroup (version 2), as root
//	go run ./try decide compare.json matrix.json of `terem compare --json compare.json` and `terem lab isolation --json matrix.json`
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"exercise"
)

const child = "child-of-try"

func main() {
	log.SetFlags(0)
	if len(os.Args) > 3 && os.Args[1] == child {
		inside(os.Args[2], os.Args[3:])
		return
	}
	group := flag.String("group", "", "a new directory in /sys/fs/cgroup")
	flag.Parse()
	args := flag.Args()
	switch {
	case len(args) >= 3 && args[0] == "run":
		run(*group, args[1:])
	case len(args) == 3 && args[0] == "decide":
		decide(args[1], args[2])
	default:
		log.Fatal("want: run ROOT PROGRAM..., or: decide compare.json matrix.json")
	}
}

// run is the parent of a container.
func run(group string, args []string) {
	r, w, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	c := exec.Command("/proc/self/exe", append([]string{child}, args...)...)
	c.Stdin, c.Stdout, c.Stderr, c.ExtraFiles = os.Stdin, os.Stdout, os.Stderr, []*os.File{r}
	root := func(id int) []syscall.SysProcIDMap { return []syscall.SysProcIDMap{{HostID: id, Size: 1}} }
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: exercise.Flags(), UidMappings: root(os.Getuid()), GidMappings: root(os.Getgid()), Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		log.Fatal(err)
	}
	made := false
	if group != "" {
		if err = os.Mkdir(group, 0o755); err == nil {
			made = true
			err = exercise.Limit(system{}, group, c.Process.Pid, exercise.Limits{Memory: 64 << 20, PIDs: 32, CPUs: 0.5})
		}
	}
	if err != nil {
		log.Print(err)
		c.Process.Kill()
	}
	w.Close() // it may begin
	err = c.Wait()
	if made { // else it is somebody's
		os.Remove(group)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// inside is the first process of a container. It waits until its parent closes the pipe.
func inside(root string, argv []string) {
	const pipe = 3
	os.NewFile(pipe, "parent").Read(make([]byte, 1))
	syscall.CloseOnExec(pipe)
	log.Fatal(exercise.Enter(system{}, exercise.Config{Root: root, Hostname: "lab", Argv: argv}))
}

// system is the real kernel.
type system struct{}

func (system) Mount(source, target, fstype string, flags uintptr, data string) error {
	return named("mount "+target, syscall.Mount(source, target, fstype, flags, data))
}
func (system) PivotRoot(newRoot, putOld string) error {
	return named("pivot_root", syscall.PivotRoot(newRoot, putOld))
}
func (system) Chroot(dir string) error { return named("chroot", syscall.Chroot(dir)) }
func (system) Unmount(target string, flags int) error {
	return named("umount2 "+target, syscall.Unmount(target, flags))
}
func (system) Chdir(dir string) error { return named("chdir", syscall.Chdir(dir)) }
func (system) Sethostname(name string) error {
	return named("sethostname", syscall.Sethostname([]byte(name)))
}
func (system) NoNewPrivs() error {
	const set = 38
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, set, 1, 0, 0, 0, 0)
	if errno != 0 {
		return named("prctl", errno)
	}
	return nil
}
func (system) Write(file, text string) error { return os.WriteFile(file, []byte(text), 0) }
func (system) Exec(argv []string) error {
	return named("execve "+argv[0], syscall.Exec(argv[0], argv, []string{"PATH=/bin:/sbin:/usr/bin", "HOME=/"}))
}

// named says which call failed. What errors.Is finds in it stays.
func named(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// decide has three workloads decided by what terem measured here. All are cold: nothing of a container is kept, so there is no warm number
// of one.
func decide(compare, isolation string) {
	numbers, matrix := readCompare(compare), readMatrix(isolation)
	for _, w := range []exercise.Workload{
		{Name: "programs of a hundred students, each run once", Needs: []string{"kill", "memory", "fork-bomb", "panic"}, Measure: "start.gone"},
		{Name: "a team's own tests, each in a place of its own", Needs: []string{"library"}, Measure: "start.gone"},
		{Name: "a service that answers many small questions", Needs: []string{"kill", "delete-file"}, Measure: "work.syscall"},
	} {
		b, err := json.MarshalIndent(exercise.Decide(w, numbers, matrix), "", "  ")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", b)
	}
}

func readCompare(name string) (list []exercise.Number) {
	var r struct {
		Series []struct {
			Measure, Target string
			Summary         struct {
				N      int
				Median float64
				CI     struct{ Low, High float64 } `json:"median_ci95"`
			}
		}
	}
	read(name, &r)
	for _, s := range r.Series {
		place, ok := map[string]string{"container": exercise.Container, "vm": exercise.VM, "vm-warm": exercise.VM}[s.Target]
		if !ok || s.Summary.N == 0 {
			continue
		}
		more := strings.HasPrefix(s.Measure, "disk.sequential.") || s.Measure == "density"
		n := exercise.Number{Measure: s.Measure, Place: place, Warm: s.Target == "vm-warm", More: more, Median: s.Summary.Median, Low: s.Summary.CI.Low, High: s.Summary.CI.High}
		list = append(list, n)
	}
	return list
}

func readMatrix(name string) (list []exercise.Cell) {
	var m struct {
		Rows []struct {
			Name  string
			Cells []struct{ Column, Verdict string }
		}
	}
	read(name, &m)
	for _, r := range m.Rows {
		for _, c := range r.Cells {
			if place, ok := map[string]string{"hardened": exercise.Container, "vm": exercise.VM}[c.Column]; ok {
				list = append(list, exercise.Cell{Row: r.Name, Place: place, Verdict: c.Verdict})
			}
		}
	}
	return list
}

func read(name string, into any) {
	b, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		log.Fatal(err)
	}
}
