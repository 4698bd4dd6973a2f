package initramfs

// Version counts changes to Default that its inputs do not show; it is part of the cache's key.
const Version = 1

// Default is the root file system of terem's default guest: init, busybox, and the few files that programs
// look for. applets are the names under which busybox is called.
func Default(init, busybox []byte, applets []string) *Archive {
	a := new(Archive)
	for _, dir := range []string{"dev", "etc", "mnt", "proc", "run", "sys", "usr/bin", "usr/sbin", "var"} {
		a.Dir(dir, 0o755)
	}
	a.Dir("root", 0o700)
	a.Dir("tmp", 0o1777)
	a.File("init", 0o755, init)
	a.File("bin/busybox", 0o755, busybox)
	for _, name := range applets {
		a.Symlink("bin/"+name, "busybox")
	}
	a.Symlink("sbin", "bin")
	// The kernel opens the console before init has mounted anything.
	a.CharDevice("dev/console", 0o600, 5, 1)
	a.CharDevice("dev/null", 0o666, 1, 3)
	for name, text := range etc {
		a.File("etc/"+name, 0o644, []byte(text))
	}
	return a
}

var etc = map[string]string{
	"group":      "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
	"hosts":      "127.0.0.1 localhost terem\n::1 localhost\n",
	"os-release": "NAME=terem\nID=terem\nPRETTY_NAME=\"terem guest\"\n",
	"passwd":     "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
	"profile":    "export PS1='\\h:\\w\\$ '\nalias ll='ls -l'\n",
}
