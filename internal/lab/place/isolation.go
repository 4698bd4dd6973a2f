package place

import (
	"context"
	"os"
	"strings"
)

// Need is what an experiment wants of the places that it gets.
type Need struct {
	Disposable bool // it would harm the machine: no process of it may run on this host but in a virtual machine
	OneCPU     bool // victim and attacker are to share one processor
}

// Place is somewhere a program can be started.
type Place struct {
	front []string // of its command line
	Path  string   // where busybox's programs are, for $PATH
	Dir   string   // for its files: the same name for both of a pair, and where they share a file system the same place
	Data  string   // a directory that it can write to, on a disk if there is one
}

// Argv is the command line that runs a script there.
func (p Place) Argv(script string) []string {
	return append(append([]string{}, p.front...), "sh", "-c", script)
}

// Front is what stands in front of the script, as a shell takes it.
func (p Place) Front() string {
	return strings.Join(append(append([]string{}, p.front...), "sh", "-c"), " ")
}

// Pair is a place for each of the two.
type Pair struct {
	Victim, Attacker Place
	Where            string // the ground, in words
	machines         []*machine
	files            string // a directory on this host
}

// Halt ends the machines of a pair, and with them all that runs there.
func (p *Pair) Halt() {
	for _, m := range p.machines {
		m.kill()
	}
	p.machines = nil
}

// Close takes away what was made for a pair. What runs on this host must have been stopped.
func (p *Pair) Close() {
	p.Halt()
	if p.files != "" {
		_ = os.RemoveAll(p.files) // Workspace.Close tries again, and says so
	}
}

// Isolation is one way to keep two programs apart.
type Isolation struct {
	Name, Title, Note string
	needsVM           bool // for everything, and not only where the ground is one
	needsRoot         bool
	open              func(ctx context.Context, w *Workspace, n Need) (*Pair, error)
}

// All lists the isolations, the weakest first.
func All() []Isolation {
	return []Isolation{
		{Name: "process", Title: "process", Note: "two processes of one user", open: openProcesses},
		{Name: "container", Title: "container", Note: "terem container run, as it is", open: openContainers},
		{Name: "hardened", Title: "hardened", Note: "the same with limits: " + strings.Join(limits(), " "), needsRoot: true, open: openHardened},
		{Name: "vm", Title: "VM", Note: "a virtual machine for each", needsVM: true, open: openMachines},
	}
}

// Missing says why the isolation cannot be had for such a need; empty: it can.
func (i Isolation) Missing(w *Workspace, n Need) string {
	switch {
	case w.noKVM != "" && i.needsVM:
		return w.noKVM
	case w.noKVM != "" && n.Disposable:
		return w.noKVM + "; this row harms the machine it runs on, so it runs in a virtual machine alone"
	case i.needsRoot && !n.Disposable && !w.root:
		return "no root: an ordinary user may set no limits here"
	}
	return ""
}

// Open makes the two places.
func (i Isolation) Open(ctx context.Context, w *Workspace, n Need) (*Pair, error) {
	return i.open(ctx, w, n)
}

func openProcesses(ctx context.Context, w *Workspace, n Need) (*Pair, error) {
	g, p, err := w.ground(ctx, n)
	if err != nil {
		return nil, err
	}
	p.Victim = Place{front: g.line(n, g.shell...), Path: g.path, Dir: g.dir, Data: g.data("victim")}
	p.Attacker = Place{front: g.line(n, g.shell...), Path: g.path, Dir: g.dir, Data: g.data("attacker")}
	return p, nil
}

// limits are those of a hardened container. Two of them get no more than half of one processor.
func limits() []string { return []string{"--memory", "48M", "--cpus", "0.25", "--pids", "48"} }

func openContainers(ctx context.Context, w *Workspace, n Need) (*Pair, error) {
	return containers(ctx, w, n, nil)
}

func openHardened(ctx context.Context, w *Workspace, n Need) (*Pair, error) {
	return containers(ctx, w, n, limits())
}

// containers are two of terem's. Those without limits share a disk, as the layers and volumes of an engine's do; the others
// have nothing to write to but what is in memory, which counts as theirs.
func containers(ctx context.Context, w *Workspace, n Need, limits []string) (*Pair, error) {
	const bound = "/data"
	g, p, err := w.ground(ctx, n)
	if err != nil {
		return nil, err
	}
	for who, place := range map[string]*Place{"victim": &p.Victim, "attacker": &p.Attacker} {
		argv := append([]string{g.terem, "container", "run", "--quiet"}, g.root...)
		argv = append(argv, limits...)
		*place = Place{Path: "/bin", Dir: innerDir, Data: "/tmp"}
		if dir := g.data(who); limits == nil && g.disk {
			argv = append(argv, "--bind", dir+":"+bound)
			place.Data = bound
		}
		place.front = g.line(n, append(argv, "--")...)
	}
	return p, nil
}

func openMachines(ctx context.Context, w *Workspace, n Need) (*Pair, error) {
	p := &Pair{Where: "two virtual machines"}
	for _, place := range []*Place{&p.Victim, &p.Attacker} {
		m, err := w.newMachine(ctx, n)
		if err != nil {
			p.Close()
			return nil, err
		}
		p.machines = append(p.machines, m)
		g := m.ground()
		*place = Place{front: g.line(Need{}, g.shell...), Path: g.path, Dir: g.dir, Data: g.data("victim")}
	}
	return p, nil
}
