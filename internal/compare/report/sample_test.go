package report

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"terem/internal/compare/result"
	"terem/internal/measure/host"
	"terem/internal/measure/stats"
)

const (
	ms  = 1e6
	mib = 1 << 20
)

// engine is a target of the sample and its figures: milliseconds to the first
// instruction, from there to the end, and the spread of both.
type engine struct {
	result.Target
	entry, rest, spread float64
}

func engines() []engine {
	ready := func(name, title string, k result.Kind, version, note string) result.Target {
		return result.Target{Name: name, Title: title, Kind: k, State: result.Ready, Version: version, Note: note}
	}
	return []engine{
		{ready("process", "process", result.Process, "", ""), 0.9, 0.5, 0.12},
		{ready("container", "terem container", result.Container, "", "terem's own launcher"), 4.8, 1.9, 0.12},
		{ready("bwrap", "bubblewrap", result.Container, "0.8.0", "no cgroup"), 4.83, 1.95, 0.15},
		{ready("crun", "crun", result.Container, "1.8.1", ""), 19, 7, 0.15},
		{ready("runc", "runc", result.Container, "1.1.5", ""), 33, 11, 0.18},
		{ready("nspawn", "systemd-nspawn", result.Container, "252", ""), 58, 19, 0.12},
		{ready("jvm", "Java VM", result.ProcessVM, "OpenJDK 17", "prints from a class"), 61, 24, 0.3},
		{ready("gvisor", "gVisor", result.Sandbox, "2022-02", "Debian's package of 2022"), 150, 38, 0.15},
		{ready("podman", "podman", result.Platform, "4.3.1", ""), 160, 38, 0.12},
		{ready("docker-host", "docker, net host", result.Platform, "20.10.24", ""), 170, 40, 0.2},
		{ready("docker-none", "docker, net none", result.Platform, "20.10.24", ""), 208, 46, 2.6},
		{ready("docker", "docker", result.Platform, "20.10.24", "bridge network"), 330, 65, 0.15},
		{ready("vm", "terem VM, cold", result.VM, "", "one vCPU, 128 MiB"), 5150, 420, 0.05},
	}
}

// made is the sample as JSON: to finish it takes a second.
var made = sync.OnceValue(func() []byte {
	b, err := json.Marshal(measured())
	if err != nil {
		panic(err)
	}
	return b
})

// sample is a copy of what measured gives.
func sample() *result.Result {
	var r result.Result
	if err := json.Unmarshal(made(), &r); err != nil {
		panic(err)
	}
	return &r
}

// measured is a comparison on a software backend: 13 targets that ran, one that failed, one
// that is not there; a tie, a noisy row, runs that failed.
func measured() *result.Result {
	r := &result.Result{
		Schema: result.Schema, Terem: "v0.4.0",
		Started: time.Date(2026, 11, 26, 9, 30, 0, 0, time.UTC), Took: 6*time.Minute + 12*time.Second,
		Host: host.Fingerprint{CPU: "AMD EPYC 9454P 48-Core Processor", CPUs: 2, Memory: "8129452 kB", Kernel: "6.18.44",
			KVM: "kvm_pvm", Go: "go1.26.0", Load: "0.31 0.40 0.44"},
		Busy: result.Busy{CPU: 0.46, Steal: 0.034, LoadAfter: "1.20 0.90 0.61"},
		Method: result.Method{Seed: 7, Rounds: 30, SlowRounds: 8, Warmups: 2, Gap: 20 * time.Millisecond,
			Program: "/bin/probe from terem's default root", Overhead: stats.Interval{Low: 0.001, High: 0.004}},
	}
	random := rand.New(rand.NewPCG(7, 7))
	for _, e := range engines() {
		r.Targets = append(r.Targets, e.Target)
		e.start(r, random)
	}
	r.Targets = append(r.Targets,
		result.Target{Name: "vm-warm", Title: "terem VM, restored", Kind: result.VM, State: result.Absent,
			Why: "this terem has no snapshots", Mend: "terem snapshot make"},
		result.Target{Name: "qemu", Title: "QEMU microvm", Kind: result.VM, State: result.Failing, Version: "7.2.22",
			Why: "KVM internal error. Suberror: 1\nemulation failure\nRAX=0000000000000000 RBX=0000000000000000"})
	work(r, random)
	memory(r)
	inside(r)
	for range 2 {
		r.Fail(result.StartGone, "podman", errors.New("Error: OCI runtime error: crun: write to `cgroup.procs`: Device or resource busy"))
	}
	r.Fail(result.WorkFork, "gvisor", errors.New("the program printed no result within 30 s"))
	r.Finish()
	return r
}

// long gives a sample with the tail that times have.
func long(random *rand.Rand, median, spread float64) float64 {
	v := median * (1 + spread*random.NormFloat64()/2)
	if random.IntN(10) == 0 {
		v += median * spread * 2 * random.ExpFloat64()
	}
	return max(v, median*0.6)
}

func (e engine) start(r *result.Result, random *rand.Rand) {
	rounds := 30
	if e.entry > 1000 {
		rounds = 8
	}
	for round := range rounds {
		entry := long(random, e.entry, e.spread)
		rest := long(random, e.rest, e.spread)
		r.Add(result.StartEntry, e.Name, "", round, entry*ms)
		r.Add(result.StartOutput, e.Name, "", round, (entry+0.08+rest*0.05)*ms)
		r.Add(result.StartGone, e.Name, "", round, (entry+rest)*ms)
		for _, p := range phases(e) {
			r.Add(result.Phases, e.Name, p.Name, round, long(random, p.Value, e.spread)*ms)
		}
	}
}

