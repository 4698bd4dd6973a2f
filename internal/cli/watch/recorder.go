package watch

import (
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"terem/guest"
	"terem/internal/cli/command"
	"terem/internal/vm/machine"
	"terem/internal/vm/symbols"
	"terem/vcpu"
	"terem/vcpu/trace"
)

// most is how many records all vCPUs keep together: 48 MiB, of which a short run touches little.
const most = 1 << 20

// sampleEvery is how often a profile looks.
const sampleEvery = time.Millisecond

// recorder keeps the exits of a machine, or samples of where it is, and writes them at the end.
type recorder struct {
	out   output
	only  trace.Mask
	every time.Duration // between samples; 0: it keeps exits
	own   bool          // the default guest's kernel runs
	quiet bool

	since time.Time
	rings []*trace.Ring
	m     *machine.Machine
	say   func(string, ...any)
	stop  chan struct{}
	work  sync.WaitGroup
}

// Prepare makes a ring for each vCPU.
func (r *recorder) Prepare(c *machine.Config) error {
	if err := r.out.open(); err != nil {
		return err
	}
	r.since = c.Since
	for range c.CPUs {
		r.rings = append(r.rings, trace.NewRing(most/c.CPUs, r.only))
	}
	before := c.Trace
	c.Trace = func(cpu int) vcpu.Tracer {
		if before == nil {
			return r.rings[cpu]
		}
		return two{before(cpu), r.rings[cpu]}
	}
	return nil
}

// two are told one after the other.
type two [2]vcpu.Tracer

func (t two) Exit(x *vcpu.Exit)        { t[0].Exit(x); t[1].Exit(x) }
func (t two) Interrupted(x *vcpu.Exit) { t[0].Interrupted(x); t[1].Interrupted(x) }

// Begin starts to look, for a profile.
func (r *recorder) Begin(m *machine.Machine, say func(string, ...any)) error {
	r.m, r.say = m, say
	if r.every != 0 {
		r.stop = make(chan struct{})
		r.work.Go(r.sample)
	}
	return nil
}

// sample makes the vCPUs leave the guest again and again, at moments that no timer of the guest's keeps step with.
func (r *recorder) sample() {
	for {
		wait := r.every/2 + rand.N(r.every)
		select {
		case <-r.stop:
			return
		case <-r.m.Done():
			return
		case <-time.After(wait):
		}
		if r.m.Poke() != nil {
			return
		}
	}
}

// End writes the file, once the vCPUs stand.
func (r *recorder) End() error {
	if r.stop != nil {
		close(r.stop)
		r.work.Wait()
	}
	if r.m == nil { // it never ran
		r.out.abandon()
		return nil
	}
	if err := r.m.Pause(); err != nil {
		r.out.abandon()
		return err
	}
	t := &trace.Trace{Began: r.since, Took: time.Since(r.since), Every: r.every, Only: r.only}
	lost := uint64(0)
	for _, ring := range r.rings {
		list, n := ring.Records()
		t.CPUs = append(t.CPUs, trace.CPU{Records: list, Lost: n})
		lost += n
	}
	r.name(t)
	if lost > 0 && !r.quiet {
		r.say("terem: warning: %s has the last %d records; %d before them are lost\r\n", r.out.path, most, lost)
	}
	return r.out.write(t.Write)
}

// name adds the names of devices and of functions, as far as they are known.
func (r *recorder) name(t *trace.Trace) {
	places := map[trace.Place]bool{}
	for _, c := range t.CPUs {
		for i := range c.Records {
			if p, is := c.Records[i].Place(); is && !places[p] {
				places[p] = true
				if name := r.m.PlaceName(p.Memory, c.Records[i].Addr); name != "" {
					t.Places = append(t.Places, trace.Place{Addr: p.Addr, Memory: p.Memory, Name: name})
				}
			}
		}
	}
	if table := r.kernel(); table != nil {
		Name(t, table)
	}
}

// kernel is the default guest's table of symbols; nil: another kernel runs, or it is not to be had.
func (r *recorder) kernel() symbols.Table {
	if !r.own {
		return nil
	}
	dir, err := command.CacheDir()
	if err != nil {
		return nil
	}
	a, err := guest.FindKernel(dir)
	if err != nil {
		return nil
	}
	table, err := ReadSymbols(a.SystemMap)
	if err != nil {
		return nil
	}
	return table
}

// ReadSymbols reads System.map.
func ReadSymbols(path string) (symbols.Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return symbols.Parse(f)
}

// Name gives a trace the symbols of the functions that it has been in, in the place of those that it had.
func Name(t *trace.Trace, table symbols.Table) {
	code := table.Code()
	seen := map[symbols.Symbol]bool{}
	t.Symbols = nil
	for _, c := range t.CPUs {
		for i := range c.Records {
			s, ok := code.Find(c.Records[i].RIP)
			if ok && trace.Kernel(c.Records[i].RIP) && !seen[s] {
				seen[s] = true
				t.Symbols = append(t.Symbols, trace.Symbol{Addr: s.Addr, Name: s.Name})
			}
		}
	}
	slices.SortFunc(t.Symbols, func(a, b trace.Symbol) int {
		if a.Addr < b.Addr {
			return -1
		}
		return 1
	})
}
