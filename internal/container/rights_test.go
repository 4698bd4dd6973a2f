package container

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

func TestRights(t *testing.T) {
	needRoot(t)
	var mask uint64
	for _, c := range kept {
		mask |= 1 << uint(c)
	}
	for _, users := range []Users{UsersPrivate, UsersHost} {
		out := must(t, Config{Users: users}, "show", "/proc/self/status")
		got := fields(strings.ReplaceAll(strings.ReplaceAll(out, ":", " "), "\t", " "))
		all := fmt.Sprintf("%016x", mask)
		for name, want := range map[string]string{
			"CapBnd": all, "CapEff": all, "CapPrm": all,
			"CapInh": "0000000000000000", "CapAmb": "0000000000000000",
			"NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": "1", "Groups": "",
		} {
			if got[name] != want {
				t.Errorf("users %s: %s is %q, want %q", users, name, got[name], want)
			}
		}
	}
}

// TestSyscalls asks a kernel with the filter in force. Arguments are such that the call
// would fail, or do nothing, if the filter let it through.
func TestSyscalls(t *testing.T) {
	needRoot(t)
	for _, tt := range []struct {
		name  string
		errno unix.Errno
		call  int
		args  []int
	}{
		{"getppid", 0, unix.SYS_GETPPID, nil},
		{"unshare nothing", unix.EPERM, unix.SYS_UNSHARE, []int{0}},
		{"mount", unix.EPERM, unix.SYS_MOUNT, nil},
		{"keyctl get session", unix.EPERM, unix.SYS_KEYCTL, []int{0, -3, 0}},
		{"bpf", unix.EPERM, unix.SYS_BPF, nil},
		{"userfaultfd", unix.EPERM, unix.SYS_USERFAULTFD, nil},
		{"io_uring_setup", unix.EPERM, unix.SYS_IO_URING_SETUP, nil},
		{"clone3", unix.ENOSYS, unix.SYS_CLONE3, nil},
		{"clone with a namespace", unix.EPERM, unix.SYS_CLONE, []int{unix.CLONE_NEWUSER | unix.CLONE_THREAD}},
		{"clone that cannot be", unix.EINVAL, unix.SYS_CLONE, []int{unix.CLONE_THREAD}},
		{"socket to the hypervisor", unix.EPERM, unix.SYS_SOCKET, []int{unix.AF_VSOCK, unix.SOCK_STREAM}},
		{"socket of its own", 0, unix.SYS_SOCKET, []int{unix.AF_UNIX, unix.SOCK_STREAM}},
		{"x32", unix.ENOSYS, x32 | unix.SYS_GETPPID, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := []string{"call", strconv.Itoa(tt.call)}
			for _, a := range tt.args {
				args = append(args, strconv.FormatUint(uint64(a), 10))
			}
			if got := strings.TrimSpace(must(t, Config{}, args...)); got != strconv.Itoa(int(tt.errno)) {
				t.Errorf("errno %s, want %d (%v)", got, int(tt.errno), tt.errno)
			}
		})
	}
}

// call is what a filter sees: struct seccomp_data, with words in the byte order of the
// interpreter that the test uses.
func call(arch, number uint32, args ...uint64) []byte {
	p := binary.BigEndian.AppendUint32(nil, number)
	p = binary.BigEndian.AppendUint32(p, arch)
	p = binary.BigEndian.AppendUint64(p, 0) // instruction pointer
	for i := range 6 {
		var a uint64
		if i < len(args) {
			a = args[i]
		}
		p = binary.BigEndian.AppendUint32(p, uint32(a))
		p = binary.BigEndian.AppendUint32(p, uint32(a>>32))
	}
	return p
}