func phases(e engine) []part {
	switch e.Name {
	case "vm":
		return []part{{"create", 4.1, false}, {"load", 9.4, false}, {"kernel", 4890, false}, {"init", 246, false}, {"program", 310, false}, {"end", 110, false}}
	case "crun", "runc", "podman", "docker":
		return []part{{"create", e.entry * 0.6, false}, {"start", e.entry * 0.4, false}, {"wait", 2, false}, {"remove", e.rest - 2, false}}
	}
	return nil
}

func work(r *result.Result, random *rand.Rand) {
	for _, e := range engines() {
		syscall, fault, fork := 95.0, 610.0, 118e3
		switch e.Name {
		case "gvisor":
			syscall, fault, fork = 2100, 3900, 0
		case "vm":
			syscall, fault, fork = 340e3, 1.6e6, 57e6
		case "jvm":
			continue
		}
		for round := range 10 {
			r.Add(result.WorkCompute, e.Name, "", round, long(random, 1.31, 0.02))
			r.Add(result.WorkSyscall, e.Name, "", round, long(random, syscall, 0.04))
			r.Add(result.WorkFault, e.Name, "", round, long(random, fault, 0.06))
			if fork > 0 {
				r.Add(result.WorkFork, e.Name, "", round, long(random, fork, 0.06))
			}
			r.Add(result.DiskSeq, e.Name, "", round, long(random, 9.1e9/(1+syscall/2e5), 0.05))
			r.Add(result.DiskRand, e.Name, "", round, long(random, 1200+syscall*2, 0.05))
		}
	}
}

func memory(r *result.Result) {
	for _, one := range []struct {
		target, part string
		size         float64
	}{
		{"process", result.PartProgram, 0.1}, {"process", result.PartKernel, 0.2},
		{"container", result.PartProgram, 0.1}, {"container", result.PartHelpers, 1.1}, {"container", result.PartKernel, 0.4},
		{"crun", result.PartProgram, 0.1}, {"crun", result.PartHelpers, 1.3}, {"crun", result.PartKernel, 0.5},
		{"docker", result.PartDaemons, 132}, {"docker", result.PartProgram, 0.1}, {"docker", result.PartHelpers, 13.4}, {"docker", result.PartKernel, 0.9},
		{"gvisor", result.PartProgram, 0.1}, {"gvisor", result.PartHelpers, 34}, {"gvisor", result.PartKernel, 1.2},
		{"vm", result.PartRAM, 24}, {"vm", result.PartVMM, 9.5}, {"vm", result.PartKernel, 0.6},
	} {
		for round := range 5 {
			r.Add(result.Memory1, one.target, one.part, round, one.size*mib*(1+0.01*float64(round)))
			if one.part != result.PartDaemons {
				r.Add(result.Memory5, one.target, one.part, round, one.size*mib*(0.4+0.01*float64(round)))
			}
		}
	}
	for i, name := range []string{"process", "container", "vm"} {
		for round := range 3 {
			r.Add(result.DensityCount, name, "", round, float64([]int{500, 412, 61}[i]+round))
		}
	}
}

func inside(r *result.Result) {
	names := []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"}
	spaces := func(own ...string) map[string]string {
		m := map[string]string{}
		for i, n := range names {
			m[n] = []string{"4026531835", "4026531839", "4026531841", "4026531840", "4026531836", "4026531834", "4026531837", "4026531838"}[i]
		}
		for i, n := range own {
			m[n] = []string{"4026532501", "4026532502", "4026532503", "4026532504", "4026532505", "4026532506"}[i]
		}
		return m
	}
	r.Inside = []result.Inside{
		{Target: "host", Namespaces: spaces()},
		{Target: "process", Namespaces: spaces(), Cgroups: []string{"0::/user.slice"}, Syscalls: 9, Processes: 1, Threads: 1,
			TopCalls: []result.Call{{Name: "execve", Count: 1}, {Name: "clock_gettime", Count: 1}, {Name: "write", Count: 1}}},
		{Target: "container", Namespaces: spaces("mnt", "pid", "net", "ipc", "uts", "cgroup"), Cgroups: []string{"5:memory:/terem/c1", "0::/terem/c1"},
			Syscalls: 214, Processes: 2, Threads: 7, TopCalls: []result.Call{{Name: "mount", Count: 31}, {Name: "rt_sigaction", Count: 27}, {Name: "openat", Count: 20}}},
		{Target: "docker", Namespaces: spaces("mnt", "pid", "net", "ipc", "uts", "cgroup"), Syscalls: 48210, Processes: 14, Threads: 121,
			TopCalls: []result.Call{{Name: "futex", Count: 11022}, {Name: "epoll_pwait", Count: 6120}}, Note: "the daemon's own calls are counted"},
		{Target: "vm", Namespaces: spaces(), Syscalls: 30217, Processes: 1, Threads: 9, Exits: 18734,
			TopCalls: []result.Call{{Name: "ioctl", Count: 18790}, {Name: "futex", Count: 4012}}},
	}
}
