package exercise

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// FuzzServers has the parts that the grader plays get calls that no harness makes, in any order. They answer, end, and keep no more than a bound.
func FuzzServers(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07"), `true`)
	f.Add([]byte("\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"), `["/", "/srv/x", "", 266240, ""]`)
	f.Add([]byte("\x02\x02\x02\x80\x02\x80\x80"), `["/srv/x/old", "/srv/x"]`)
	names := []string{"loop?", "stop?", "run", "handle", "immediate exit", "signal", "loop ended", "stop returned",
		"mount", "pivot_root", "chroot", "umount2", "chdir", "sethostname", "no_new_privs", "write", "execve", "returned", "?"}
	f.Fuzz(func(t *testing.T, order []byte, arg string) {
		const most = 2000
		order = order[:min(len(order), most)]
		r := rand.New(rand.NewPCG(1, uint64(len(arg))))
		for _, s := range []Server{newVCPU([]step{exits(r), {Kind: "clearing"}}), newVCPU([]step{{Kind: "before"}, stopAt(r, 3)}), newKernelModel("/srv/x", "/g")} {
			for _, b := range order {
				if s.Over() {
					break
				}
				if b >= 0x80 {
					s.Quiet()
					continue
				}
				s.Call(names[int(b)%len(names)], json.RawMessage(arg), func(v any) {
					if _, err := json.Marshal(v); err != nil {
						t.Error(err)
					}
				})
			}
			if s.Patience() < 1 {
				t.Errorf("%T has patience %d", s, s.Patience())
			}
		}
	})
}

// TestKernelModel makes system calls as container programs do, and wants what a kernel says.
func TestKernelModel(t *testing.T) {
	const bind, private, shared, detach = "4096", "278528", "1064960", "2"
	for _, tt := range []struct{ calls, want string }{
		{"pivot_root /srv/r /srv/r/old", "EINVAL"},                                 // it is no mount point
		{"mount /srv/r /srv/r - " + bind + "|pivot_root /srv/r /srv/r/old", "- -"}, // a slave will do
		{"mount - / - " + shared + "|mount /srv/r /srv/r - " + bind + "|pivot_root /srv/r /srv/r/old", "- - EINVAL"},
		{"mount - / - " + shared + "|mount - / - " + private + "|mount /srv/r /srv/r - " + bind + "|pivot_root /srv/r /srv/r/old", "- - - -"},
		{"mount - / - " + private + "|mount /srv/r /srv/r - " + bind + "|pivot_root /srv/r /srv/r/none", "- - ENOENT"},                      // no such directory
		{"mount - / - " + private + "|mount /srv/r /srv/r - " + bind + "|pivot_root /srv/r /tmp", "- - EINVAL"},                             // it is elsewhere
		{"mount - / - " + private + "|mount /srv/r /srv/r - " + bind + "|pivot_root /srv/r /srv/r/old|umount2 /old 0", "- - - EBUSY"},       // there are mounts in it
		{"mount - / - " + private + "|mount /srv/r /srv/r - " + bind + "|chdir /srv/r|pivot_root . .|umount2 . " + detach, "- - - - -"},     // as pivot_root(2) has it
		{"mount - / - " + private + "|mount /srv/r /srv/r - " + bind + "|chdir /srv/r|pivot_root . old|umount2 old " + detach, "- - - - -"}, // relative
		{"mount proc /srv/r/proc proc 0|chroot /srv/r|chdir /|chdir /home", "- - - ENOENT"},
		{"mount proc /none proc 0", "ENOENT"},
		{"mount x /tmp ext4 0", "ENODEV"},
		{"write /g/memory.limit_in_bytes 1|write /g/memory.max x|write /g/pids.max 5|write /g/cgroup.procs 7", "ENOENT EINVAL - -"},
		{"umount2 / 2", "EBUSY"},
		{"umount2 /tmp 0", "EINVAL"},
		{"reboot now", "ENOSYS"},
	} {
		k := newKernelModel("/srv/r", "/g")
		var got []string
		for call := range strings.SplitSeq(tt.calls, "|") {
			got = append(got, made(t, k, strings.Fields(call)))
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s: %s; want %s", tt.calls, s, tt.want)
		}
	}
}

// made makes a system call, and gives its error. "-" is an empty word.
func made(t *testing.T, k *kernelModel, words []string) string {
	t.Helper()
	var args []any
	for i, w := range words[1:] {
		n := 0
		if _, err := fmt.Sscan(w, &n); err == nil && words[0] != "write" && i > 0 {
			args = append(args, n)
			continue
		}
		args = append(args, strings.TrimPrefix(w, "-"))
	}
	b, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	k.Call(words[0], b, func(any) {})
	last := k.calls[len(k.calls)-1]
	return "-"[:1-min(1, len(last[strings.LastIndexByte(last, ')')+1:]))] + strings.TrimSpace(last[strings.LastIndexByte(last, ')')+1:])
}

// TestMatters has each question of exercise 10 have one right answer, and what makes it a trap.
func TestMatters(t *testing.T) {
	for i := range uint64(200) {
		r := rand.New(rand.NewPCG(7, i))
		m := newMatter(r)
		if m.right != inContainer && m.right != inVM || m.overlap {
			t.Fatalf("%+v", m)
		}
		other := *m
		other.Workload.Warm = !m.Workload.Warm
		if other.decide(); other.right == m.right {
			t.Error("cold and warm say the same")
		}
		if m.like(); m.right != inEither {
			t.Errorf("within the interval the choice is %s", m.right)
		}
	}
}

// TestEntered has programs that make a root of their own, and what is said of them.
func TestEntered(t *testing.T) {
	const bind, detach = "4096", "2"
	const bound = "mount /srv/r /srv/r - " + bind + "|"
	const rest = "mount proc /srv/r/proc proc 0|pivot_root /srv/r /srv/r/old|chdir /|umount2 /old " + detach + "|sethostname name|no_new_privs"
	for _, tt := range []struct{ name, calls, cause string }{
		{"mounts that are slaves", bound + rest, ""},
		{"mounts that were made shared", "mount - / - 1064960|" + bound + rest, "mounts are shared"},
		{"a directory of the host's", bound + "mount /tmp /srv/r/tmp - " + bind + "|" + rest, "the container still has " + hostTree + " below /tmp"},
		{"all of the host's files", bound + "mount / /srv/r/tmp - " + bind + "|" + rest, "the container still has " + hostTree},
		{"the host's /proc below the new one", bound + "mount /proc /srv/r/proc - " + bind + "|" + rest, "the container still has " + hostProc},
		{"the host's /proc elsewhere", bound + "mount /proc /srv/r/tmp - " + bind + "|" + rest, "the container still has " + hostProc},
	} {
		k := newKernelModel("/srv/r", "/g")
		for call := range strings.SplitSeq(tt.calls, "|") {
			made(t, k, strings.Fields(call))
		}
		k.Call("execve", json.RawMessage(`[["/bin/sh"]]`), func(any) {})
		cause, _ := whyNotEntered(k, "name", []string{"/bin/sh"})
		if tt.cause == "" && cause != "" || !strings.HasPrefix(cause, tt.cause) {
			t.Errorf("%s: %q; want %q; %s", tt.name, cause, tt.cause, k.story())
		}
	}
}
