package main

import (
	"strings"
	"testing"
	"time"

	"terem/guest/cmdline"
	"terem/guest/distro"
)

func TestKernelWords(t *testing.T) {
	words, err := kernelWords([]distro.Module{{Name: "virtio"}, {Name: "virtio_mmio"}})
	if err != nil {
		t.Fatal(err)
	}
	command, _, _ := strings.Cut(strings.TrimPrefix(words, "terem.cmd="), " ")
	argv, err := cmdline.Decode(command)
	if err != nil || len(argv) != 4 {
		t.Fatalf("%q: %q, %v", words, argv, err)
	}
	want := "echo 'stock: init runs'\nuname -a\ninsmod /lib/virtio.ko\ninsmod /lib/virtio_mmio.ko\n" +
		"echo 'stock: modules loaded'\npoweroff -f"
	if argv[3] != want {
		t.Errorf("script %q, want %q", argv[3], want)
	}
}

func TestWatch(t *testing.T) {
	const ledger = `{ "finished": [{"name": "INT3", "count": 2, "ns": 160000}], "kvm": {"insn_emulation": 1400000000} }`
	for _, tt := range []struct {
		name, script, verdict string
	}{
		{"passes", "echo '[ 1.0] x stock: init runs'; echo 'stock: modules loaded\r'; echo '" + ledger + "' >&2", ""},
		{"unfinished", "echo 'terem: the guest cannot go on: movd' >&2; echo '" + ledger + "' >&2; exit 84", "unfinished: terem: the guest cannot go on: movd"},
		{"late", "exit 124", "in time"},
		{"early", "echo 'terem: the guest reset itself' >&2; exit 80", "ended before init, terem's status is 80: terem: the guest reset itself"},
		{"modules", "echo 'stock: init runs'; exit 80", "modules did not load"},
		{"power", "echo 'stock: init runs'; echo 'stock: modules loaded'; exit 80", "could not power off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var console strings.Builder
			o, err := watch(t.Context(), &console, "/bin/sh", "-c", tt.script)
			if err != nil {
				t.Fatal(err)
			}
			switch err := o.verdict(); {
			case tt.verdict == "" && err != nil:
				t.Errorf("verdict %v", err)
			case tt.verdict != "" && (err == nil || !strings.Contains(err.Error(), tt.verdict)):
				t.Errorf("verdict %v, want %q", err, tt.verdict)
			}
		})
	}
}

func TestSummarize(t *testing.T) {
	o := outcome{init: 90 * time.Second, total: 100 * time.Second}
	if err := o.report("terem: hello\n{\"finished\": [{\"name\": \"INT3\", \"count\": 2, \"ns\": 160000}],\n\"kvm\": {\"insn_emulation\": 1400000000, \"exits\": 7}}\n"); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	o.summarize(&b, "6.12")
	for _, want := range []string{"init after 1m30s", "modules after (never)", "1400.0 million instructions", "2 INT3", "80µs each"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the summary lacks %q: %s", want, b.String())
		}
	}
	if err := o.report("{ broken"); err == nil {
		t.Error("a broken ledger passed")
	}
}
