package machine

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"terem/internal/kvmtest"
	"terem/kvm"
)

// Tables of KVM_GET_SUPPORTED_CPUID are in testdata/cpuid, one file for each host and kernel: lines that begin
// with # say where it is from, and the rest is what formatLeaf writes.

var record = flag.String("record", "", "write this host's KVM_GET_SUPPORTED_CPUID to the file")

// leafFormat is function, index, EAX, EBX, ECX, EDX, all hexadecimal, and struct kvm_cpuid_entry2's flags.
const leafFormat = "%08x %02x %08x %08x %08x %08x %d\n"

func formatLeaf(e kvm.CPUIDEntry) string {
	return fmt.Sprintf(leafFormat, e.Function, e.Index, e.Eax, e.Ebx, e.Ecx, e.Edx, e.Flags)
}

// TestRecordCPUID writes a table, when it is asked to:
//
//	go test ./internal/vm/machine -run TestRecordCPUID -record testdata/cpuid/NAME.txt
func TestRecordCPUID(t *testing.T) {
	if *record == "" {
		t.Skip("nobody asked for it with -record")
	}
	leaves, err := kvmtest.Open(t).SupportedCPUID()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# recorded under %s", kernelVersion(t))
	for _, e := range leaves {
		b.WriteString(formatLeaf(e))
	}
	if err := os.WriteFile(*record, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func kernelVersion(t *testing.T) string {
	t.Helper()
	v, err := os.ReadFile("/proc/version")
	if err != nil {
		t.Fatal(err)
	}
	return string(v)
}

// tables reads all of testdata/cpuid, by name.
func tables(t *testing.T) map[string][]kvm.CPUIDEntry {
	t.Helper()
	files, err := filepath.Glob("testdata/cpuid/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	all := map[string][]kvm.CPUIDEntry{}
	for _, f := range files {
		all[strings.TrimSuffix(filepath.Base(f), ".txt")] = readTable(t, f)
	}
	return all
}

func readTable(t *testing.T, path string) (leaves []kvm.CPUIDEntry) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	comments := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			comments++
			continue
		}
		var e kvm.CPUIDEntry
		if _, err := fmt.Sscanf(s.Text()+"\n", leafFormat, &e.Function, &e.Index, &e.Eax, &e.Ebx, &e.Ecx, &e.Edx, &e.Flags); err != nil {
			t.Fatalf("%s: %q: %v", path, s.Text(), err)
		}
		leaves = append(leaves, e)
	}
	if comments == 0 || len(leaves) == 0 {
		t.Fatalf("%s: %d comments, %d leaves", path, comments, len(leaves))
	}
	return leaves
}
