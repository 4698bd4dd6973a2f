package assist

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/instructions.md anew")

const (
	mnemonicsFile    = "testdata/mnemonics.tsv"
	instructionsPage = "../../docs/instructions.md"
)

// byKVM are the instructions that KVM's own emulator carries out at CPL 0 (arch/x86/kvm/emulate.c, its opcode
// tables, Linux 6.12), without the size suffixes. The last line is not in that file: an emulator that starts
// a 64-bit Linux at all has to have them.
const byKVM = `adc add and bsf bsr bswap bt btc btr bts call clc cld cli clts cltd cltq cqto cwtl cmp cmps cmpxchg
	cmpxchg8b cpuid dec div endbr64 fninit fnstcw fnstsw hlt idiv imul in inc ins invlpg
	jmp lea leave lgdt lidt lldt ljmp lods lret lretq ltr mov movabs movbe movs movsb movsbl movsbq movsbw movsl
	movslq movsq movsw movswl movswq movzbl movzbq movzwl movnti mul neg nop not or out outs pause pop popf push
	pushf rcl rcr rdmsr rdpmc rdtsc ret rol ror sahf sar sbb scas shl shld shr shrd smsw stc std sti stos sub test
	vmcall vmmcall wbinvd wrmsr xadd xchg xlat xor xsetbv movdqa movdqu movq
	iretq swapgs sysretl sysretq syscall`

// conditional are the families that are one row of the emulator: Jcc, SETcc, CMOVcc.
var conditional = []string{"j", "set", "cmov"}

// alias gives the name in the table of forms to a mnemonic that has another one.
var alias = map[string]string{
	"xsave64": "XSAVE", "xsavec64": "XSAVEC", "xsaveopt64": "XSAVEOPT", "xsaves64": "XSAVES", "xrstor64": "XRSTOR",
	"xrstors64": "XRSTORS", "prefetcht0": "PREFETCH", "prefetcht1": "PREFETCH", "prefetchw": "PREFETCH",
	"fxsave64": "FXSAVE", "fxrstor64": "FXRSTOR", "fildl": "FILD",
	"nopl": "NOP", "nopw": "NOP",
}

// left are those that nobody carries out, and why no kernel executes them on such a backend, or what it gets.
var left = []struct {
	mnemonics string
	feature   string // a number of params.go that keeps the kernel from them
	why       string
}{
	{"movd por pshufb pshufd pslld psrld punpckldq punpcklqdq pxor paddd paddq", "137", "BLAKE2s with SSSE3"},
	{"vextracti128 vmovd vmovdqa vmovdqu vpaddd vpaddq vpermi2d vprord vpshufd vpxor vzeroupper", "137",
		"BLAKE2s with AVX-512, which is looked for only after SSSE3"},
	{"clgi stgi", "", "kvm_amd, which is for hosts with AMD-V"},
	{"monitor monitorx mwait mwaitx tpause", "", "idling and waiting as CPUID shows it; KVM shows a guest neither"},
	{"encls", "", "SGX, which KVM shows only where a VMM asks for it"},
	{"pvalidate rmpadjust vmgexit tdcall", "", "guests of SEV-SNP and TDX"},
	{"tilerelease", "323", "AMX, whose state needs XSAVES"},
	{"wrussq", "", "shadow stacks, which the kernel starts only with XSAVES and CET in CPUID"},
	{"fimuls fdivl fistpl fldl fmull fsubp finit", "", "a test for the Pentium's FDIV fault, which 64-bit kernels leave out"},
	{"ud1", "", "never meant to be executed: what traps and, to a disassembler, data look like"},
}

type mnemonic struct{ name, in string }

// mnemonics reads the list, and says in which kernels each is.
func mnemonics(t *testing.T) (list []mnemonic) {
	t.Helper()
	b, err := os.ReadFile(mnemonicsFile)
	check(t, err)
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if strings.HasPrefix(line, "#") || len(f) != 4 {
			continue
		}
		var in []string
		for i, kernel := range []string{"6.1", "6.12", "terem"} {
			if f[1+i] != "0" {
				in = append(in, kernel)
			}
		}
		list = append(list, mnemonic{f[0], strings.Join(in, ", ")})
	}
	if len(list) < 200 {
		t.Fatalf("%s has %d mnemonics", mnemonicsFile, len(list))
	}
	return list
}

