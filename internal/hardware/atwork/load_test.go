package atwork

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// load is work that notices if memory, a disk, or a timer is not as it should be: a line in /tmp/bad.
const load = `
dd if=/dev/vda bs=64k iflag=direct 2>/dev/null | md5sum >/tmp/sum
files() { while :; do
	dd if=/dev/urandom of=/tmp/f bs=64k count=8 2>/dev/null; cp /tmp/f /tmp/g; cmp -s /tmp/f /tmp/g || echo memory >>/tmp/bad; echo >>/tmp/files
done; }
disk() { while :; do
	dd if=/dev/vda bs=64k iflag=direct 2>/dev/null | md5sum | cmp -s - /tmp/sum || echo disk >>/tmp/bad; echo >>/tmp/disk
done; }
timer() { while :; do
	a=$(sed 's/[. ].*//' /proc/uptime); sleep 0.1; b=$(sed 's/[. ].*//' /proc/uptime)
	[ $((b - a)) -lt 60 ] || echo timer $a $b >>/tmp/bad; echo >>/tmp/timer
done; }
files & disk & timer &
wait`

// TestSnapshotUnderLoad: a machine at work is saved at moments that nobody chooses, and each time what goes on from there finds everything as it
// was. TEREM_RESTORES says how often; a clone is saved in the original's place now and then.
func TestSnapshotUnderLoad(t *testing.T) {
	emulated(t)
	own(t)
	times := 3
	if n, err := strconv.Atoi(os.Getenv("TEREM_RESTORES")); err == nil {
		times = n
	}
	tmp := t.TempDir()
	dir, image := filepath.Join(tmp, "snap"), filepath.Join(tmp, "disk")
	if out, err := exec.Command("dd", "if=/dev/urandom", "of="+image, "bs=64k", "count=8").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	terem(t, "", "run", "--detach", "--name", "m0", "--cpus", "2", "--root", "none", "--disk", image+",ro", "--balloon", "--", "sh", "-c", load).want(t, 0, "m0\n")
	terem(t, "", "exec", "m0", "sh", "-c", "until [ -e /tmp/timer -a -e /tmp/disk -a -e /tmp/files ]; do sleep 0.1; done").want(t, 0, "")
	const works = `rm -f /tmp/timer /tmp/disk /tmp/files; n=0
until [ -e /tmp/timer -a -e /tmp/disk -a -e /tmp/files ]; do n=$((n+1)); [ $n -lt 600 ] || { ls /tmp; exit 9; }; sleep 0.1; done
cat /tmp/bad 2>/dev/null; head -c 16 /dev/urandom | od -An -tx1`
	drawn := map[string]bool{}
	name := "m0"
	for i := range times {
		stream := make(chan said, 1)
		go func(name string) { stream <- terem(t, strings.Repeat("x", 1<<20), "exec", "-i", name, "cat") }(name)
		terem(t, "", "snapshot", "--force", name, dir).want(t, 0, "")
		if s := <-stream; s.status != 0 || len(s.out) != 1<<20 {
			t.Errorf("a stream through the original: status %d, %d bytes, %q", s.status, len(s.out), s.stderr)
		}
		clone := "m" + strconv.Itoa(i+1)
		terem(t, "", "restore", "--detach", "--name", clone, dir).want(t, 0, clone+"\n")
		s := terem(t, "", "exec", clone, "sh", "-c", works)
		if s.status != 0 || len(strings.Fields(s.out)) != 16 || drawn[s.out] {
			t.Fatalf("%d: %+v", i, s)
		}
		drawn[s.out] = true
		if old := name; i%3 == 0 {
			name = clone
			clone = old
		}
		terem(t, "", "kill", clone).want(t, 0, "")
	}
	terem(t, "", "exec", name, "sh", "-c", works)
	terem(t, "", "kill", name).want(t, 0, "")
}
