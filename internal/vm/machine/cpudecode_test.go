package machine

import (
	"fmt"
	"math/bits"
	"slices"
	"testing"

	"terem/kvm"
)

// place is what an operating system makes of one processor's CPUID.
type place struct {
	apicID, pkg, core uint32
	cores, threads    uint32 // of the package; of the core
}

// cpuidAt answers CPUID as KVM does for a guest: what is not listed is zero.
type cpuidAt []kvm.CPUIDEntry

func (c cpuidAt) get(function, index uint32) kvm.CPUIDEntry {
	if e := find(c, function, index); e != nil {
		return *e
	}
	return kvm.CPUIDEntry{}
}

// decoders are the ways in which systems read a topology: Linux's since 6.9 and before, and by leaves that came
// with one maker or generation, for systems that know no others (arch/x86/kernel/cpu/topology_*.c, amd.c,
// Intel SDM vol. 3A, 10.9.4, AMD APM vol. 3, E.5).
func decoders(c cpuidAt) map[string]func() place {
	if isAMD(c) {
		m := map[string]func() place{"leaf 0x80000008": c.byAMDCores}
		if c.get(0x80000001, 0).Ecx>>22&1 == 1 { // TOPOEXT
			m["leaf 0x8000001e"] = c.byAMDTopology
		}
		if c.get(0, 0).Eax >= 0xb {
			m["leaf 0xb"] = func() place { return c.byLevels(0xb) }
		}
		return m
	}
	m := map[string]func() place{}
	if c.get(0, 0).Eax >= 4 && c.get(4, 0).Eax&0x1f != 0 {
		m["leaves 1 and 4"] = c.byCounts
	}
	for _, leaf := range []uint32{0xb, 0x1f} {
		if c.get(0, 0).Eax >= leaf {
			m[fmt.Sprintf("leaf %#x", leaf)] = func() place { return c.byLevels(leaf) }
		}
	}
	return m
}

func (c cpuidAt) byLevels(leaf uint32) place {
	thread, core := c.get(leaf, 0), c.get(leaf, 1)
	if thread.Ecx != 1<<8 || core.Ecx != 2<<8|1 || c.get(leaf, 2).Ecx>>8 != 0 {
		return place{}
	}
	id := core.Edx
	return place{apicID: id, pkg: id >> core.Eax, core: id & (1<<core.Eax - 1) >> thread.Eax,
		cores: core.Ebx / thread.Ebx, threads: thread.Ebx}
}

// byCounts is Intel's way before leaf 0xb, and that of Linux for Centaur and Zhaoxin.
func (c cpuidAt) byCounts() place {
	one := c.get(1, 0)
	id, logical := one.Ebx>>24, uint32(1)
	if one.Edx>>28&1 == 1 {
		logical = one.Ebx >> 16 & 0xff
	}
	cores := c.get(4, 0).Eax>>26 + 1
	return place{apicID: id, pkg: id >> width(logical), core: id & (1<<width(logical) - 1), cores: cores, threads: logical / cores}
}

func (c cpuidAt) byAMDCores() place {
	id, ecx := c.get(1, 0).Ebx>>24, c.get(0x80000008, 0).Ecx
	shift := ecx >> 12 & 0xf
	if shift == 0 {
		shift = width(ecx&0xff + 1)
	}
	threads := uint32(1)
	if one := c.get(1, 0); one.Edx>>28&1 == 1 && c.get(0x80000001, 0).Ecx>>1&1 == 0 { // HTT without CmpLegacy
		threads = one.Ebx >> 16 & 0xff
	}
	return place{apicID: id, pkg: id >> shift, core: id & (1<<shift - 1), cores: ecx&0xff + 1, threads: threads}
}

func (c cpuidAt) byAMDTopology() place {
	e, p := c.get(0x8000001e, 0), c.byAMDCores()
	p.apicID, p.core, p.threads = e.Eax, e.Ebx&0xff, e.Ebx>>8&0xff+1
	if e.Ecx != 0 {
		return place{} // a node other than 0, or of several
	}
	return p
}

// cachesOf decodes leaf 4 or 0x8000001d (cacheinfo.c, __cache_cpumap_setup).
func (c cpuidAt) cachesOf(id uint32) (all []string) {
	leaf := uint32(4)
	if isAMD(c) {
		leaf = 0x8000001d
	}
	for index := uint32(0); ; index++ {
		e := c.get(leaf, index)
		if e.Eax&0x1f == 0 {
			return all
		}
		shared := uint32(1) << bits.Len32(e.Eax>>14&0xfff)
		first := id &^ (shared - 1)
		all = append(all, fmt.Sprintf("L%d type %d: %d-%d", e.Eax>>5&7, e.Eax&0x1f, first, first+shared-1))
	}
}

