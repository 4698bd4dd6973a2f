package machine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"terem/internal/fault"
	"terem/kvm"
	"terem/vcpu/assist"
)

// Leaves as hosts of both makers give them, cut down to what a machine changes. The
// hosts have more processors than any guest here, and other APIC IDs.
func intelLike() []kvm.CPUIDEntry {
	return []kvm.CPUIDEntry{
		{Function: 0x0, Eax: 0x1f, Ebx: 0x756e6547, Ecx: 0x6c65746e, Edx: 0x49656e69}, // GenuineIntel
		{Function: 0x1, Eax: 0x806f8, Ebx: 0x17_40_08_00, Ecx: 0x1 << 28, Edx: 1<<28 | 1<<4},
		{Function: 0x4, Index: 0, Flags: 1, Eax: 0x7c004121}, // 48 KiB L1d
		{Function: 0x4, Index: 2, Flags: 1, Eax: 0x7c004143}, // L2
		{Function: 0x4, Index: 3, Flags: 1, Eax: 0x7c1fc163}, // L3, 128 threads share it
		{Function: 0x7, Index: 0, Flags: 1, Eax: 1, Ebx: 1<<16 | 1<<20},
		{Function: 0xb, Index: 0, Flags: 1, Eax: 1, Ebx: 2, Ecx: 0x100, Edx: 0x17},
		{Function: 0xb, Index: 1, Flags: 1, Eax: 7, Ebx: 128, Ecx: 0x201, Edx: 0x17},
		{Function: 0x1f, Index: 0, Flags: 1, Eax: 1, Ebx: 2, Ecx: 0x100, Edx: 0x17},
		{Function: 0x80000001, Edx: 1 << 20},
	}
}

func amdLike() []kvm.CPUIDEntry {
	return []kvm.CPUIDEntry{
		{Function: 0x0, Eax: 0x10, Ebx: 0x68747541, Ecx: 0x444d4163, Edx: 0x69746e65}, // AuthenticAMD
		{Function: 0x1, Eax: 0xa20f10, Ebx: 0x05_20_08_00, Edx: 1 << 28},
		{Function: 0xb, Index: 0, Flags: 1, Eax: 1, Ebx: 2, Ecx: 0x100, Edx: 5},
		{Function: 0x1f, Index: 0, Flags: 1, Eax: 1, Ebx: 2, Ecx: 0x100, Edx: 5},
		{Function: 0x80000001, Ecx: 1 << 2, Edx: 1 << 20},
		{Function: 0x80000008, Eax: 0x3030, Ecx: 0x501f},
		{Function: 0x8000001e, Eax: 5, Ebx: 0x102, Ecx: 0x100},
	}
}

func find(leaves []kvm.CPUIDEntry, function, index uint32) *kvm.CPUIDEntry {
	for i := range leaves {
		if leaves[i].Function == function && leaves[i].Index == index {
			return &leaves[i]
		}
	}
	return nil
}

func TestTopology(t *testing.T) {
	for _, tt := range []struct {
		n     int
		width uint32 // bits of the APIC ID
	}{{1, 0}, {2, 1}, {3, 2}, {8, 3}, {254, 8}} {
		for name, host := range map[string][]kvm.CPUIDEntry{"intel": intelLike(), "amd": amdLike()} {
			t.Run(fmt.Sprintf("%s, %d vCPUs", name, tt.n), func(t *testing.T) {
				for id := range tt.n {
					leaves := CPUModel{}.leaves(host, id, tt.n)
					checkTopology(t, leaves, uint32(id), uint32(tt.n), tt.width)
				}
			})
		}
	}
}

// checkTopology looks at the leaves as Linux does: every leaf that names the vCPU
// or counts processors says the same.
func checkTopology(t *testing.T, leaves []kvm.CPUIDEntry, id, n, width uint32) {
	t.Helper()
	l1 := find(leaves, 1, 0)
	if l1.Ebx>>24 != id || l1.Ebx>>16&0xff != n || l1.Ebx&0xffff != 0x0800 {
		t.Errorf("leaf 1 EBX %#x for vCPU %d of %d", l1.Ebx, id, n)
	}
	if htt := l1.Edx>>28&1 == 1; htt != (n > 1) || l1.Ecx>>31 != 1 {
		t.Errorf("leaf 1: HTT %v, hypervisor bit %d", htt, l1.Ecx>>31)
	}
	thread, core, end := find(leaves, 0xb, 0), find(leaves, 0xb, 1), find(leaves, 0xb, 2)
	if thread.Eax != 0 || thread.Ebx != 1 || thread.Ecx != 0x100 {
		t.Errorf("leaf 0xb, threads: %+v", thread)
	}
	if core.Eax != width || core.Ebx != n || core.Ecx != 0x201 || end.Ecx>>8 != 0 || end.Ebx != 0 {
		t.Errorf("leaf 0xb, cores: %+v, then %+v", core, end)
	}
	for _, e := range []*kvm.CPUIDEntry{thread, core, end} {
		if e.Edx != id || e.Flags&1 == 0 {
			t.Errorf("leaf 0xb, %d: x2APIC ID %d, flags %#x; want %d and a significant index", e.Index, e.Edx, e.Flags, id)
		}
	}
	if find(leaves, 0x1f, 0) != nil && isAMD(leaves) {
		t.Error("the host's leaf 0x1f is still there")
	}
	for index, shared := range map[uint32]uint32{0: 1, 2: 1, 3: n} {
		e := find(leaves, 4, index)
		if e == nil {
			continue
		}
		if e.Eax>>14&0xfff != shared-1 || e.Eax>>26 != min(n, 64)-1 {
			t.Errorf("leaf 4, %d: EAX %#x; want %d threads that share it", index, e.Eax, shared)
		}
	}
	if e := find(leaves, 0x80000008, 0); e != nil && (e.Ecx&0xff != n-1 || e.Ecx>>12&0xf != width) {
		t.Errorf("leaf 0x80000008: ECX %#x for %d processors", e.Ecx, n)
	}
	if e := find(leaves, 0x8000001e, 0); e != nil && (e.Eax != id || e.Ebx != id || e.Ecx != 0) {
		t.Errorf("leaf 0x8000001e: %+v for vCPU %d", e, id)
	}
}

