package arch

import (
	"fmt"
	"path"
	"strings"
)

const module = "terem/"

// A room is a package and the arrows that may leave it. Patterns are those of the go
// command: "x" is package x, "x/..." is x and all below.
type room struct {
	name    string
	may     []string // within the module
	outside []string // other modules; the standard library is free to all
	tests   []string // for tests, in addition
}

// rooms is "Who may import whom", from the roof to the ground. The last row that
// matches a package is its room.
func rooms() []room {
	const unix = "golang.org/x/sys/unix"
	return []room{
		{"bench/...", []string{"bench/...", "guest/...", "internal/measure/host", "internal/measure/stats", "internal/measure/lastwords", "internal/measure/smaps", "internal/cli/enter", "internal/running", "internal/vm/agent"}, []string{"golang.org/x/arch/...", unix}, nil},
		{"cmd/terem", []string{"internal/cli/command", "internal/cli/launch", "internal/container", "internal/vm/machine"}, []string{"github.com/spf13/pflag"}, []string{"internal/fault"}},
		{"cmd/terem-share", []string{"internal/vm/share", "internal/vm/share/process"}, nil, nil},
		{"cmd/terem-tools", []string{"internal/...", "boot/unpack", "guest/...", "kvm", "vcpu/trace"}, []string{"github.com/spf13/cobra/...", "github.com/spf13/pflag", unix}, []string{"memory"}},

		{"cmd/terem-net", []string{"internal/network/...", "internal/fault", "devices/virtio/net"}, []string{unix}, nil},

		{"internal/arch", nil, nil, nil},
		{"internal/network", []string{"internal/fault", "internal/sibling", "guest/cmdline"}, []string{unix}, nil},
		{"internal/network/link", []string{"devices/virtio/net", "internal/fault"}, []string{unix}, nil},
		{"internal/network/sandbox", nil, []string{unix, "golang.org/x/net/bpf"}, nil},
		{"internal/network/user", []string{"internal/network", "internal/network/link", "devices/virtio/net"}, []string{"gvisor.dev/gvisor/pkg/..."}, []string{"devices/virtio/...", "devices/virtio/net"}},
		{"internal/sibling", []string{"internal/fault"}, nil, nil},
		{"internal/container", []string{"internal/fault"}, []string{unix, "golang.org/x/net/bpf", "github.com/moby/sys/capability", "github.com/opencontainers/cgroups/..."}, nil},
		{"internal/container/session", []string{"internal/container", "internal/vm/agent", "internal/vm/control", "devices/virtio/vsock", "internal/cli/presence", "internal/cli/signals", "internal/cli/tty", "internal/fault"}, nil, []string{unix, "internal/cli/tty/ttytest", "internal/cli/signals/signalstest"}},
		{"docs/lab", nil, nil, nil},
		{"internal/lab/exercise", []string{"guest/initramfs"}, []string{unix}, nil},
		{"internal/lab/grade", []string{"docs/lab", "internal/container", "internal/lab/exercise", "internal/fault", "kvm"}, []string{unix}, []string{"internal/lab/attempt"}},
		{"internal/lab/attempt", []string{"internal/lab/exercise"}, nil, nil},
		{"internal/compare", []string{"internal/compare/...", "internal/measure/host", "internal/measure/stats", "internal/measure/smaps", "internal/vm/machine", "guest/...", "internal/fault"}, []string{unix}, []string{"internal/kvmtest"}},
		{"internal/compare/trace", nil, []string{unix}, nil},
		{"internal/compare/result", []string{"internal/measure/host", "internal/measure/stats"}, nil, nil},
		{"internal/compare/spawn", []string{"internal/measure/lastwords"}, []string{unix}, nil},
		{"internal/compare/target", []string{"internal/compare/result", "internal/compare/spawn", "internal/container", "internal/measure/lastwords", "guest/..."}, []string{unix,
			"github.com/opencontainers/runtime-spec/specs-go"}, nil},
		{"internal/vm/agent", nil, nil, []string{"guest/agent", "guest/bare/baretest"}},
		{"internal/vm/commas", nil, nil, nil},
		{"internal/vm/generation", nil, nil, nil},
		{"internal/vm/disk", []string{"internal/vm/commas", "internal/vm/disk/qcow2", "internal/vm/machine", "internal/fault"}, []string{unix}, []string{"internal/vm/disk/qcow2/inflate"}},
		{"internal/vm/disk/content", nil, nil, nil},
		{"internal/vm/disk/ext4", nil, []string{unix}, nil},
		{"internal/vm/disk/image", []string{"internal/vm/disk", "internal/vm/disk/content", "internal/vm/disk/ext4", "internal/vm/disk/qcow2/inflate", "internal/vm/machine", "internal/fault"}, []string{unix,
			"github.com/klauspost/compress/zstd", "github.com/ulikunitz/xz"}, nil},
		{"internal/vm/disk/qcow2", nil, nil, []string{"internal/vm/disk/qcow2/inflate"}},
		{"internal/vm/disk/qcow2/inflate", nil, []string{"github.com/klauspost/compress/zstd"}, nil},
		{"internal/vm/snapshot", []string{"memory", "internal/fault"}, []string{unix}, nil},
		{"internal/vm/snapshot/whose", []string{"internal/vm/snapshot", "internal/vm/machine", "internal/vm/symbols", "devices/virtio", "memory"}, nil, nil},
		{"internal/vm/symbols", nil, nil, nil},
		{"internal/vm/share", []string{"devices/virtio/fs", "internal/fault"}, []string{unix}, nil},
		{"internal/vm/share/process", []string{"internal/vm/share", "internal/vm/share/tree", "devices/virtio/fs"}, []string{unix}, []string{"github.com/hanwen/go-fuse/v2/fuse"}},
		{"internal/vm/share/tree", nil, []string{unix, "github.com/hanwen/go-fuse/v2/fuse"}, []string{"github.com/hanwen/go-fuse/v2/posixtest"}},
		{"internal/vm/vsock", []string{"devices/virtio/vsock", "internal/vm/commas", "internal/fault"}, []string{unix}, nil},
		{"internal/cli/command", []string{"internal/network", "internal/sibling", "boot", "devices/virtio/rng", "guest/...", "internal/cli/enter", "internal/cli/launch", "internal/container/...", "internal/fault", "internal/vm/disk", "internal/vm/machine", "internal/vm/share", "internal/vm/vsock"},
			[]string{"github.com/spf13/pflag", unix}, nil},
		{"internal/cli/doctor", []string{"guest/...", "kvm", "memory", "vcpu/assist"}, []string{unix}, nil},
		{"internal/cli/enter", []string{"internal/running", "internal/vm/agent", "internal/vm/control", "internal/cli/signals", "internal/cli/tty", "internal/fault"}, nil, nil},
		{"internal/cli/enter/carry", []string{"internal/cli/enter", "internal/vm/agent", "internal/fault"}, nil, nil},
		{"internal/cli/presence", []string{"internal/running", "internal/vm/control", "internal/vm/vsock", "internal/fault"}, []string{unix}, nil},
		{"internal/cli/steer", []string{"internal/running", "internal/vm/control", "internal/vm/machine", "internal/fault"}, nil, nil},
		{"internal/cli/watch", []string{"internal/cli/command", "internal/cli/launch", "internal/vm/machine", "internal/vm/symbols", "internal/vm/vsock", "internal/fault", "guest", "kvm", "vcpu/..."}, nil, nil},
		{"internal/cli/watch/report", []string{"vcpu/trace"}, nil, []string{"kvm"}},
		{"internal/fault", nil, nil, nil},
		{"internal/hardware", []string{"internal/hardware/wire", "internal/cli/tty/...", "internal/lab/...", "guest/..."}, []string{unix, "github.com/spf13/pflag"}, nil},
		{"internal/hardware/atwork", nil, nil, []string{"internal/lab/attempt", "internal/cli/tty/ttytest", "guest/...", "kvm", unix, "golang.org/x/net/bpf"}},
		{"internal/hardware/outer", []string{"internal/hardware/wire", "kvm"}, []string{unix}, nil},
		{"internal/hardware/wire", nil, nil, nil},
		{"internal/lab", []string{"internal/lab/demo", "internal/lab/experiment", "internal/lab/mechanism", "internal/lab/place", "internal/lab/result", "internal/measure/host", "internal/fault"}, nil, []string{"guest"}},
		{"internal/lab/boot", nil, nil, nil},
		{"internal/lab/demo", []string{"internal/lab/place", "internal/fault"}, nil, nil},
		{"internal/lab/experiment", nil, nil, nil},
		{"internal/lab/mechanism", []string{"internal/lab/experiment"}, nil, []string{"internal/lab/place"}},
		{"internal/lab/place", []string{"internal/running", "guest/...", "internal/fault"}, []string{unix}, nil},
		{"internal/lab/result", []string{"internal/lab/experiment", "internal/measure/host"}, nil, nil},
		{"internal/lab/types", []string{"internal/cli/doctor", "internal/compare", "internal/compare/result"}, nil, nil},
		{"internal/lab/show", []string{"internal/lab/boot", "internal/lab/demo", "internal/lab/experiment", "internal/lab/mechanism", "internal/lab/result", "internal/lab/types", "internal/measure/host"}, nil, []string{"internal/lab"}},
		{"internal/measure/host", nil, nil, nil},
		{"internal/running", []string{"internal/fault"}, []string{unix}, nil},
		{"internal/vm/control", []string{"internal/fault"}, nil, nil},
		{"internal/kvmtest", []string{"kvm"}, nil, nil},
		{"internal/measure/lastwords", nil, nil, nil},
		{"internal/cli/signals", nil, nil, []string{"internal/cli/signals/signalstest"}},
		{"internal/cli/signals/signalstest", nil, nil, nil},
		{"internal/cli/launch", []string{"internal/network", "internal/network/link", "devices/virtio/net", "internal/cli/presence", "internal/vm/control", "internal/vm/agent", "internal/vm/machine", "internal/cli/signals", "internal/cli/tty", "internal/vm/disk/...", "internal/vm/share", "internal/vm/vsock", "internal/vm/snapshot", "internal/vm/generation", "internal/cli/enter", "memory", "devices/virtio/blk", "devices/virtio/fs", "devices/virtio/rng", "devices/virtio/vsock", "boot", "guest/...", "vcpu/assist", "internal/fault"},
			[]string{unix}, []string{"kvm", "internal/cli/tty/ttytest", "boot/unpack", "github.com/klauspost/compress/...", "github.com/pierrec/lz4/v4", "github.com/ulikunitz/xz"}},
		{"internal/vm/machine", []string{"vcpu/...", "boot", "devices/...", "guest/...", "kvm", "memory", "internal/vm/generation", "internal/fault"}, nil, nil},
		{"internal/measure/smaps", nil, nil, nil},
		{"internal/compare/report", []string{"internal/compare/result", "internal/measure/host", "internal/measure/stats"},
			[]string{"github.com/jedib0t/go-pretty/v6/...", "golang.org/x/term"}, nil},
		{"internal/measure/stats", nil, []string{"golang.org/x/perf/benchmath"}, nil},
		{"internal/cli/tty", nil, []string{unix, "golang.org/x/term"}, []string{"internal/cli/tty/ttytest"}},
		{"internal/cli/tty/pty", nil, []string{unix}, nil},
		{"internal/cli/tty/ttytest", []string{"internal/cli/tty/pty"}, []string{unix}, nil},

		{"boot", []string{"boot/compression", "memory", "kvm", "internal/fault"}, nil, []string{"boot/..."}},
		{"boot/compression", nil, nil, nil},
		{"boot/unpack", []string{"boot/compression"}, []string{"github.com/klauspost/compress/...", "github.com/pierrec/lz4/v4", "github.com/ulikunitz/xz/..."},
			[]string{"boot/unpack/unpacktest"}},
		{"boot/unpack/unpacktest", []string{"boot/compression"}, []string{"github.com/klauspost/compress/...", "github.com/pierrec/lz4/v4", "github.com/ulikunitz/xz/..."}, nil},
		{"vcpu", []string{"kvm", "memory"}, nil, []string{unix}},
		{"vcpu/assist", []string{"kvm", "memory"}, []string{"golang.org/x/arch/x86/x86asm"}, []string{unix}},

		{"vcpu/gdb", []string{"kvm"}, nil, nil},
		{"vcpu/trace", []string{"vcpu", "kvm"}, nil, nil},

		{"devices", nil, nil, []string{"devices/..."}},
		{"devices/...", []string{"devices"}, nil, []string{"devices/..."}},
		{"devices/virtio/...", []string{"devices", "devices/virtio/...", "memory"}, []string{unix}, []string{"devices/..."}},

		{"guest/selftests", []string{"guest/...", "internal/cli/tty/pty"}, []string{unix, "golang.org/x/term", "github.com/spf13/pflag"}, nil},
		{"guest/...", []string{"guest/..."}, []string{unix, "golang.org/x/term", "github.com/spf13/pflag", "github.com/ulikunitz/xz/..."}, []string{"internal/cli/tty/ttytest"}},
		{"kvm", nil, []string{gokvm, unix}, nil},
		{"memory", nil, []string{unix}, nil},
	}
}