// who carries a mnemonic out: "KVM", "terem", the reason of left, or nobody ("").
func who(name string) string {
	for _, l := range left {
		if slices.Contains(strings.Fields(l.mnemonics), name) {
			return l.why
		}
	}
	if form := formOf(name); form != "" {
		return "terem"
	}
	known := strings.Fields(byKVM)
	for _, c := range conditional {
		if strings.HasPrefix(name, c) {
			return "KVM"
		}
	}
	if slices.Contains(known, name) || slices.Contains(known, name[:len(name)-1]) && strings.ContainsAny(name[len(name)-1:], "bwlq") {
		return "KVM"
	}
	return ""
}

// formOf is the name in the table of forms, or "".
func formOf(name string) string {
	want := strings.ToUpper(name)
	if a, ok := alias[name]; ok {
		want = a
	}
	if slices.ContainsFunc(forms[:], func(f form) bool { return f.name == want }) {
		return want
	}
	return ""
}

// TestEveryMnemonic: nobody can add an instruction to the list without saying what becomes of it, and each
// feature that is said to be cleared is in the list of features.
func TestEveryMnemonic(t *testing.T) {
	for _, m := range mnemonics(t) {
		if who(m.name) == "" {
			t.Errorf("%s, of %s: who carries it out?", m.name, m.in)
		}
	}
	for _, l := range left {
		if l.feature != "" && !slices.Contains(strings.Split(features, ","), l.feature) {
			t.Errorf("feature %s, for %s, is not cleared", l.feature, l.mnemonics)
		}
	}
}

// TestInstructionsPage keeps the page true.
func TestInstructionsPage(t *testing.T) {
	want := page(t)
	if *update {
		check(t, os.WriteFile(instructionsPage, []byte(want), 0o666))
	}
	got, err := os.ReadFile(instructionsPage)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the tables say (-update writes it anew); %v", instructionsPage, err)
	}
}

const pageInterrupts = `
INT n of a program is a trap for the vectors 3 and 4, #GP where the kernel has no gate for programs, and #NP where that
is not present, as on a CPU. Through any other open gate nobody delivers it: the program gets #UD. Linux has one such gate,
0x80, if it is built for 32-bit programs (IA32_EMULATION), which the default guest is not. Neither INT1 (#DB) nor the
x87 exceptions that EMMS, FILD and FWAIT report (#MF) are raised.
`

const pageHead = `# The instructions of a kernel that KVM interprets

On a KVM without VT-x or AMD-V the kernel of a guest runs in KVM's instruction emulator. This page says what becomes
of each instruction that stands in the code of three kernels: Debian's cloud kernels 6.1 and 6.12, and the default
guest's. The list was made by disassembling them (` + "`guest/stock/mnemonics.sh`" + `); mnemonics are objdump's. A test
compares this page with the tables of ` + "`vcpu/assist`" + ` and fails for an instruction that has no answer.

What is missing all the same, in a module or in a later kernel, becomes an exception for the guest, and ends the program
that made the kernel execute it ([ADR 0016](adr/0016-an-exception-instead-of-the-end.md)).

`

func page(t *testing.T) string {
	var b strings.Builder
	b.WriteString(pageHead)
	b.WriteString("## Finished by terem\n\n| mnemonic | in |\n|---|---|\n")
	var kvms []string
	met := map[string]bool{}
	for _, m := range mnemonics(t) {
		switch who(m.name) {
		case "KVM":
			kvms = append(kvms, m.name)
		case "terem":
			met[formOf(m.name)] = true
			fmt.Fprintf(&b, "| %s | %s |\n", m.name, m.in)
		}
	}
	var more []string
	for _, f := range forms {
		if !met[f.name] {
			met[f.name] = true
			more = append(more, f.name)
		}
	}
	sort.Strings(more)
	fmt.Fprintf(&b, "\nBesides, for modules, other kernels and programs: %s.\n", strings.Join(more, ", "))
	b.WriteString(pageInterrupts)
	b.WriteString("\n## Finished by nobody\n\n| mnemonics | why it does not matter |\n|---|---|\n")
	for _, l := range left {
		why := l.why
		if l.feature != "" {
			why += ": cleared by `clearcpuid=`, " + l.feature
		}
		fmt.Fprintf(&b, "| %s | %s |\n", l.mnemonics, why)
	}
	fmt.Fprintf(&b, "\n## Carried out by KVM\n\n%s.\n", strings.Join(kvms, ", "))
	return b.String()
}