// TestTopologyOfHosts: whatever KVM lists, on each vCPU all ways of reading it say the same.
func TestTopologyOfHosts(t *testing.T) {
	for name, host := range tables(t) {
		for _, n := range []int{1, 2, 3, 6, 8, 64, 254} {
			t.Run(fmt.Sprintf("%s, %d vCPUs", name, n), func(t *testing.T) {
				for id := range n {
					c := cpuidAt(CPUModel{}.leaves(host, id, n))
					ways := decoders(c)
					for way, decode := range ways {
						want := place{apicID: uint32(id), core: uint32(id), cores: uint32(n), threads: 1}
						if way == "leaves 1 and 4" && n > 64 {
							continue // leaf 4 has six bits for them
						}
						if got := decode(); !equal(got, want) {
							t.Errorf("vCPU %d by %s: %+v, want %+v", id, way, got, want)
						}
					}
					if len(ways) == 0 {
						t.Error("no way to read it")
					}
					checkCaches(t, c, host, uint32(id), uint32(n))
				}
			})
		}
	}
}

func equal(a, b place) bool {
	return a.apicID == b.apicID && a.pkg == b.pkg && a.core == b.core && a.cores == b.cores && a.threads == b.threads
}

// checkCaches: the host's caches, of which the third level is everybody's and the rest its own.
func checkCaches(t *testing.T, c, host cpuidAt, id, n uint32) {
	t.Helper()
	var want []string
	leaf := uint32(4)
	if isAMD(host) {
		leaf = 0x8000001d
	}
	for index := uint32(0); host.get(leaf, index).Eax&0x1f != 0; index++ {
		e := host.get(leaf, index)
		first, last := id, id
		if e.Eax>>5&7 >= 3 {
			first, last = 0, 1<<width(n)-1
		}
		want = append(want, fmt.Sprintf("L%d type %d: %d-%d", e.Eax>>5&7, e.Eax&0x1f, first, last))
		if got := c.get(leaf, index); got.Ebx != e.Ebx || got.Ecx != e.Ecx || got.Edx != e.Edx || got.Eax&0x3fff != e.Eax&0x3fff {
			t.Errorf("cache %d is %+v, the host's %+v", index, got, e)
		}
	}
	if got := c.cachesOf(id); !slices.Equal(got, want) {
		t.Errorf("vCPU %d: caches %q, want %q", id, got, want)
	}
}

// TestReservedLeaves: what a maker reserves is zero, and what no guest may believe is not there.
func TestReservedLeaves(t *testing.T) {
	for name, host := range tables(t) {
		c := cpuidAt(CPUModel{}.leaves(host, 1, 2))
		zero := map[uint32]bool{5: true, 0x15: true, 0x16: true, 0x8000001f: true, 0x80000026: true}
		if isAMD(host) {
			zero[4], zero[0x1f] = true, true
		} else {
			zero[0x8000001d], zero[0x8000001e] = true, true
			if e := c.get(0x80000008, 0); e.Ecx != 0 || e.Edx != 0 {
				t.Errorf("%s: leaf 0x80000008 ECX %#x, EDX %#x", name, e.Ecx, e.Edx)
			}
		}
		for _, e := range c {
			if zero[e.Function] && (e.Eax|e.Ebx|e.Ecx|e.Edx) != 0 {
				t.Errorf("%s: %s", name, formatLeaf(e))
			}
			if e.Function == 1 && e.Ecx>>3&1 != 0 {
				t.Errorf("%s: MONITOR is listed", name)
			}
		}
		for i, e := range c {
			if slices.ContainsFunc(c[:i], func(o kvm.CPUIDEntry) bool { return o.Function == e.Function && o.Index == e.Index }) {
				t.Errorf("%s: leaf %#x, %d twice", name, e.Function, e.Index)
			}
		}
	}
}

// TestRestIsHost: every other leaf is as KVM lists it.
func TestRestIsHost(t *testing.T) {
	changed := []uint32{1, 4, 5, 0xb, 0x15, 0x16, 0x1f, 0x80000001, 0x80000008, 0x8000001d, 0x8000001e, 0x8000001f, 0x80000026}
	for name, host := range tables(t) {
		tiles := hasBit(host, tileState())
		c := cpuidAt(CPUModel{}.leaves(host, 0, 1))
		for _, e := range host {
			if slices.Contains(changed, e.Function) || !tiles && slices.Contains([]uint32{7, 0x1d, 0x1e}, e.Function) {
				continue
			}
			if got := c.get(e.Function, e.Index); got != e {
				t.Errorf("%s: leaf %#x, %d: %+v, the host's %+v", name, e.Function, e.Index, got, e)
			}
		}
	}
}
