package process

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"terem/internal/vm/share"
)

// program is the built server; "" where there is no Go to build it.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "terem-share-test-")
	if err != nil {
		panic(err)
	}
	if _, err := exec.LookPath("go"); err == nil {
		c := exec.Command("go", "build", "-o", dir, "./testdata/server")
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("%v: %s", err, out))
		}
		program = filepath.Join(dir, "server")
	}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// server is how that is started.
func server(t testing.TB) share.Program {
	if program == "" {
		t.Skip("there is no Go here to build the server")
	}
	return share.Program{Path: program, Args: []string{"server"}}
}

func start(t *testing.T, s share.Spec) *share.Server {
	t.Helper()
	c, err := share.Start(server(t), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	if e, _ := call(t, c, 26, 0, fuse.InitIn{Major: 7, Minor: 39, Flags: 0x7fffffff}); e != 0 {
		t.Fatalf("INIT: %v", e)
	}
	return c
}

// Opcodes.
const (
	opLookup = 1
	opOpen   = 14
	opRead   = 15
	opWrite  = 16
	opCreate = 35
)

// call makes a request.
func call(t testing.TB, c *share.Server, op uint32, node uint64, body any, rest ...[]byte) (unix.Errno, []byte) {
	t.Helper()
	le := binary.LittleEndian
	b, err := binary.Append(nil, le, body)
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, bytes.Join(rest, nil)...)
	le.PutUint32(b, uint32(len(b)))
	le.PutUint32(b[4:], op)
	le.PutUint64(b[16:], node)
	out := [][]byte{make([]byte, 10), make([]byte, 4090), make([]byte, 512<<10)}
	n, err := c.Serve([][]byte{b[:20], b[20:]}, out)
	if err != nil {
		t.Fatal(err)
	}
	all := bytes.Join(out, nil)[:n]
	return unix.Errno(-int32(le.Uint32(all[4:]))), all[16:]
}

func decode[T any](t testing.TB, b []byte) (v T) {
	t.Helper()
	if _, err := binary.Decode(b, binary.LittleEndian, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestServe reads and writes through the process, on all slots at once.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	c := start(t, share.Spec{Dir: dir})
	var all sync.WaitGroup
	for i := range 4 * share.Slots {
		all.Go(func() {
			name, text := fmt.Sprint("file", i), bytes.Repeat([]byte{byte(i)}, 100_000+i)
			e, b := call(t, c, opCreate, 1, fuse.CreateIn{Flags: unix.O_RDWR, Mode: 0o600}, []byte(name+"\x00"))
			if e != 0 {
				t.Errorf("create: %v", e)
				return
			}
			f := decode[fuse.CreateOut](t, b)
			if e, _ := call(t, c, opWrite, f.NodeId, fuse.WriteIn{Fh: f.Fh, Size: uint32(len(text))}, text); e != 0 {
				t.Errorf("write: %v", e)
			}
			if e, b := call(t, c, opRead, f.NodeId, fuse.ReadIn{Fh: f.Fh, Size: 200_000}); e != 0 || !bytes.Equal(b, text) {
				t.Errorf("read: %v, %d bytes", e, len(b))
			}
			if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(b, text) {
				t.Errorf("on the host: %v, %d bytes", err, len(b))
			}
		})
	}
	all.Wait()
	c.Forget()
	if e, _ := call(t, c, opRead, 2, fuse.ReadIn{Fh: 1, Size: 1}); e != unix.EBADF {
		t.Errorf("a file of the old session: %v", e)
	}
}

// TestSandbox: the process has nothing but its directory. Landlock is looked at where the host has it.
func TestSandbox(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "shared")
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sub/f"), []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := start(t, share.Spec{Dir: dir, ReadOnly: true})
	_, b := call(t, c, opLookup, 1, fuse.InHeader{}, []byte("sub\x00"))
	sub := decode[fuse.EntryOut](t, b).NodeId
	_, b = call(t, c, opLookup, sub, fuse.InHeader{}, []byte("f\x00"))
	f := decode[fuse.EntryOut](t, b).NodeId
	if e, _ := call(t, c, opOpen, f, fuse.OpenIn{Flags: unix.O_RDWR}); e != unix.EROFS {
		t.Errorf("open for writing: %v", e)
	}
	e, b := call(t, c, opOpen, f, fuse.OpenIn{})
	if e != 0 {
		t.Fatalf("open: %v", e)
	}
	if _, b = call(t, c, opRead, f, fuse.ReadIn{Fh: decode[fuse.OpenOut](t, b).Fh, Size: 10}); string(b) != "text" {
		t.Errorf("read %q", b)
	}
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, 1)
	if errno != 0 || version < leastVersion {
		t.Skip("this host has no Landlock of version 2")
	}
	if err := os.Rename(filepath.Join(dir, "sub"), filepath.Join(outer, "away")); err != nil {
		t.Fatal(err)
	}
	if e, _ := call(t, c, opOpen, f, fuse.OpenIn{}); e != unix.EACCES {
		t.Errorf("a file that has left the directory: %v, want %v", e, unix.EACCES)
	}
}

// TestStatus reads what the kernel says of the process.
func TestStatus(t *testing.T) {
	c := start(t, share.Spec{Dir: t.TempDir()})
	out, err := exec.Command("pgrep", "-P", fmt.Sprint(os.Getpid())).Output()
	pids := strings.Fields(string(out))
	pids = slices.DeleteFunc(pids, func(p string) bool {
		b, _ := os.ReadFile("/proc/" + p + "/cmdline")
		return !bytes.Contains(b, []byte(share.ServerWord))
	})
	if err != nil || len(pids) != 1 {
		t.Skipf("pgrep finds %q, %v", pids, err)
	}
	status, err := os.ReadFile("/proc/" + pids[0] + "/status")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"NoNewPrivs:\t1\n"}
	if os.Geteuid() == 0 {
		want = append(want, fmt.Sprintf("CapEff:\t%016x\n", uint64(keptCapabilities)))
	}
	for _, w := range want {
		if !strings.Contains(string(status), w) {
			t.Errorf("status has no %q:\n%s", w, status)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Serve([][]byte{make([]byte, 40)}, nil); err == nil {
		t.Error("a closed server serves")
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		if _, err := os.Stat("/proc/" + pids[0]); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the process is still there")
		}
		time.Sleep(time.Millisecond)
	}
}

// TestKilled: a process that ends makes errors, and no silence.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	c, err := share.Start(share.Program{Path: "/bin/true", Args: []string{"true"}}, share.Spec{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * share.Slots {
		if _, err := c.Serve([][]byte{make([]byte, 40)}, [][]byte{make([]byte, 100)}); err == nil {
			t.Error("a program that serves nothing serves")
		}
	}
	c.Forget()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := share.Start(share.Program{Path: dir + "/none"}, share.Spec{Dir: dir}); err == nil {
		t.Error("a program that is not there starts")
	}
}

func BenchmarkLookup(b *testing.B) {
	c, err := benchmark(b)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		call(b, c, opLookup, 1, fuse.InHeader{}, []byte("f\x00"))
	}
}

func benchmark(b *testing.B) (*share.Server, error) {
	dir := b.TempDir()
	if err := os.WriteFile(dir+"/f", nil, 0o600); err != nil {
		return nil, err
	}
	c, err := share.Start(server(b), share.Spec{Dir: dir})
	if err == nil {
		b.Cleanup(func() { c.Close() })
		call(b, c, 26, 0, fuse.InitIn{Major: 7, Minor: 39, Flags: 0x7fffffff})
	}
	return c, err
}
