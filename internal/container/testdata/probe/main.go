// Command probe is the program in the containers of the tests: it says what it finds.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	arg := func(i int) string {
		if i < len(os.Args) {
			return os.Args[i]
		}
		return ""
	}
	number, _ := strconv.Atoi(arg(2))
	switch arg(1) {
	case "exit":
		os.Exit(number)
	case "say":
		fmt.Println(strings.Join(os.Args[2:], " "))
	case "links": // of a directory
		links, _ := filepath.Glob(arg(2) + "/*")
		for _, l := range links {
			to, _ := os.Readlink(l)
			fmt.Println(filepath.Base(l), to)
		}
	case "show":
		b, err := os.ReadFile(arg(2))
		fmt.Print(string(b))
		check(err)
	case "stat": // mode, owner, links, size, blocks, seconds of the last change
		for _, path := range os.Args[2:] {
			var st syscall.Stat_t
			check(syscall.Lstat(path, &st))
			fmt.Printf("%s %o %d:%d %d %d %d\n", path, st.Mode, st.Uid, st.Gid, st.Nlink, st.Size, st.Mtim.Sec)
		}
	case "list":
		entries, err := os.ReadDir(arg(2))
		for _, e := range entries {
			fmt.Println(e.Name())
		}
		check(err)
	case "write":
		check(os.WriteFile(arg(2), []byte("x"), 0o644))
	case "device": // makes a device file
		check(syscall.Mknod(arg(2), syscall.S_IFCHR|0o666, 1<<8|3))
	case "open":
		_, err := os.Open(arg(2))
		check(err)
	case "whoami":
		dir, _ := os.Getwd()
		host, _ := os.Hostname()
		fmt.Println(os.Getuid(), os.Getgid(), dir, host, os.Getpid())
	case "interfaces":
		all, err := net.Interfaces()
		check(err)
		for _, i := range all {
			fmt.Println(i.Name, i.Flags&net.FlagUp != 0)
		}
	case "dial": // over loopback
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(err)
		_, err = net.Dial("tcp", l.Addr().String())
		check(err)
	case "eat": // MiB
		b := bytes.Repeat([]byte{1}, number<<20)
		fmt.Println(len(b))
	case "children": // as many as asked for, until one cannot be made
		for i := range number {
			if err := exec.Command("/probe", "sleep").Start(); err != nil {
				fmt.Println("refused after", i)
				return
			}
		}
		fmt.Println("made all")
	case "sleep":
		time.Sleep(time.Hour)
	case "hunt": // those that enter, as long as there is nothing to read
		hunt(arg(2))
	case "spin": // ms
		for end := time.Now().Add(time.Duration(number) * time.Millisecond); time.Now().Before(end); {
		}
	case "patient": // ends by SIGTERM in its own way
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		fmt.Println("ready")
		<-c
		os.Exit(number)
	case "patient-hangup": // ends by SIGHUP in its own way
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGHUP)
		fmt.Println("ready")
		<-c
		os.Exit(number)
	case "deaf": // does not end by SIGTERM
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		time.Sleep(time.Hour)
	case "relay": // says what signals it gets, until SIGTERM, and ends in its own way
		c := make(chan os.Signal, 10)
		signal.Notify(c)
		fmt.Println("ready")
		for sig := range c {
			switch n := sig.(syscall.Signal); n {
			case syscall.SIGURG: // of Go's own
			case syscall.SIGTERM:
				os.Exit(number)
			default:
				fmt.Println("got", int(n))
			}
		}
	case "setid":
		setID(arg(2))
	case "change": // a file that is there
		change(arg(2))
	case "mode": // tries to set that of files
		for _, path := range os.Args[2:] {
			fmt.Println(path, os.Chmod(path, 0o666) == nil)
		}
	case "streams":
		streams()
	case "tardy": // reads only after SIGUSR1
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGUSR1)
		fmt.Println("ready")
		<-c
		b, err := io.ReadAll(os.Stdin)
		check(err)
		fmt.Printf("read %d %x\n", len(b), sha256.Sum256(b))
	case "flood": // lines
		w := bufio.NewWriter(os.Stdout)
		for i := range number {
			fmt.Fprintf(w, "line %06d\n", i)
		}
		check(w.Flush())
	case "die": // by a signal to a child, whose status is passed on
		check(syscall.Kill(os.Getpid(), syscall.Signal(number)))
		time.Sleep(time.Hour)
	case "call": // number and arguments of a system call
		var a [4]uintptr
		for i := range a {
			n, _ := strconv.ParseUint(arg(3+i), 0, 64)
			a[i] = uintptr(n)
		}
		_, _, errno := syscall.RawSyscall6(uintptr(number), a[0], a[1], a[2], a[3], 0, 0)
		fmt.Println(int(errno))
	case "terminal":
		tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
		check(err)
		size, err := unix.IoctlGetWinsize(int(tty.Fd()), unix.TIOCGWINSZ)
		check(err)
		name, _ := os.Readlink("/proc/self/fd/0")
		fmt.Println(name, size.Col, size.Row)
		resized := make(chan os.Signal, 1)
		signal.Notify(resized, syscall.SIGWINCH)
		fmt.Println("ready")
		<-resized
		size, err = unix.IoctlGetWinsize(int(tty.Fd()), unix.TIOCGWINSZ)
		check(err)
		fmt.Println("now", size.Col, size.Row)
	default:
		os.Exit(64)
	}
}

