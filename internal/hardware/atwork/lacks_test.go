package atwork

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"terem/kvm"
)

// withoutVar makes this test binary a program: it takes a capability of KVM away from itself and becomes terem.
const withoutVar = "TEREM_WITHOUT_CAPABILITY"

func TestMain(m *testing.M) {
	if v := os.Getenv(withoutVar); v != "" {
		becomeTerem(v)
	}
	if len(os.Args) > 1 && os.Args[1] == vsockServer {
		serveVsock()
		return
	}
	os.Exit(m.Run())
}

// becomeTerem executes terem where KVM_CHECK_EXTENSION answers 0 for one capability, as a kernel does that has never
// heard of it.
func becomeTerem(number string) {
	var n uint32
	err := json.Unmarshal([]byte(number), &n)
	if err == nil {
		err = withoutCapability(n)
	}
	var path string
	if err == nil {
		path, err = exec.LookPath("terem")
	}
	if err == nil {
		os.Unsetenv(withoutVar)
		err = unix.Exec(path, append([]string{"terem"}, os.Args[1:]...), os.Environ())
	}
	os.Stderr.WriteString("without a capability: " + err.Error() + "\n")
	os.Exit(125)
}

// TestLacksCapability: a kernel that lacks what terem can do without runs guests, and they can sleep; one that lacks what
// it needs gets a line that names it.
func TestLacksCapability(t *testing.T) {
	emulated(t)
	for _, need := range kvm.Needs() {
		t.Run(need.Name, func(t *testing.T) {
			number, err := json.Marshal(need.Cap)
			if err != nil {
				t.Fatal(err)
			}
			s := run(t, "", os.Args[0], []string{withoutVar + "=" + string(number)}, "run", "--timeout", "100s", "--", "sh", "-c", "sleep 1; echo awake")
			if need.Required {
				if s.status == 0 || s.out != "" || strings.Count(s.stderr, "\n") != 1 || !strings.Contains(s.stderr, need.Name) {
					t.Errorf("status %d, output %q, standard error %q; want one line about %s", s.status, s.out, s.stderr, need.Name)
				}
				return
			}
			s.want(t, 0, "awake\n")
		})
	}
}