func TestFilter(t *testing.T) {
	vm, err := bpf.NewVM(filter(denials[:], setIDs[:]))
	if err != nil {
		t.Fatal(err)
	}
	const amd64, i386 = unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_I386
	refuse := func(e unix.Errno) int { return unix.SECCOMP_RET_ERRNO | int(e) }
	for _, tt := range []struct {
		name string
		data []byte
		want int
	}{
		{"read", call(amd64, unix.SYS_READ), unix.SECCOMP_RET_ALLOW},
		{"execve", call(amd64, unix.SYS_EXECVE), unix.SECCOMP_RET_ALLOW},
		{"mount", call(amd64, unix.SYS_MOUNT), refuse(unix.EPERM)},
		{"last of the table", call(amd64, unix.SYS_GET_KERNEL_SYMS), refuse(unix.ENOSYS)},
		{"fork", call(amd64, unix.SYS_CLONE, uint64(unix.SIGCHLD)), unix.SECCOMP_RET_ALLOW},
		{"thread", call(amd64, unix.SYS_CLONE, unix.CLONE_VM|unix.CLONE_THREAD|unix.CLONE_SIGHAND), unix.SECCOMP_RET_ALLOW},
		{"new user namespace", call(amd64, unix.SYS_CLONE, unix.CLONE_NEWUSER|uint64(unix.SIGCHLD)), refuse(unix.EPERM)},
		{"new network, high bits", call(amd64, unix.SYS_CLONE, 1<<40|unix.CLONE_NEWNET), refuse(unix.EPERM)},
		{"namespace in another argument", call(amd64, unix.SYS_CLONE, 0, unix.CLONE_NEWNET), unix.SECCOMP_RET_ALLOW},
		{"inet", call(amd64, unix.SYS_SOCKET, unix.AF_INET), unix.SECCOMP_RET_ALLOW},
		{"vsock", call(amd64, unix.SYS_SOCKET, unix.AF_VSOCK), refuse(unix.EPERM)},
		{"32-bit call", call(i386, 20), unix.SECCOMP_RET_KILL_PROCESS},
		{"32-bit call with a number that is allowed", call(i386, unix.SYS_READ), unix.SECCOMP_RET_KILL_PROCESS},
		{"chmod", call(amd64, unix.SYS_CHMOD, 0, 0o777), unix.SECCOMP_RET_ALLOW},
		{"chmod u+s", call(amd64, unix.SYS_CHMOD, 0, 0o4755), refuse(unix.EPERM)},
		{"chmod g+s", call(amd64, unix.SYS_FCHMODAT, 0, 0, 0o2755), refuse(unix.EPERM)},
		{"open, with anything as a mode", call(amd64, unix.SYS_OPEN, 0, unix.O_RDWR, 0xffff), unix.SECCOMP_RET_ALLOW},
		{"open a directory, likewise", call(amd64, unix.SYS_OPENAT, 0, 0, unix.O_DIRECTORY, 0xffff), unix.SECCOMP_RET_ALLOW},
		{"open that makes a file", call(amd64, unix.SYS_OPEN, 0, unix.O_CREAT, 0o755), unix.SECCOMP_RET_ALLOW},
		{"open that makes one u+s", call(amd64, unix.SYS_OPEN, 0, unix.O_CREAT|unix.O_WRONLY, 0o4755), refuse(unix.EPERM)},
		{"open that makes one without a name", call(amd64, unix.SYS_OPENAT, 0, 0, unix.O_TMPFILE|unix.O_RDWR, 0o2755), refuse(unix.EPERM)},
		{"mkdir u+s", call(amd64, unix.SYS_MKDIR, 0, 0o4755), unix.SECCOMP_RET_ALLOW},
		{"x32 mount", call(amd64, x32|unix.SYS_MOUNT), refuse(unix.ENOSYS)},
	} {
		got, err := vm.Run(tt.data)
		if err != nil || uint32(got) != uint32(tt.want) {
			t.Errorf("%s: %#x, %v; want %#x", tt.name, uint32(got), err, uint32(tt.want))
		}
	}
}

// TestFilterDeniesTable runs every row through the filter.
func TestFilterDeniesTable(t *testing.T) {
	vm, err := bpf.NewVM(filter(denials[:], setIDs[:]))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint32]bool{}
	for _, d := range slices.Concat(denials[:], setIDs[:]) {
		for _, number := range d.calls {
			args := make([]uint64, 6)
			for _, a := range d.where {
				args[a.number] = uint64(a.bits | a.value)
			}
			got, err := vm.Run(call(unix.AUDIT_ARCH_X86_64, number, args...))
			if want := unix.SECCOMP_RET_ERRNO | uint32(d.errno); err != nil || uint32(got) != want {
				t.Errorf("call %d: %#x, %v; want %#x", number, uint32(got), err, want)
			}
			if seen[number] {
				t.Errorf("call %d is in the table twice: the second row never matches", number)
			}
			seen[number] = true
		}
	}
}