func TestLeavesLeaveHostAlone(t *testing.T) {
	host := intelLike()
	m, err := ParseCPU("host,-avx512f")
	if err != nil {
		t.Fatal(err)
	}
	m.leaves(host, 1, 2)
	for i, want := range intelLike() {
		if host[i] != want {
			t.Errorf("the host's leaf %#x was changed", want.Function)
		}
	}
}

func TestParseCPU(t *testing.T) {
	for _, tt := range []struct{ model, want string }{
		{"host", ""},
		{"host,-avx512f", ""},
		{"host,+nx,-smap,-svm", ""},
		{"", "the only base model"},
		{"qemu64", "the only base model"},
		{"host,avx", "is no change"},
		{"host,", "is no change"},
		{"host,-", "is no change"},
		{"host,-warp", "no feature is called `warp`"},
		{"host,-AVX", "no feature is called `AVX`"},
	} {
		m, err := ParseCPU(tt.model)
		if tt.want == "" {
			if n := strings.Count(tt.model, ","); err != nil || len(m.changes) != n {
				t.Errorf("%q: %d changes, %v; want %d", tt.model, len(m.changes), err, n)
			}
			continue
		}
		var e *fault.Error
		if !errors.As(err, &e) || e.Class != fault.Usage || !strings.Contains(err.Error(), tt.want) || e.Mend == "" {
			t.Errorf("%q: error %v, want %q", tt.model, err, tt.want)
		}
	}
}

func TestCPUChanges(t *testing.T) {
	for _, tt := range []struct {
		model         string
		avx512f, smap bool
		want          string
	}{
		{"host", true, true, ""},
		{"host,-avx512f", false, true, ""},
		{"host,-avx512f,-smap", false, false, ""},
		{"host,+avx512f", true, true, ""},
		{"host,-smap,+smap", true, false, "does not offer smap"},
		{"host,+amx_tile", true, true, "does not offer amx_tile"},
		{"host,-amx_tile", true, true, ""},
		{"host,-avx_vnni", true, true, ""}, // in a sub-leaf that the host lacks
	} {
		m, err := ParseCPU(tt.model)
		if err != nil {
			t.Fatal(err)
		}
		leaves := m.leaves(intelLike(), 0, 1)
		if kept, err := m.check(shows(leaves)); tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "CPU "+tt.model) {
				t.Errorf("%q: error %v, want %q", tt.model, err, tt.want)
			}
		} else if kept != nil || err != nil {
			t.Errorf("%q: %q disregarded, %v", tt.model, kept, err)
		}
		ebx := find(leaves, 7, 0).Ebx
		if got := ebx>>16&1 == 1; got != tt.avx512f {
			t.Errorf("%q: avx512f %v", tt.model, got)
		}
		if got := ebx>>20&1 == 1; got != tt.smap {
			t.Errorf("%q: smap %v", tt.model, got)
		}
	}
}

// shows is a KVM that shows the guest these leaves.
func shows(leaves []kvm.CPUIDEntry) cpuidOf {
	return func(leaf, index uint32) (kernel, user assist.CPUIDResult, err error) {
		if e := find(leaves, leaf, index); e != nil {
			kernel = assist.CPUIDResult{e.Eax, e.Ebx, e.Ecx, e.Edx}
		}
		return kernel, kernel, nil
	}
}

// TestCPUBeyondTheLastLeaf: a processor answers for a leaf that it does not have, with another one.
func TestCPUBeyondTheLastLeaf(t *testing.T) {
	seen := cpuidOf(func(leaf, _ uint32) (kernel, user assist.CPUIDResult, err error) {
		const last = 6
		if leaf == 0 {
			return assist.CPUIDResult{last}, assist.CPUIDResult{last}, nil
		}
		all := assist.CPUIDResult{^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0)}
		return all, all, nil
	})
	for model, offered := range map[string]bool{"host,+aes": true, "host,+avx2": false} {
		m, err := ParseCPU(model)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.check(seen); (err == nil) != offered {
			t.Errorf("%s: error %v", model, err)
		}
	}
}

// TestCPUDisregarded: a KVM shows the guest's programs the host's processor.
func TestCPUDisregarded(t *testing.T) {
	masked := func(leaf, index uint32) (kernel, user assist.CPUIDResult, err error) {
		_, user, err = shows(intelLike())(leaf, index)
		return kernel, user, err
	}
	for model, want := range map[string][]string{
		"host": nil, "host,-avx512f,-smap,-avx512f": {"avx512f", "smap"}, "host,+avx512f": nil, "host,-pku": nil,
		"host,-avx512f,+avx512f": nil, "host,+avx512f,-avx512f": {"avx512f"},
	} {
		m, err := ParseCPU(model)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.check(masked); !slices.Equal(got, want) || err != nil {
			t.Errorf("%q: %q disregarded, %v; want %q", model, got, err, want)
		}
	}
}

func ExampleParseCPU() {
	_, err := ParseCPU("host,-warp9")
	fmt.Println(strings.SplitAfter(err.Error(), ";")[0])
	// Output: CPU host,-warp9: no feature is called `warp9`;
}
