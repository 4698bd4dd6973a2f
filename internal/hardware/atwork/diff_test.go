package atwork

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// changes has a guest change 4 MiB of its memory, and look at what all those before it left.
const changes = `n=$1
head -c 4194304 /dev/urandom >/tmp/x$n
md5sum /tmp/x$n >>/tmp/sums
md5sum -c -s /tmp/sums && wc -l </tmp/sums
rm -f /tmp/x$((n-2)); sed -i "/x$((n-2))$/d" /tmp/sums
`

// TestSnapshotDiff: ten generations of a machine, each a diff of the one before; the oldest can still be restored, and the last one's
// chain is whole until a parent is missing.
func TestSnapshotDiff(t *testing.T) {
	emulated(t)
	long(t)
	own(t)
	top := t.TempDir()
	dir := func(n int) string { return filepath.Join(top, fmt.Sprint("g", n)) }
	terem(t, "", "run", "--detach", "--name", "m0", "--cpus", "2").want(t, 0, "m0\n")
	terem(t, changes, "exec", "-i", "m0", "sh", "-c", `cat >/tmp/changes; : >/tmp/sums`).want(t, 0, "")
	terem(t, "", "exec", "m0", "sh", "/tmp/changes", "0").want(t, 0, "1\n")
	refused(t, "the machine was not restored from a snapshot", 69, "snapshot", "--diff", "m0", dir(0))
	terem(t, "", "snapshot", "m0", dir(0)).want(t, 0, "")
	terem(t, "", "kill", "m0").want(t, 0, "")

	const generations = 10
	for n := 1; n <= generations; n++ {
		name := fmt.Sprint("m", n)
		terem(t, "", "restore", "--detach", "--name", name, dir(n-1)).want(t, 0, name+"\n")
		terem(t, "", "exec", name, "sh", "/tmp/changes", fmt.Sprint(n)).want(t, 0, fmt.Sprintln(min(n+1, 3)))
		terem(t, "", "snapshot", "--diff", name, dir(n)).want(t, 0, "")
		terem(t, "", "kill", name).want(t, 0, "")
		t.Logf("generation %d: %d KiB", n, onDisk(t, dir(n))>>10)
	}
	if whole, diff := onDisk(t, dir(0)), onDisk(t, dir(generations)); diff > whole*2/3 {
		t.Errorf("a diff of some 4 MiB takes %d bytes, and the whole snapshot %d", diff, whole)
	}
	terem(t, "", "snapshot", "verify", dir(0), dir(1), dir(generations)).want(t, 0,
		fmt.Sprintf("%s: whole\n%s: whole, and so is its parent\n%s: whole, and so are its 10 parents\n", dir(0), dir(1), dir(generations)))

	tells(t, dir(0), dir(1))

	for _, n := range []int{3, generations} {
		terem(t, "", "restore", "--name", "again", "--number", "2", dir(n)).want(t, 0, "again-1\nagain-2\n")
		for _, name := range []string{"again-1", "again-2"} {
			terem(t, "", "exec", name, "sh", "-c", "md5sum -c -s /tmp/sums; echo $?; nproc; sleep 0.1").want(t, 0, "0\n2\n")
		}
		terem(t, "", "kill", "again-1", "again-2").want(t, 0, "")
	}

	all := filepath.Join(top, "all")
	terem(t, "", "snapshot", "merge", dir(generations), all).want(t, 0, "")

	terem(t, "", "restore", "--detach", "--name", "last", dir(generations)).want(t, 0, "last\n")
	refused(t, "it is a parent, and others need it", 69, "snapshot", "--diff", "--force", "last", dir(4))
	if err := os.Rename(dir(4), dir(4)+".away"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"restore", "--detach"}, {"snapshot", "verify"}} {
		refused(t, "its parent "+dir(4)+": no such file or directory; bring back", 64, append(args, dir(generations))...)
	}
	terem(t, "", "exec", "last", "md5sum", "-c", "-s", "/tmp/sums").want(t, 0, "") // who runs keeps what it needs
	terem(t, "", "snapshot", "last", dir(4)).want(t, 0, "")                        // a whole one, and another than the diffs know
	refused(t, "it is not the snapshot any more of which this one is the difference", 64, "restore", "--detach", dir(generations))
	terem(t, "", "kill", "last").want(t, 0, "")
	terem(t, "", "restore", "--detach", "--name", "alone", all).want(t, 0, "alone\n")
	terem(t, "", "exec", "alone", "md5sum", "-c", "-s", "/tmp/sums").want(t, 0, "")
	terem(t, "", "kill", "alone").want(t, 0, "")
	terem(t, "", "ps", "--quiet").want(t, 0, "")
}

// tells wants the difference of two generations told, and the kernel's ticks among it.
func tells(t *testing.T, a, b string) {
	t.Helper()
	var r struct {
		Pages  int
		Owners []struct {
			Owner   string
			Pages   int
			Symbols []struct{ Name string }
		}
	}
	s := terem(t, "", "snapshot", "diff", "--json", a, b)
	if err := json.Unmarshal([]byte(s.out), &r); err != nil || s.status != 0 {
		t.Fatalf("%v: %+v", err, s)
	}
	found := map[string]bool{}
	sum := 0
	for _, o := range r.Owners {
		sum += o.Pages
		found[o.Owner] = true
		for _, v := range o.Symbols {
			found[v.Name] = true
		}
	}
	if sum != r.Pages || r.Pages < 1024 {
		t.Errorf("%d pages, and %d of owners", r.Pages, sum)
	}
	for _, want := range []string{"tk_core", "kernel variables of CPU 1", "virtio vsock, queue 0", "what a restored guest is told"} {
		if !found[want] {
			t.Errorf("%s is not among what has changed: %.2000s", want, s.out)
		}
	}
	t.Logf("\n%s", terem(t, "", "snapshot", "diff", a, b).out)
}

// onDisk is what a directory's files take up.
func onDisk(t *testing.T, dir string) int64 {
	t.Helper()
	var bytes int64
	for _, name := range []string{"state", "memory"} {
		var st syscall.Stat_t
		if err := syscall.Stat(filepath.Join(dir, name), &st); err != nil {
			t.Fatal(err)
		}
		bytes += st.Blocks * 512
	}
	return bytes
}
