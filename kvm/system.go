package kvm

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Device is where Linux offers KVM.
const Device = "/dev/kvm"

// apiVersionStable is the one KVM API version there is (api.rst section 4.1).
const apiVersionStable = 12

// ErrAPIVersion says that the device does not speak the KVM API.
var ErrAPIVersion = errors.New("not the stable KVM API")

// System is an open /dev/kvm.
type System struct {
	fd       int
	mmapSize int
}

// Open opens /dev/kvm and checks that it speaks the stable KVM API. The error
// wraps fs.ErrNotExist or fs.ErrPermission where that is the reason.
func Open() (*System, error) { return OpenDevice(Device) }

// OpenDevice is Open for another path.
func OpenDevice(path string) (*System, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	s := &System{fd: fd}
	if err := s.check(); err != nil {
		s.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func (s *System) check() error {
	v, err := apiVersion(s.fd)
	if err != nil {
		return err
	}
	if v != apiVersionStable {
		return fmt.Errorf("%w: version %d, want %d", ErrAPIVersion, v, apiVersionStable)
	}
	s.mmapSize, err = vcpuMmapSize(s.fd)
	return err
}

// Close closes /dev/kvm. VMs made from it live on. As with [VM.Close], what is called
// later fails.
func (s *System) Close() error { return closeFD(&s.fd) }

// Check gives the value of a capability: 0 if the host lacks it, else 1 or a
// number that the capability defines (KVM_CHECK_EXTENSION).
func (s *System) Check(c Capability) (int, error) { return checkExtension(s.fd, c) }

// RecommendedVCPUs is how many vCPUs KVM advises for one VM (KVM_CAP_NR_VCPUS),
// and the most that it takes (KVM_CAP_MAX_VCPUS).
func (s *System) RecommendedVCPUs() (advised, most int, err error) {
	advised, err = s.Check(CapNrVCPUs)
	if err != nil {
		return 0, 0, err
	}
	most, err = s.Check(CapMaxVCPUs)
	return advised, max(most, advised), err
}

// SupportedCPUID lists the CPUID leaves that this host and KVM offer to a guest
// (KVM_GET_SUPPORTED_CPUID).
func (s *System) SupportedCPUID() ([]CPUIDEntry, error) {
	t := &cpuidTable{n: maxCPUID}
	err := ioctl(s.fd, "KVM_GET_SUPPORTED_CPUID", ioc(dirRead|dirWrite, nrGetSupportedCPUID, 8), t)
	if err != nil {
		return nil, err
	}
	return t.entries[:min(t.n, maxCPUID)], nil
}

// SavedMSRs lists the model-specific registers that hold guest state
// (KVM_GET_MSR_INDEX_LIST).
func (s *System) SavedMSRs() ([]uint32, error) { return msrIndexList(s.fd) }

// CreateVM makes an empty VM: no memory, no interrupt chips, no vCPUs.
func (s *System) CreateVM() (*VM, error) {
	fd, err := createVM(s.fd)
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fd)
	return &VM{fd: fd, mmapSize: s.mmapSize}, nil
}