// match says whether package pkg is one of the pattern.
func match(pattern, pkg string) bool {
	above, all := strings.CutSuffix(pattern, "/...")
	return pkg == above || all && strings.HasPrefix(pkg, above+"/")
}

func matchAny(patterns []string, pkg string) bool {
	for _, p := range patterns {
		if match(p, pkg) {
			return true
		}
	}
	return false
}

// roomOf is the room of a package; the more special rows come later.
func roomOf(pkg string) (found room, ok bool) {
	for _, r := range rooms() {
		if match(r.name, pkg) && (!ok || len(r.name) > len(found.name) || r.name == pkg) {
			found, ok = r, true
		}
	}
	return found, ok
}

// arrows finds imports that no room's row has.
func arrows(f *file) (broken []string) {
	pkg := path.Dir(f.path)
	r, ok := roomOf(pkg)
	if !ok {
		return []string{"the package has no room: add a row to the table of rooms"}
	}
	for _, imp := range f.imports() {
		within, ours := strings.CutPrefix(imp, module)
		switch {
		case ours && (matchAny(r.may, within) || f.test && testMay(r, pkg, within)):
		case !ours && (standard(imp) || matchAny(r.outside, imp) || f.test && matchAny(r.tests, imp)):
		default:
			broken = append(broken, fmt.Sprintf("a new arrow: %s -> %s", pkg, imp))
		}
	}
	return broken
}

// testMay: a test may import its own package, the helper that asks for KVM if its
// room sees KVM at all, and what its row adds.
func testMay(r room, pkg, within string) bool {
	seesKVM := pkg == "kvm" || strings.HasPrefix(pkg, "cmd/") || matchAny(r.may, "kvm") || matchAny(r.tests, "kvm")
	return within == pkg || within == "internal/kvmtest" && seesKVM || matchAny(r.tests, within)
}

// standard says whether a package is of the standard library: no dot in its first
// element.
func standard(imp string) bool {
	first, _, _ := strings.Cut(imp, "/")
	return !strings.Contains(first, ".")
}
