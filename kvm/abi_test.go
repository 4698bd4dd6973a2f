package kvm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestErrorWrapsErrno(t *testing.T) {
	err := wrap("KVM_SET_REGS", unix.EINVAL)
	var e *Error
	if !errors.As(err, &e) || e.Op != "KVM_SET_REGS" || !errors.Is(err, unix.EINVAL) {
		t.Errorf("%#v is no *Error of KVM_SET_REGS with EINVAL", err)
	}
	if got, want := err.Error(), "KVM_SET_REGS: invalid argument"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
	if err := wrap("close", nil); err != nil {
		t.Errorf("no failure, and yet %v", err)
	}
}

func TestIOMatch(t *testing.T) {
	seven := uint64(7)
	e := &Event{fd: 42}
	for _, tt := range []struct {
		name  string
		m     IOMatch
		flags uint32
		data  uint64
	}{
		{"memory, any value", IOMatch{Addr: 0xd0000050, Len: 4}, 0, 0},
		{"memory, one value", IOMatch{Addr: 0xd0000050, Len: 4, Data: &seven}, 1, 7},
		{"port, any value", IOMatch{Addr: 0x80, Len: 1, Port: true}, 2, 0},
		{"port, one value", IOMatch{Addr: 0x80, Len: 1, Port: true, Data: &seven}, 3, 7},
		{"any length", IOMatch{Addr: 0xd0000050}, 0, 0},
	} {
		a := tt.m.abi(e)
		if a.addr != tt.m.Addr || a.len != tt.m.Len || a.fd != 42 || a.flags != tt.flags || a.datamatch != tt.data {
			t.Errorf("%s: %+v", tt.name, a)
		}
	}
}

// TestIoctlNumbers compares with the numbers that strace(1) prints for them.
func TestIoctlNumbers(t *testing.T) {
	for _, tt := range []struct {
		name      string
		got, want uintptr
	}{
		{"KVM_RUN", ioc(dirNone, nrRun, 0), 0xae80},
		{"KVM_IRQFD", ioc(dirWrite, nrIRQFD, sizeof[irqfd]()), 0x4020ae76},
		{"KVM_IOEVENTFD", ioc(dirWrite, nrIOEventFD, sizeof[ioeventfd]()), 0x4040ae79},
		{"KVM_GET_MSRS", ioc(dirRead|dirWrite, nrGetMSRs, 8), 0xc008ae88},
		{"KVM_SET_MSRS", ioc(dirWrite, nrSetMSRs, 8), 0x4008ae89},
		{"KVM_SET_CPUID2", ioc(dirWrite, nrSetCPUID2, 8), 0x4008ae90},
		{"KVM_GET_XSAVE", ioc(dirRead, nrGetXSave, sizeof[XSave]()), 0x9000aea4},
		{"KVM_SET_XSAVE", ioc(dirWrite, nrSetXSave, sizeof[XSave]()), 0x5000aea5},
		{"KVM_GET_XSAVE2", ioc(dirRead, nrGetXSave2, sizeof[XSave]()), 0x9000aecf},
		{"KVM_SET_TSC_KHZ", ioc(dirNone, nrSetTSCKHz, 0), 0xaea2},
		{"KVM_KVMCLOCK_CTRL", ioc(dirNone, nrClockCtrl, 0), 0xaead},
		{"KVM_SET_GUEST_DEBUG", ioc(dirWrite, nrSetGuestDebug, sizeof[guestDebug]()), 0x4048ae9b},
		{"KVM_X86_SET_MSR_FILTER", ioc(dirWrite, nrSetMSRFilter, sizeof[msrFilter]()), 0x4188aec6},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %#x, want %#x", tt.name, tt.got, tt.want)
		}
	}
}

func TestExitReasonNames(t *testing.T) {
	seen := map[string]ExitReason{}
	for r := range ExitReason(NumExitReasons) {
		name := r.String()
		if other, twice := seen[name]; twice || name == "" {
			t.Errorf("reasons %d and %d are both called %q", other, r, name)
		}
		seen[name] = r
	}
	if got := ExitReason(63).String(); got != "exit-63" {
		t.Errorf("reason 63 is called %q", got)
	}
}

func TestNeedsRequiredFirst(t *testing.T) {
	optional := false
	for _, n := range Needs() {
		if n.Required && optional {
			t.Errorf("%s is required, and comes after one that is not", n.Name)
		}
		optional = optional || !n.Required
		if n.Name == "" || n.For == "" || strings.HasPrefix(n.Name, "KVM_CAP_") {
			t.Errorf("need %+v lacks a name or a reason", n)
		}
	}
}

func TestOpenDevice(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "kvm")
	if _, err := OpenDevice(missing); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("a missing device: %v", err)
	}
	var e *Error
	if _, err := OpenDevice(os.DevNull); !errors.As(err, &e) || e.Op != "KVM_GET_API_VERSION" || !strings.HasPrefix(err.Error(), os.DevNull) {
		t.Errorf("a device that is not KVM: %v", err)
	}
}
