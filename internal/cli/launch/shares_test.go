package launch

import (
	"errors"
	"strings"
	"testing"

	"terem/guest/cmdline"
	"terem/internal/fault"
	"terem/internal/vm/share"
)

func TestCheckShares(t *testing.T) {
	many := make([]share.Spec, cmdline.MaxShares+1)
	for i := range many {
		many[i] = share.Spec{Dir: "/a", Path: "/x"}
	}
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{}, ""}, {Options{Shares: []share.Spec{{Dir: "/a", Path: "/bin/x"}}}, ""}, {Options{Shares: []share.Spec{{Dir: "/a", Path: "/bin"}}}, "/a:/bin"},
		{Options{Shares: []share.Spec{{Dir: "/a", Path: "/dev"}}, Kernel: "x"}, ""}, {Options{Shares: many}, "at most 16"},
	} {
		err := checkShares(&tt.o)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v: %v, want %q", tt.o.Shares, err, tt.want)
		}
	}
}

// TestShareWarm: a guest with a shared directory has no snapshot, of either kind.
func TestShareWarm(t *testing.T) {
	o := &Options{Warm: WarmReady, Shares: []share.Spec{{Dir: "/a", Path: "/x"}}}
	var told *fault.Error
	if err := checkWarm(o); !errors.As(err, &told) || told.Class != fault.Usage {
		t.Errorf("a warm start: %v", err)
	}
	s := &session{o: o}
	if _, err := s.request(); !errors.As(err, &told) || told.Class != fault.Usage || !strings.Contains(told.Error(), "/a") {
		t.Errorf("a snapshot: %v", err)
	}
}

// TestOpenShares: a program that is not there is an error, and nothing is left of those that were started.
func TestOpenShares(t *testing.T) {
	n := 0
	s := &session{o: &Options{Shares: []share.Spec{{Dir: t.TempDir(), Path: "/a"}, {Dir: t.TempDir(), Path: "/b"}}, ShareServer: func() (share.Program, error) {
		if n++; n == 2 {
			return share.Program{Path: "/nowhere"}, nil
		}
		return share.Program{Path: "/bin/true", Args: []string{"true"}}, nil
	}}}
	if _, err := s.openShares(); err == nil {
		t.Error("a program that is not there was started")
	}
	if len(s.shares) != 1 {
		t.Errorf("%d servers", len(s.shares))
	}
	s.closeShares()
}
