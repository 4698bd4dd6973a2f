package running

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"terem/internal/fault"
)

const childVar = "TEREM_TEST_RUNNING"

// TestMain is also a program that takes a name and waits to be killed.
func TestMain(m *testing.M) {
	root := os.Getenv(childVar)
	if root == "" {
		os.Exit(m.Run())
	}
	d, err := Claim(root, "child", "")
	if err == nil {
		err = os.WriteFile(d.File(LogFile), []byte("x"), 0o600)
	}
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString("ready\n")
	time.Sleep(time.Minute)
}

func claimed(t *testing.T, root, name string) *Dir {
	t.Helper()
	d, err := Claim(root, name, "vm")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestNames(t *testing.T) {
	for _, good := range []string{"a", "web", "Web.2_x-y", "0", strings.Repeat("a", maxName)} {
		if err := CheckName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "a/b", "/", "-x", "_x", ".x", "a b", "a\x00b", "a\nb", "ä", strings.Repeat("a", maxName+1)} {
		if err := CheckName(bad); fault.Status(err) != fault.StatusUsage || !strings.HasPrefix(err.Error(), "name ") {
			t.Errorf("%q: %v, want a usage error that names it", bad, err)
		}
	}
}

// TestLife: a name is taken once, is listed while it is held, and free again afterwards, with nothing left.
func TestLife(t *testing.T) {
	root := filepath.Join(t.TempDir(), "terem")
	if list, err := List(root); err != nil || list != nil {
		t.Errorf("nothing runs: %q, %v", list, err)
	}
	d, e := claimed(t, root, "web"), claimed(t, root, "")
	if !strings.HasPrefix(e.Name, "vm-") {
		t.Errorf("a drawn name is %q", e.Name)
	}
	if err := os.WriteFile(d.File(ControlSocket), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Claim(root, "web", ""); !errors.Is(err, errTaken) {
		t.Errorf("a name twice: %v", err)
	}
	if list, err := List(root); err != nil || !slices.Equal(list, slices.Sorted(slices.Values([]string{"web", e.Name}))) {
		t.Errorf("two run: %q, %v", list, err)
	}
	if path, err := Find(root, "web"); err != nil || path != d.Path {
		t.Errorf("find: %q, %v", path, err)
	}
	for _, d := range []*Dir{d, e} {
		if err := d.Release(); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if _, err := Find(root, "web"); fault.Status(err) != fault.StatusUsage || !strings.Contains(err.Error(), "terem ps") {
		t.Errorf("a name that is gone: %v", err)
	}
}

// TestKilled: what a killed process had is not listed, is cleared, and its name can be taken.
func TestKilled(t *testing.T) {
	for name, look := range map[string]func(root string) error{
		"list": func(root string) error {
			list, err := List(root)
			if len(list) > 0 {
				t.Errorf("the dead run: %q", list)
			}
			return err
		},
		"find": func(root string) error {
			if _, err := Find(root, "child"); err == nil {
				t.Error("the dead is found")
			}
			return nil
		},
		"claim": func(root string) error {
			d := claimed(t, root, "child")
			if _, err := os.Stat(d.File(LogFile)); err == nil {
				t.Error("a new directory has an old file")
			}
			return d.Release()
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			c := exec.Command(os.Args[0])
			c.Env = append(os.Environ(), childVar+"="+root, "GORACE=atexit_sleep_ms=0")
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			if n, err := out.Read(make([]byte, 10)); n == 0 {
				t.Fatal(err)
			}
			if list, err := List(root); err != nil || !slices.Equal(list, []string{"child"}) {
				t.Errorf("it runs: %q, %v", list, err)
			}
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait() // killed
			if err := look(root); err != nil {
				t.Error(err)
			}
			if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

// TestWatch: who waits for a name to be free waits until it is, and no longer than he said.
func TestWatch(t *testing.T) {
	root := t.TempDir()
	d := claimed(t, root, "web")
	for _, release := range []bool{false, true} {
		w, err := NewWatch(d.Path)
		if err != nil {
			t.Fatal(err)
		}
		if !release {
			w.Await(time.Millisecond)
			continue
		}
		free := make(chan struct{})
		go func() { w.Await(time.Minute); close(free) }()
		select {
		case <-free:
			t.Error("a name that is held counts as free")
		case <-time.After(20 * time.Millisecond):
		}
		if err := d.Release(); err != nil {
			t.Error(err)
		}
		<-free
	}
	if err := claimed(t, root, "web").Release(); err != nil {
		t.Error(err)
	}
}

// TestRace: of many who want a name at once one has it at a time, while others list and clear.
func TestRace(t *testing.T) {
	root := t.TempDir()
	var holders, had atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if _, err := List(root); err != nil {
					t.Error(err)
				}
				d, err := Claim(root, "one", "")
				if errors.Is(err, errTaken) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if holders.Add(1) != 1 {
					t.Error("two have the name")
				}
				had.Add(1)
				holders.Add(-1)
				if err := d.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if had.Load() == 0 {
		t.Error("nobody ever had the name")
	}
}

// TestRoot: a place that others may write to, or that is none, is refused in one line.
func TestRoot(t *testing.T) {
	dir := t.TempDir()
	file, open := filepath.Join(dir, "file"), filepath.Join(dir, "open")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{file, open, filepath.Join(dir, "no", "where")} {
		if _, err := Claim(root, "x", ""); fault.Status(err) != fault.StatusHost || !strings.Contains(err.Error(), root) {
			t.Errorf("%s: %v", root, err)
		}
	}
	t.Setenv(RootVar, "/elsewhere")
	if Root() != "/elsewhere" {
		t.Errorf("%s is not heeded: %s", RootVar, Root())
	}
}
