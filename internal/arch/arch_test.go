package arch

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// nothing is an importer's source that has no package.
func nothing(string) (io.ReadCloser, error) { return nil, errors.New("not looked up") }

func TestHouse(t *testing.T) {
	files, err := parse(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 100 {
		t.Fatalf("only %d files were found", len(files))
	}
	for _, what := range check(files) {
		t.Error(what)
	}
}

// TestChecker breaks each rule once, and keeps it once.
func TestChecker(t *testing.T) {
	long := "package kvm\n" + strings.Repeat("// line\n", maxLines)
	for _, tt := range []struct {
		name, path, src string
		want            string // in the only complaint; empty: none
	}{
		{"arrow", "vcpu/a.go", `package vcpu; import _ "terem/kvm"`, ""},
		{"arrow upwards", "kvm/a.go", `package kvm; import _ "terem/vcpu"`, "a new arrow: kvm -> terem/vcpu"},
		{"device to KVM", "devices/serial/a.go", `package serial; import _ "terem/kvm"`, "a new arrow: devices/serial -> terem/kvm"},
		{"device to device", "devices/serial/a.go", `package serial; import _ "terem/devices/rtc"`, "a new arrow"},
		{"device's test to device", "devices/serial/a_test.go", `package serial; import _ "terem/devices/rtc"`, ""},
		{"device's test to KVM", "devices/serial/a_test.go", `package serial; import _ "terem/internal/kvmtest"`, "a new arrow"},
		{"virtio device", "devices/virtio/blk/a.go", `package blk; import (_ "terem/memory"; _ "terem/devices/virtio")`, ""},
		{"virtio device to KVM", "devices/virtio/blk/a.go", `package blk; import _ "terem/kvm"`, "a new arrow"},
		{"command to KVM", "cmd/terem/a.go", `package main; import _ "terem/kvm"`, "a new arrow"},
		{"other module", "memory/a.go", `package memory; import _ "github.com/spf13/cobra"`, "a new arrow: memory -> github.com/spf13/cobra"},
		{"standard library", "memory/a.go", `package memory; import _ "net/http/pprof"`, ""},
		{"test's own package", "memory/a_test.go", `package memory_test; import _ "terem/memory"`, ""},
		{"a package's own test helper", "vcpu/a_test.go", `package vcpu; import _ "terem/internal/kvmtest"`, ""},
		{"test helper in code", "vcpu/a.go", `package vcpu; import _ "terem/internal/kvmtest"`, "a new arrow"},

		{"unsafe", "memory/a.go", "package memory\n// SAFETY: none\nimport _ \"unsafe\"", "is not called *_unsafe.go"},
		{"unsafe in its place", "memory/a_unsafe.go", "package memory\n// SAFETY: none\nimport _ \"unsafe\"", ""},
		{"unsafe in a test", "memory/a_unsafe_test.go", "package memory\n// SAFETY: none\nimport _ \"unsafe\"", ""},
		{"unsafe without reason", "memory/a_unsafe.go", `package memory; import _ "unsafe"`, "without a SAFETY: comment"},
		{"gokvm", "kvm/a.go", `package kvm; import _ "github.com/bobuhiro11/gokvm/kvm"`, "imports gokvm"},
		{"gokvm in its place", "kvm/gokvm.go", `package kvm; import _ "github.com/bobuhiro11/gokvm/kvm"`, ""},
		{"boot and registers", "boot/a.go", `package boot; import "terem/kvm"; func f(*kvm.Regs) {}`, ""},
		{"boot and vCPUs", "boot/a.go", `package boot; import "terem/kvm"; func f(*kvm.VCPU) {}`, "uses kvm.VCPU"},

		{"init", "kvm/a.go", "package kvm; func init() {}", "has an init function"},
		{"init method", "kvm/a.go", "package kvm; type t int; func (t) init() {}", ""},
		{"long file", "kvm/a.go", long, "has 501 lines"},
		{"longest file", "kvm/a.go", strings.TrimSuffix(long, "// line\n"), ""},

		{"sentinel", "kvm/a.go", `package kvm; import "errors"; var errX = errors.New("x")`, ""},
		{"table", "kvm/a.go", `package kvm; var names = map[int]string{1: "a"}; func f() string { return names[1] }`, ""},
		{"embedded file", "guest/a.go", "package guest\nimport _ \"embed\"\n\n//go:embed x\nvar x string", ""},
		{"assertion", "kvm/a.go", `package kvm; var _ [4]byte = [4]byte{}`, ""},
		{"counter", "kvm/a.go", `package kvm; var n int`, "variable n is neither"},
		{"lock", "kvm/a.go", `package kvm; import "sync"; var mu = sync.Mutex{}`, "variable mu is neither"},
		{"call", "kvm/a.go", `package kvm; var n = f(); func f() int { return 1 }`, "variable n is neither"},
		{"table that changes", "kvm/a.go", `package kvm; var m = map[int]int{}; func f() { m[1] = 2 }`, "variable m is changed"},
		{"table that shrinks", "kvm/a.go", `package kvm; var m = map[int]int{}; func f() { delete(m, 1) }`, "variable m is changed"},
		{"table that grows", "kvm/a.go", `package kvm; var l = []int{}; func f() { l = append(l, 1) }`, "variable l is changed"},
		{"table that escapes", "kvm/a.go", `package kvm; var l = [1]int{}; func f() *[1]int { return &l }`, "variable l is changed"},
		{"table's entry by address", "kvm/a.go", `package kvm; var l = [1]int{}; func f() *int { return &l[0] }`, ""},
		{"local of the same name", "kvm/a.go", `package kvm; var l = []int{}; func f() { l := 1; l++; _ = l }`, ""},
		{"flag of a test", "kvm/a_test.go", `package kvm; import "flag"; var update = flag.Bool("update", false, "")`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pkg, _, _ := strings.Cut(strings.TrimPrefix(tt.src, "package "), ";")
			pkg, _, _ = strings.Cut(pkg, "\n")
			doc := tt.path[:strings.LastIndexByte(tt.path, '/')] + "/doc.go"
			expect(t, fstest.MapFS{tt.path: {Data: []byte(tt.src)}, doc: {Data: []byte("// Package x.\npackage " + strings.TrimSuffix(pkg, "_test"))}}, tt.want)
		})
	}
}

