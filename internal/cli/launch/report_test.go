package launch

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"terem/internal/vm/machine"
	"terem/kvm"
)

var update = flag.Bool("update", false, "write the golden files")

func sampleReport() machine.Report {
	return machine.Report{
		VCPUs: 2, Wall: 1234567890, InGuest: 1500 * time.Millisecond, InVMM: 500 * time.Millisecond, Interrupted: 3,
		Exits: []machine.Row{
			{Name: "io", Count: 20480, Time: 300 * time.Millisecond},
			{Name: "hlt", Count: 1, Time: 1500},
		},
		Places: []machine.Row{
			{Name: "serial", Addr: 0x3f8, Count: 20000, Writes: 15000, Time: 290 * time.Millisecond},
			{Name: "unclaimed port", Addr: 0x80, Count: 480, Writes: 480, Time: 10 * time.Millisecond},
			{Name: "further ports and pages", Time: 0},
		},
		Finished: []machine.Row{
			{Name: "SYSCALL", Count: 12, Time: 48 * time.Microsecond},
			{Name: "exception instead", Count: 2, Time: 90 * time.Microsecond},
		},
		Instead: []string{`guest instruction at 0x401000, CPL 3, "pxor %xmm0,%xmm0", bytes 66 0f ef c0: KVM cannot finish it`},
		KVM:     kvm.Stats{"exits": 20500, "insn_emulation": 9400000, "halt_exits": 7, "irq_injections": 99},
		Phases:  []machine.Phase{{Name: "create", Time: 2345678}, {Name: "kernel", Time: 5123456789}, {Name: "end", Time: 1234}},
	}
}

func TestLedgerTable(t *testing.T) {
	var got bytes.Buffer
	writeTable(&got, sampleReport())
	got.WriteString("---\n")
	writeTable(&got, machine.Report{VCPUs: 1})
	for line := range strings.Lines(got.String()) {
		if strings.HasSuffix(line, " \n") {
			t.Errorf("%q ends in blanks", line)
		}
	}
	path := filepath.Join("testdata", "ledger.golden")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s differs; -update writes it anew. Got:\n%s", path, got.Bytes())
	}
}

func TestLedgerJSON(t *testing.T) {
	var text bytes.Buffer
	want := sampleReport()
	if err := writeReport(&text, "json", want); err != nil {
		t.Fatal(err)
	}
	var got machine.Report
	if err := json.NewDecoder(&text).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read back %+v, want %+v", got, want)
	}
}
