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
	front []string                     // of its command line
	wrap  func(script string) []string // the command line, where the script does not stand at its end
	says  []string                     // the command line for a reader, if it is another one
	apart bool                         // it begins in a PID and a mount namespace of its own, so that all that it starts ends with it
	Path  string                       // where busybox's programs are, for $PATH
	Dir   string                       // for its files: the same name for both of a pair, and where they share a file system the same place
	CPU   string                       // its number, if the two are to share one and have one kernel
	Own   bool                         // with a kernel of its own
	Data  string                       // a directory that it can write to, on a disk if there is one
}

// Argv is the command line that runs a script there.
func (p Place) Argv(script string) []string {
	if p.wrap != nil {
		return p.wrap(script)
	}
	return append(append([]string{}, p.front...), "sh", "-c", script)
}

// Front is what stands in front of the script, as a shell takes it.
func (p Place) Front() string {
	front := p.front
	if p.says != nil {
		front = p.says
	}
	return strings.Join(append(append([]string{}, front...), "sh", "-c"), " ")
}

// Pair is a place for each of the two.
type Pair struct {
	Victim, Attacker Place
	Where            string // the ground, in words
	w                *Workspace
	machines         []*machine
	unharmed         bool
	files            string // a directory on this host
	undo             []func()
}

// Unharmed says that the victim is safe, so that other experiments may have its machine, too.
func (p *Pair) Unharmed() { p.unharmed = true }

// Halt ends the machines of a pair that nobody can use any more, and with them all that runs there.
func (p *Pair) Halt() {
	for _, m := range p.machines {
		if !p.unharmed {
			m.role = forOnce
		}
		if m.role == forOnce {
			m.kill()
		}
	}
	if !p.unharmed {
		p.machines = nil
	}
}

// Close takes away what was made for a pair. What runs on this host must have been stopped.
func (p *Pair) Close() {
	p.Halt()
	for _, m := range p.machines {
		p.w.keep(m)
	}
	p.machines = nil
	for _, f := range p.undo {
		f()
	}
	p.undo = nil
	if p.files != "" {
		_ = os.RemoveAll(p.files) // Workspace.Close tries again, and says so
	}
}

// Isolation is one way to keep two programs apart.
type Isolation struct {
	Name, Title, Note string
	needsVM           bool // for everything, and not only where the ground is one
	needsRoot         bool
	engine            *engine // nil: terem's own
	open              func(ctx context.Context, w *Workspace, n Need) (*Pair, error)
}

// All lists the isolations, the weakest first.
func All() []Isolation {
	return []Isolation{
		{Name: "process", Title: "process", Note: "two processes of one user", open: openProcesses},
		{Name: "container", Title: "container", Note: "terem container run, as it is", open: openContainers},
		{Name: "hardened", Title: "hardened", Note: "the same with limits: " + strings.Join(limits(Need{OneCPU: true}), " ") + "; where processor time is not the question, --cpus 1",
			needsRoot: true, open: openHardened},
		{Name: "vm", Title: "VM", Note: "a virtual machine for each", needsVM: true, open: openMachines},
	}
}

// Missing says why the isolation cannot be had for such a need; empty: it can.
func (i Isolation) Missing(w *Workspace, n Need) string {
	if i.engine != nil && i.engine.missing != "" {
		return i.engine.missing
	}
	switch {
	case w.noKVM != "" && i.needsVM:
		return w.noKVM
	case w.noKVM != "" && n.Disposable:
		return w.noKVM + "; this row harms the machine it runs on, so it runs in a virtual machine alone"
	case i.engine != nil && n.Disposable && !i.engine.portable:
		return i.Name + " stays on this host; this row harms the machine it runs on"
	case i.needsRoot && !n.Disposable && !w.root && i.engine != nil:
		return i.Name + ": no root"
	case i.needsRoot && !n.Disposable && !w.root:
		return "no root: an ordinary user may set no limits here"
	}
	return ""
}

// Open makes the two places.
func (i Isolation) Open(ctx context.Context, w *Workspace, n Need) (*Pair, error) {
	if n.OneCPU {
		w.settle(ctx)
	}
	p, err := i.open(ctx, w, n)
	if err == nil && n.OneCPU {
		for _, place := range []*Place{&p.Victim, &p.Attacker} {
			if !place.Own {
				place.CPU = w.firstCPU()
			}
		}
	}
	return p, err
}

func openProcesses(ctx context.Context, w *Workspace, n Need) (*Pair, error) {
	g, p, err := w.ground(ctx, n, forOnce)
	if err != nil {
		return nil, err
	}
	p.Victim = Place{front: g.line(n, g.shell...), Path: g.path, Dir: g.dir, Data: g.data("victim")}
	p.Attacker = Place{front: g.line(n, g.shell...), Path: g.path, Dir: g.dir, Data: g.data("attacker")}
	return p, nil
}

// bound is the place in a container of a directory that is shared.
const bound = "/data"

// limits are those of a hardened container. On one processor two of them get no more than its half; elsewhere so little would only
// take long.
func limits(n Need) []string {
	cpus := "1"
	if n.OneCPU {
		cpus = "0.25"
	}
	return []string{"--memory", "24M", "--cpus", cpus, "--pids", "48"}
}

func openContainers(ctx context.Context, w *Workspace, n Need) (*Pair, error) {
	return containers(ctx, w, n, nil)
}

func openHardened(ctx context.Context, w *Workspace, n Need) (*Pair, error) {
	return containers(ctx, w, n, limits(n))
}

// containers are two of terem's. Those without limits share a disk, as the layers and volumes of an engine's do; the others
// have nothing to write to but what is in memory, which counts as theirs.
func containers(ctx context.Context, w *Workspace, n Need, limits []string) (*Pair, error) {
	g, p, err := w.ground(ctx, n, forContainers)
	if err != nil {
		return nil, err
	}
	for who, place := range map[string]*Place{"victim": &p.Victim, "attacker": &p.Attacker} {
		argv := append([]string{g.terem, "container", "run", "--quiet"}, g.root...)
		argv = append(argv, limits...)
		*place = Place{Path: "/bin", Dir: innerDir, Data: "/tmp"}
		if dir := g.data(who); limits == nil && g.disk {
			argv = append(argv, "--share", dir+":"+bound)
			place.Data = bound
		}
		place.front = g.line(n, append(argv, "--")...)
	}
	return p, nil
}

func openMachines(ctx context.Context, w *Workspace, n Need) (*Pair, error) {
	p := &Pair{Where: "two virtual machines", w: w}
	attackers := forAttackers
	if n.Disposable { // what harms a machine harms the attacker's own
		attackers = forOnce
	}
	for place, r := range map[*Place]role{&p.Victim: forVictims, &p.Attacker: attackers} {
		m, err := w.one(ctx, n, r)
		if err != nil {
			p.Close()
			return nil, err
		}
		p.machines = append(p.machines, m)
		g := m.ground()
		*place = Place{front: g.line(Need{}, g.shell...), Path: g.path, Dir: g.dir, Data: g.data("victim"), Own: true}
	}
	return p, nil
}

// one is a machine of its own for a program; on one processor it is a new one.
func (w *Workspace) one(ctx context.Context, n Need, r role) (*machine, error) {
	if n.OneCPU {
		return w.newMachine(ctx, n)
	}
	return w.take(ctx, r)
}