// setID tries all ways to make a file in a directory that gives rights to who executes it,
// and says what the kernel answers.
func setID(dir string) {
	file := func(name string) string {
		check(os.WriteFile(dir+"/"+name, []byte("x"), 0o755))
		return dir + "/" + name
	}
	open := func(name string) int {
		fd, err := unix.Open(file(name), unix.O_RDWR, 0)
		check(err)
		return fd
	}
	made := func(fd int, err error) error { return err }
	for _, bits := range []uint32{unix.S_ISUID, unix.S_ISGID} {
		mode := bits | 0o755
		n := strconv.Itoa(int(bits))
		path := func(name string) string { return dir + "/" + name + n }
		capabilities := make([]byte, 20) // version 2 of linux/capability.h
		copy(capabilities, []byte{1, 0, 0, 2, 0xff, 0xff})
		for _, try := range []struct {
			name string
			err  error
		}{
			{"chmod", unix.Chmod(file("chmod"+n), mode)},
			{"fchmod", unix.Fchmod(open("fchmod"+n), mode)},
			{"fchmodat", unix.Fchmodat(unix.AT_FDCWD, file("fchmodat"+n), mode, 0)},
			{"fchmodat2", unix.Fchmodat(unix.AT_FDCWD, file("fchmodat2"+n), mode, unix.AT_SYMLINK_NOFOLLOW)},
			{"creat", made(unix.Creat(path("creat"), mode))},
			{"open", made(unix.Open(path("open"), unix.O_CREAT|unix.O_RDWR, mode))},
			{"tmpfile", made(unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR, mode))},
			{"openat2", made(unix.Openat2(unix.AT_FDCWD, path("openat2"), &unix.OpenHow{Flags: unix.O_CREAT | unix.O_RDWR, Mode: uint64(mode)}))},
			{"mknod", unix.Mknod(path("mknod"), unix.S_IFREG|mode, 0)},
			{"setxattr", unix.Setxattr(file("setxattr"+n), "security.capability", capabilities, 0)},
		} {
			fmt.Println(try.name, try.err)
		}
	}
}

// change tries all that an owner may do with a file, and says on standard error what went.
func change(name string) {
	say := func(what string, err error) { fmt.Fprintln(os.Stderr, what, err == nil) }
	_, err := os.ReadFile(name)
	say("read", err)
	say("empty", os.WriteFile(name, []byte("replaced"), 0))
	say("mode", os.Chmod(name, 0o777))
	say("owner", os.Chown(name, 7, 7))
	const out, link = 1, "/proc/self/fd/1"
	capabilities := make([]byte, 20) // version 2 of linux/capability.h
	copy(capabilities, []byte{1, 0, 0, 2, 0xff, 0xff})
	for _, err := range []error{os.Chmod(name, 0o755|os.ModeSetuid), os.Chmod(link, 0o755|os.ModeSetuid), unix.Fchmod(out, 0o4755),
		unix.Setxattr(name, "security.capability", capabilities, 0), unix.Fsetxattr(out, "security.capability", capabilities, 0)} {
		if err == nil {
			say("rights", nil)
		}
	}
}

// streams uses its standard files, and what their names in /dev lead to.
func streams() {
	first := readLine(os.Stdin)
	in, err := os.Open("/dev/stdin")
	check(err)
	second := readLine(in)
	for fd, name := range []string{"/dev/stdout", "/dev/stderr"} {
		f := os.NewFile(uintptr(fd+1), name)
		again, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
		check(err)
		fmt.Fprintf(f, "terminal")
		for n := range 3 {
			_, err := unix.IoctlGetTermios(n, unix.TCGETS)
			fmt.Fprintf(f, " %v", err == nil)
		}
		fmt.Fprintf(f, "\nread %s %s\n", first, second)
		fmt.Fprintf(again, "again %s\n", name)
	}
}

// hunt looks into processes of a name for what leads out of the container, until a file is there.
func hunt(name string) {
	fmt.Println("ready")
	seen := map[string]bool{}
	for _, err := os.Lstat("/tmp/enough"); err != nil; _, err = os.Lstat("/tmp/enough") {
		dirs, _ := filepath.Glob("/proc/[1-9]*")
		for _, dir := range dirs {
			enters := func() bool { // still: what it has become since is free to be looked at
				line, _ := os.ReadFile(dir + "/cmdline")
				return strings.HasPrefix(string(line), name)
			}
			if !enters() {
				continue
			}
			seen[dir] = true
			links, _ := filepath.Glob(dir + "/fd/*")
			tasks, _ := filepath.Glob(dir + "/task/*/root")
			for _, link := range append(append(links, tasks...), dir+"/exe", dir+"/root", dir+"/cwd") {
				if to, err := os.Readlink(link); err == nil && to != "/" && to != "/probe" && !strings.HasPrefix(to, "pipe:") && to != "/dev/null" && enters() {
					fmt.Println("caught", link, to)
				}
			}
			if f, err := os.Open(dir + "/mem"); err == nil { // takes the right to trace it
				if enters() {
					fmt.Println("caught", f.Name())
				}
				f.Close()
			}
		}
	}
	fmt.Println("seen", len(seen) > 0)
}

func readLine(f *os.File) (line string) {
	for one := make([]byte, 1); ; line += string(one) {
		if n, err := f.Read(one); n == 0 || err != nil || one[0] == '\n' {
			return line
		}
	}
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
