package atwork

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTraceOfBoot: what made a guest leave, by its kernel's functions; the same as the ledger counts.
func TestTraceOfBoot(t *testing.T) {
	emulated(t)
	own(t)
	dir := t.TempDir()
	file, page := filepath.Join(dir, "boot.trace"), filepath.Join(dir, "boot.html")
	s := terem(t, "", "run", "--cpus", "2", "--quiet", "--exits=json", "--trace", file, "--", "echo", "hi")
	if s.status != 0 || s.out != "hi\n" {
		t.Fatalf("%+v", s)
	}
	type sums struct {
		Records, Lost              uint64
		Reasons, Places, Functions []struct {
			Name  string
			Count uint64
		}
	}
	var ledger struct{ Exits []struct{ Count uint64 } }
	var trace sums
	if err := json.Unmarshal([]byte(s.stderr[strings.Index(s.stderr, "{"):]), &ledger); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(terem(t, "", "trace", "--json", file).out), &trace); err != nil {
		t.Fatal(err)
	}
	counted := uint64(0)
	for _, e := range ledger.Exits {
		counted += e.Count
	}
	if trace.Records != counted || trace.Lost != 0 || len(trace.Places) < 3 {
		t.Errorf("%d records, %d exits counted; %+v", trace.Records, counted, trace)
	}
	table := terem(t, "", "trace", file).out
	for _, want := range []string{"serial, port 0x3f8", "control, port 0x5f8", "vsock, page", "io_serial_out"} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
	if list := terem(t, "", "trace", "--list", file).out; uint64(strings.Count(list, "\n")) != trace.Records || !strings.Contains(list, "-> 0x5f8 control: 00") {
		t.Errorf("--list: %d lines, %d records", strings.Count(list, "\n"), trace.Records)
	}
	terem(t, "", "trace", "--html", page, file).want(t, 0, "")
	if b, err := os.ReadFile(page); err != nil || !strings.Contains(string(b), "vCPU 1") {
		t.Errorf("the page: %d bytes, %v", len(b), err)
	}
	if d := terem(t, "", "trace", "diff", file, file).out; !strings.Contains(d, "before:") || strings.Contains(d, "+") && strings.Contains(d, " +") {
		t.Errorf("against itself: %s", d)
	}
}

// TestProfileOfBoot: where a kernel is while it boots, and while it idles.
func TestProfileOfBoot(t *testing.T) {
	emulated(t)
	own(t)
	file := filepath.Join(t.TempDir(), "boot.profile")
	terem(t, "", "run", "--quiet", "--profile", file, "--", "sleep", "2").want(t, 0, "")
	table := terem(t, "", "profile", file).out
	if !strings.Contains(table, "samples of 1 vCPU") || !strings.Contains(table, "safe_halt") {
		t.Errorf("%s", table)
	}
	t.Logf("%s", table)
}
