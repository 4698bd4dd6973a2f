package atwork

import (
	"os"
	"path/filepath"
	"testing"
)

// TestIdle: a machine in the background without a command waits for those who enter it, also where a disk's own init has
// taken the place of the guest's: the agent is in the disk's root then.
func TestIdle(t *testing.T) {
	emulated(t)
	own(t)
	terem(t, "", "run", "--detach", "--name", "web").want(t, 0, "web\n")
	terem(t, "", "exec", "web", "echo", "in").want(t, 0, "in\n")
	terem(t, "", "stop", "--time", "1h", "web").want(t, 0, "") // it shuts down by itself

	dir := t.TempDir()
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"bin", "sbin", "proc", "dev", "etc", "tmp", "root"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"bin/busybox": string(busybox), "etc/whose": "the disk\n", "sbin/init": "#!/bin/busybox sh\necho the init of the disk\nexec /bin/busybox sleep 1000\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	image := filepath.Join(t.TempDir(), "disk.img")
	if s := terem(t, "", "disk", "from-dir", dir, image); s.status != 0 {
		t.Fatalf("%+v", s)
	}
	terem(t, "", "run", "--detach", "--name", "disk", "--disk", image).want(t, 0, "disk\n")
	terem(t, "", "exec", "disk", "/bin/busybox", "cat", "/etc/whose").want(t, 0, "the disk\n")
	terem(t, "", "exec", "disk", "/bin/busybox", "cat", "/proc/1/comm").want(t, 0, "busybox\n")
	terem(t, "", "kill", "disk").want(t, 0, "")
}
