package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/kvm"
)

// fakeHost is a host of testdata/*.host: a sentence about it; lines of settings;
// then its files, each below "-- name --", and links, "-- name -> target".
//
//	device: none | mode=0660 uid=0 gid=104 [refused]
//	user: UID
//	lacks: NAMES of capabilities
//	programs: NAMES of those that are installed
//	free: BYTES
//	cpuid: LEAF SUBLEAF EAX EBX ECX EDX, in hexadecimal
type fakeHost struct {
	options  Options
	device   string
	lacks    []string
	programs []string
	cpuid    map[[2]uint32][4]uint32
}

// patience is for programs that answer, on a host that has other things to do.
const patience = 2 * time.Minute

func loadHost(t *testing.T, name string) *fakeHost {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	h := &fakeHost{cpuid: map[[2]uint32][4]uint32{}}
	room := uint64(100 << 30)
	h.options = Options{
		Root:      t.TempDir(),
		Device:    "/dev/kvm",
		CacheDir:  "/home/student/.cache/terem",
		ProbeTime: patience,
		LookPath:  h.lookPath,
		Stat:      h.stat,
		Open:      h.open,
		CPUID:     func(leaf, sub uint32) [4]uint32 { return h.cpuid[[2]uint32{leaf, sub}] },
		Free:      func(string) (uint64, error) { return room, nil },
	}
	head, files, _ := strings.Cut(string(text), "\n-- ")
	for line := range strings.Lines(head) {
		key, value := pair(line, ":")
		if key == "free" {
			fmt.Sscan(value, &room)
		}
		h.set(key, value)
	}
	for _, f := range strings.Split(files, "\n-- ") {
		h.place(t, f)
	}
	for _, p := range h.programs {
		writeProgram(t, filepath.Join(h.options.Root, p), "echo "+p+" version 1.0")
	}
	return h
}

// set takes one line of settings.
func (h *fakeHost) set(key, value string) {
	switch key {
	case "device":
		h.device = value
	case "user":
		fmt.Sscan(value, &h.options.UID)
	case "lacks":
		h.lacks = strings.Fields(value)
	case "programs":
		h.programs = strings.Fields(value)
	case "cpuid":
		var l [2]uint32
		var r [4]uint32
		fmt.Sscanf(value, "%x %x %x %x %x %x", &l[0], &l[1], &r[0], &r[1], &r[2], &r[3])
		h.cpuid[l] = r
	}
}

// place writes one file or link.
func (h *fakeHost) place(t *testing.T, section string) {
	t.Helper()
	first, content, _ := strings.Cut(section, "\n")
	if first == "" {
		return
	}
	name, target, isLink := strings.Cut(first, " -> ")
	path := filepath.Join(h.options.Root, strings.TrimSuffix(name, " --"))
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil && isLink {
		err = os.Symlink(target, path)
	} else if err == nil {
		err = os.WriteFile(path, []byte(content), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// lookPath finds a program that prints its name and version 1.0.
func (h *fakeHost) lookPath(program string) (string, error) {
	if !slices.Contains(h.programs, program) {
		return "", errors.New("not found")
	}
	return filepath.Join(h.options.Root, program), nil
}

// writeProgram writes a shell script. No other program may be started meanwhile: a
// child that holds the script open for writing makes its start fail with ETXTBSY.
func writeProgram(t *testing.T, path, script string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (h *fakeHost) stat(path string) (Node, error) {
	var n Node
	if h.device == "none" {
		return n, &fs.PathError{Op: "stat", Path: path, Err: unix.ENOENT}
	}
	_, err := fmt.Sscanf(h.device, "mode=%o uid=%d gid=%d", &n.Mode, &n.UID, &n.GID)
	return n, err
}

func (h *fakeHost) open(path string) (System, error) {
	switch {
	case h.device == "none":
		return nil, &fs.PathError{Op: "open", Path: path, Err: unix.ENOENT}
	case strings.HasSuffix(h.device, "refused"):
		return nil, &fs.PathError{Op: "open", Path: path, Err: unix.EACCES}
	}
	return h, nil
}

// Check, RecommendedVCPUs, SupportedCPUID and Close make the host its own KVM.
func (h *fakeHost) Check(c kvm.Capability) (int, error) {
	for _, n := range kvm.Needs() {
		if n.Cap == c && slices.Contains(h.lacks, n.Name) {
			return 0, nil
		}
	}
	return 1, nil
}

func (h *fakeHost) RecommendedVCPUs() (advised, most int, err error) { return 8, 1024, nil }

func (h *fakeHost) SupportedCPUID() ([]kvm.CPUIDEntry, error) {
	return []kvm.CPUIDEntry{
		{Function: 1, Ecx: 1<<21 | 1<<25 | 1<<28},
		{Function: 7, Ebx: 1<<5 | 1<<7},
		{Function: 7, Index: 1, Ebx: 1 << 20},
		{Function: 0x4000_0001, Eax: 1<<3 | 1<<24},
	}, nil
}

func (h *fakeHost) Close() error { return nil }