func TestCheckerWantsDoc(t *testing.T) {
	plain, doc := &fstest.MapFile{Data: []byte("package kvm")}, &fstest.MapFile{Data: []byte("// Package kvm.\npackage kvm")}
	expect(t, fstest.MapFS{"kvm/a.go": plain}, "no doc.go")
	expect(t, fstest.MapFS{"kvm/a.go": doc}, "")
	expect(t, fstest.MapFS{"kvm/a.go": doc, "kvm/b.go": plain}, "no doc.go")
	expect(t, fstest.MapFS{"kvm/doc.go": plain, "kvm/b.go": plain}, "no doc.go")
	expect(t, fstest.MapFS{"kvm/doc.go": doc, "kvm/b.go": plain}, "")
	expect(t, fstest.MapFS{"kvm/a.go": doc, "kvm/testdata/x/b.go": plain}, "")
	program := &fstest.MapFile{Data: []byte("// Command terem.\npackage main")}
	expect(t, fstest.MapFS{"cmd/terem/main.go": program, "cmd/terem/a.go": {Data: []byte("package main")}}, "")
}

func TestCheckerWantsRoom(t *testing.T) {
	expect(t, fstest.MapFS{"attic/doc.go": {Data: []byte("// Package attic.\npackage attic")}}, "no room")
}

// expect checks a tree and wants one complaint, or none.
func expect(t *testing.T, tree fstest.MapFS, want string) {
	t.Helper()
	files, err := parse(tree)
	if err != nil {
		t.Fatal(err)
	}
	broken := check(files)
	if want == "" && len(broken) > 0 || want != "" && (len(broken) != 1 || !strings.Contains(broken[0], want)) {
		t.Errorf("complaints %q, want one with %q", broken, want)
	}
}
