package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test's binary play process 1 of namespaces, as the program itself does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == roleInside {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// Two programs look round in the sandbox. None of what they try would do harm if it succeeded: rights are read, and
// the sysctl belongs to the namespace of host names.
const (
	asRootInside = `#!/bin/busybox sh
refused() { if "$@" 2>/dev/null; then echo "not ok 1 $*"; else echo "ok 1 $*"; fi; }
allowed() { if "$@"; then echo "ok 1 $*"; else echo "not ok 1 $*"; fi; }
bb=/bin/busybox
refused $bb touch /t/x86/x
refused $bb touch /sys/x
refused $bb sh -c 'echo terem >/proc/sys/kernel/domainname'
refused $bb touch /x
refused $bb test -e /usr
refused $bb test -e /dev/kvm
allowed $bb touch /tmp/x /dev/shm/x
allowed $bb test -c /dev/null
allowed $bb test $$ -lt 100
caps=0x$($bb sed -n 's/^CapBnd:\t//p' /proc/self/status)
allowed $bb test $((caps >> 21 & 1)) = 1 # CAP_SYS_ADMIN, for namespaces
for c in 25 16 22; do # CAP_SYS_TIME, CAP_SYS_MODULE, CAP_SYS_BOOT
	refused $bb test $c = $(((caps >> c & 1) * c))
done
$bb sleep 100 &
`
	asUserInside = `#!/bin/busybox sh
test $(/bin/busybox id -u) = 1000 && echo ok 1 uid
set -- /proc/[0-9]*
test $# = 2 && echo ok 2 alone || echo "not ok 2 alone: $*"
`
)

// TestSandbox: programs on the host see little of it, change none of it, and leave nobody behind.
func TestSandbox(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("namespaces without a user namespace: run as root")
	}
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skip("needs Debian's busybox-static")
	}
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string][]byte{
		"root/bin/busybox": busybox, "tree/x86/amx_64": []byte(asRootInside), "tree/x86/check_initial_reg_state_64": []byte(asUserInside),
	} {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, text, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"proc", "sys", "dev", "tmp", "t"} {
		if err := os.Mkdir(filepath.Join(dir, "root", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	o := order{root: filepath.Join(dir, "root"), tree: filepath.Join(dir, "tree"), scale: 1, jobs: []int{0, 3}}
	results, err := onHost(ctx, o)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOSPC) {
		t.Skipf("no namespaces here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	root, user := results[0], results[3]
	if root.status != ended || len(parse(root.output)) != 13 {
		t.Errorf("as root: %+v", root)
	}
	for name, v := range parse(root.output) {
		if v != ok {
			t.Errorf("as root, %v: %s", v, name)
		}
	}
	if got := parse(user.output); !maps.Equal(got, cases{"uid": ok, "alone": ok}) {
		t.Errorf("as a user: %+v", user)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || bytes.Contains(mounts, []byte(dir)) {
		t.Errorf("something is still mounted: %v", err)
	}
}
