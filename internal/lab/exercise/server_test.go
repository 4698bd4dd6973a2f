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
	const bind, private, detach = "4096", "278528", "2"
	for _, tt := range []struct{ calls, want string }{
		{"pivot_root /srv/r /srv/r/old", "EINVAL"},                                                                                          // it is no mount point
		{"mount /srv/r /srv/r - " + bind + "|pivot_root /srv/r /srv/r/old", "- EINVAL"},                                                     // it is shared
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
