package gdb

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestRealGDB: gdb itself understands what it is told.
func TestRealGDB(t *testing.T) {
	if _, err := exec.LookPath("gdb"); err != nil {
		t.Skip("needs gdb: apt-get install gdb")
	}
	f := newFake()
	l := door(t)
	s := Start(l, f)
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := []string{"-nx", "-nw", "-batch"}
	for _, command := range []string{
		"set confirm off", "set pagination off", "target remote " + l.Addr().String(),
		"info threads", "p/x $rax", "p/x $cr3", "p $eflags", "p $xmm0.v16_int8[0]", "p $st0", "p/x $ftag", "info registers rip cs",
		"set var $rbx=0x42", "p/x $rbx", "x/2bx 0xffffffff81000000", "set var *(char*)0xffffffff81000001=0x42", "x/2bx 0xffffffff81000000",
		"stepi", "break *0xffffffff81000110", "continue", "p/x $rip", "hbreak *0xffffffff81000120", "continue",
		"delete", "watch *(long*)0xffffffff81000180", "thread 2", "p/x $rip", "x/bx 0", "detach",
	} {
		args = append(args, "-ex", command)
	}
	out, err := exec.CommandContext(ctx, "gdb", args...).CombinedOutput()
	if err != nil {
		t.Errorf("gdb: %v", err)
	}
	for _, want := range []string{
		"Thread 1 (vCPU 0)", "Thread 2 (vCPU 1)", "$1 = 0x1122334455667788", "$2 = 0x5000", "$3 = [ ]", "$4 = 115", "= 0xffff\n",
		"0xffffffff81000100", "cs             0x10", "= 0x42\n", "0x90\t0x42", "Breakpoint 1, 0xffffffff81000110", "Breakpoint 2, 0xffffffff81000120",
		"Switching to thread 2", "= 0xffffffff81000200", "Cannot access memory", "detached",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("gdb does not say %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
