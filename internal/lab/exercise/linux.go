package exercise

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"

	"terem/guest/initramfs"
)

// BootsLinux says whether an exercise has a check that boots a kernel.
func (e *Exercise) BootsLinux() bool { return e.Name == "06-boot" }

// realLinux boots Linux, with an /init that computes what nobody knows who has not executed it, and writes that to a port.
func realLinux(s Subject) error {
	image := s.Kernel()
	if image == nil {
		return ErrNeedsKernel
	}
	const memory = 128 << 20
	program := newSum64(s.Rand(), 30+s.Rand().IntN(30))
	initrd := new(bytes.Buffer)
	var files initramfs.Archive
	files.File("init", 0o755, initELF(program))
	if _, err := files.WriteTo(initrd); err != nil {
		return err
	}
	l, err := (&kernel{image: image}).into(memory, "earlyprintk=serial,ttyS0,115200 panic=-1 reboot=t lab="+word(s.Rand()), initrd.Bytes())
	if err != nil {
		return err
	}
	defer l.close()
	var a linuxSeen
	if err := s.Ask(Question{Op: "linux", Args: l.args(), Files: append([]*os.File{s.KVM()}, l.files...)}, &a); err != nil {
		return err
	}
	if a.Error == notWritten {
		return unwritten("Load", readBoot)
	}
	return a.judge(program.bytes())
}

// linuxSeen is what the harness says of a kernel.
type linuxSeen struct {
	Error  string `json:"error"`
	Result []byte `json:"result"`
	Done   bool   `json:"done"`
	Late   bool   `json:"late"` // it was still running when the time was nearly up
	Last   string `json:"last"` // that it said
}

// exitInternal in an error is an instruction that KVM could not carry out (KVM_EXIT_INTERNAL_ERROR): a board without terem's help
// meets them where KVM interprets a guest.
const exitInternal = "exit 17:"

func (a linuxSeen) judge(want []byte) error {
	if a.Done && bytes.Equal(a.Result, want) {
		return nil
	}
	if spoke := a.Last != "" && len(a.Result) == 0; spoke && a.Late {
		return &NotRun{Why: "the kernel began, and its first program did not come in time: this host's KVM is slow, or the kernel waits for something; a longer time for each check may be enough. It said last: " + a.Last}
	} else if spoke && strings.Contains(a.Error, exitInternal) {
		return &NotRun{Why: "the kernel began, and this host's KVM could not carry out one of its instructions (exit 17). It said last: " + a.Last}
	}
	w := &Wrong{Seen: fmt.Sprintf("error %q; the first program wrote % x; the kernel said last: %s", a.Error, short(a.Result), a.Last), Read: readBoot,
		Expected: fmt.Sprintf("Linux boots, and its first program writes % x", want)}
	switch {
	case a.Last == "" && a.Late:
		w.Cause = "the kernel did not say a word in all the time: it loops or waits, before it could; look at the header in the zero page, and where the kernel is"
	case a.Last == "" && len(a.Result) == 0:
		w.Cause = "the kernel did not begin, or came to an end before it could say a word: look at the header in the zero page, and where the kernel is"
	case len(a.Result) == 0:
		w.Cause = "the kernel began and did not come to the first program: what it said last tells why; most often it finds no initrd, or memory is missing in its map"
	default:
		w.Cause = "another program was executed than that of the initrd"
	}
	return w
}

// Ports of the harness: where the result goes, and that it is done.
const (
	portResult = 0x510
	portDone   = 0x511
)

// initELF is a static program that computes a sum and writes it to a port, byte by byte. As the first program of a system it may.
func initELF(g sum64) []byte {
	g.add(0x48, 0x89, 0xc3)                                                               // mov rbx, rax
	g.add(0xb8, 172, 0, 0, 0, 0xbf, 3, 0, 0, 0, 0x0f, 0x05)                               // iopl(3)
	g.add(0x48, 0x89, 0xd8, 0xb9, 8, 0, 0, 0, 0x66, 0xba, portResult&0xff, portResult>>8) // mov rax, rbx; mov ecx, 8; mov dx, port
	g.add(0xee, 0x48, 0xc1, 0xe8, 8, 0xff, 0xc9, 0x75, 0xf7)                              // out dx, al; shr rax, 8; dec ecx; jnz back
	g.add(0x66, 0xba, portDone&0xff, portDone>>8, 0xee, 0xeb, 0xfe)                       // mov dx, port; out dx, al; jmp $
	const at, header, programHeader = 0x400000, 64, 56
	le := binary.LittleEndian
	b := make([]byte, header+programHeader, header+programHeader+len(g.code))
	copy(b, "\x7fELF\x02\x01\x01")
	size := uint64(len(b) + len(g.code))
	le.PutUint16(b[16:], 2)                       // ET_EXEC
	le.PutUint16(b[18:], 62)                      // EM_X86_64
	le.PutUint32(b[20:], 1)                       // EV_CURRENT
	le.PutUint64(b[24:], at+header+programHeader) // e_entry
	le.PutUint64(b[32:], header)                  // e_phoff
	le.PutUint16(b[52:], header)                  // e_ehsize
	le.PutUint16(b[54:], programHeader)           // e_phentsize
	le.PutUint16(b[56:], 1)                       // e_phnum
	p := b[header:]
	le.PutUint32(p, 1)     // PT_LOAD
	le.PutUint32(p[4:], 5) // readable, executable
	le.PutUint64(p[16:], at)
	le.PutUint64(p[24:], at)
	le.PutUint64(p[32:], size)
	le.PutUint64(p[40:], size)
	le.PutUint64(p[48:], 4096)
	return append(b, g.code...)
}
