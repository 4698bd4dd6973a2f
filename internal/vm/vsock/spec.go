package vsock

import (
	"fmt"
	"strconv"
	"strings"

	device "terem/devices/virtio/vsock"
	"terem/internal/fault"
	"terem/internal/vm/commas"
)

// Spec is what --vsock says.
type Spec struct {
	Path string // of the socket
	CID  uint64 // the guest's address
}

const specForm = "path[,cid=N]"

// ParseSpec reads it. A comma within a path is written twice.
func ParseSpec(value string) (Spec, error) {
	bad := func(cause, mend string) (Spec, error) {
		return Spec{}, &fault.Error{Class: fault.Usage, Thing: fault.Field("Vsock") + " " + value, Cause: cause, Mend: mend}
	}
	words := commas.Split(value)
	s := Spec{Path: words[0], CID: device.MinCID}
	if s.Path == "" {
		return bad("no path", "write "+fault.Field("Vsock")+" "+specForm)
	}
	for i, w := range words[1:] {
		key, v, _ := strings.Cut(w, "=")
		if key != "cid" {
			return bad(fmt.Sprintf("no option %q", key), "the form is "+specForm)
		}
		if i > 0 {
			return bad("cid is there twice", "say it once")
		}
		cid, err := strconv.ParseUint(v, 10, 64)
		if err != nil || cid < device.MinCID || cid > device.MaxCID {
			return bad(fmt.Sprintf("%q is no CID of a guest", v), fmt.Sprintf("give one from %d to %d", device.MinCID, uint64(device.MaxCID)))
		}
		s.CID = cid
	}
	return s, nil
}

// Device is the device for it: a guest that calls reaches path_PORT.
func (s *Spec) Device() *device.Config {
	return &device.Config{CID: s.CID, Dial: DialPath(s.Path)}
}

// Plain is the device of a guest that calls nobody.
func Plain() *device.Config { return &device.Config{CID: device.MinCID} }
