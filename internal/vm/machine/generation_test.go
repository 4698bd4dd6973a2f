package machine

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"terem/boot"
	"terem/guest"
	"terem/guest/cmdline"
	"terem/internal/kvmtest"
	"terem/internal/vm/generation"
	"terem/memory"
)

// looks prints what TestGeneration looks at, again and again: a letter, CLOCK_BOOTTIME in seconds, CLOCK_REALTIME in seconds,
// CLOCK_MONOTONIC in nanoseconds, the boot's identifier, the host name.
const looks = `while :; do
	read up idle </proc/uptime; read id </proc/sys/kernel/random/boot_id; read name </proc/sys/kernel/hostname
	echo L $up $(date +%s) $(sed -n 's/^now at \([0-9]*\) .*/\1/p' /proc/timer_list) $id $name.
	sleep 0.1
done`

// look is a line of it.
type look struct {
	boot, real, mono float64 // seconds
	id, name         string
}

// lookAt waits until the guest has said something new that is as wanted.
func lookAt(t *testing.T, out *console, wanted func(look) bool) (l look) {
	t.Helper()
	seen := len(out.String())
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		lines := strings.Split(out.String()[seen:], "\n")
		for _, line := range lines[:len(lines)-1] { // the last is not whole
			_, err := fmt.Sscanf(line, "L %f %f %f %s %s", &l.boot, &l.real, &l.mono, &l.id, &l.name)
			l.mono /= 1e9
			if err == nil && wanted(l) {
				return l
			}
		}
	}
	t.Fatalf("the guest did not say what was waited for; it said %q", out.String())
	return l
}

// defaultGuest is a machine that runs a script in the default guest.
func defaultGuest(t *testing.T, cpus int, script string, out *console) *Machine {
	t.Helper()
	kvmtest.Open(t)
	if testing.Short() {
		t.Skip("boots Linux: not in -short")
	}
	dir, err := guest.DefaultCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	a, err := guest.Find(dir)
	if err != nil {
		if os.Getenv(kvmtest.RequireVar) == "1" {
			t.Fatal(err)
		}
		t.Skipf("needs the guest: %v", err)
	}
	words, err := cmdline.Options{Argv: []string{"sh", "-c", script}, Pipe: true}.Words()
	if err != nil {
		t.Fatal(err)
	}
	kernel, initrd := image(t, a.VMLinux), image(t, a.Initrd)
	line := append([]string{"console=ttyS0 reboot=k panic=-1", cmdline.Kernel(cpus), cmdline.GenerationWord()}, words...)
	return newTiny(t, Config{Kernel: kernel, Initrd: &initrd, CmdLine: strings.Join(line, " "), SoftParams: cmdline.Software,
		Boot: boot.Options{}, Memory: 128 << 20, CPUs: cpus, CPU: hostCPU(t), Out: out})
}

func hostCPU(t *testing.T) CPUModel {
	t.Helper()
	m, err := ParseCPU("host")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func image(t *testing.T, path string) File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return File{Name: path, R: f, Size: info.Size()}
}

// turn writes a generation as a restore does: while the machine stands still.
func turn(t *testing.T, m *Machine, p generation.Page) []byte {
	t.Helper()
	if err := m.Pause(); err != nil {
		t.Fatal(err)
	}
	b, err := m.ram.Slice(memory.Generation, generation.Size)
	if err != nil {
		t.Fatal(err)
	}
	p.Put(b)
	if err := m.Resume(); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGeneration: a guest that is told of a restore is another machine, later. It has no virtio device, so a tick tells it.
func TestGeneration(t *testing.T) {
	for _, cpus := range []int{1, 2} {
		t.Run(fmt.Sprint(cpus), func(t *testing.T) { generations(t, cpus) })
	}
}

func generations(t *testing.T, cpus int) {
	const away = 1000 * time.Second
	var out console
	m := defaultGuest(t, cpus, looks, &out)
	start(t, m)
	before := lookAt(t, &out, func(look) bool { return true })
	for _, name := range []string{"blue", "red"} {
		p, err := generation.New(away, name)
		if err != nil {
			t.Fatal(err)
		}
		b := turn(t, m, p)
		after := lookAt(t, &out, func(l look) bool { return l.name == name+"." && l.id != before.id })
		const bound = 100 // less than this passed in the test itself
		if d := after.mono - before.mono; d < 0 || d > bound {
			t.Errorf("%s: CLOCK_MONOTONIC jumped by %v s", name, d)
		}
		for clock, d := range map[string]float64{"CLOCK_BOOTTIME": after.boot - before.boot, "CLOCK_REALTIME": after.real - before.real} {
			if d < away.Seconds()-1 || d > away.Seconds()+bound {
				t.Errorf("%s: %s advanced by %v s, want %v", name, clock, d, away)
			}
		}
		if err := m.Pause(); err != nil {
			t.Fatal(err)
		}
		if left, seed := binary.LittleEndian.Uint64(b[16:]), [32]byte(b[32:64]); left != 0 || seed != [32]byte{} {
			t.Errorf("%s: the guest left %d ns and the seed %x", name, left, seed)
		}
		if err := m.Resume(); err != nil {
			t.Fatal(err)
		}
		before = after
	}
	still := lookAt(t, &out, func(look) bool { return true })
	if still.id != before.id {
		t.Error("the boot's identifier changed once more")
	}
}
