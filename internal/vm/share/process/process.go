package process

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"terem/devices/virtio/fs"
	"terem/internal/vm/share"
	"terem/internal/vm/share/tree"
)

// Main serves until the other side has gone, and gives the exit status. The words are those behind share.ServerWord.
func Main(words []string) int {
	log.SetOutput(io.Discard) // a guest could have go-fuse write lines without end
	if err := serve(words); err != nil {
		fmt.Fprintln(os.Stderr, "terem: shared directory:", err)
		return 1
	}
	return 0
}

func serve(words []string) error {
	o := tree.Options{ReadOnly: slices.Contains(words, share.ReadOnlyWord), NoCache: slices.Contains(words, share.NoCacheWord)}
	var err error
	if o.Most, err = descriptors(); err != nil {
		return err
	}
	unix.Umask(0) // the guest's kernel has applied its own
	t, err := tree.New(share.DirFD, o)
	if err != nil {
		return err
	}
	memory, err := unix.Mmap(share.MemoryFD, 0, share.MemorySize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	if err := unix.Close(share.MemoryFD); err != nil {
		return err
	}
	if err := confine(share.DirFD, o.ReadOnly); err != nil {
		return err
	}
	answerAll(tree.NewServer(t, tree.ServerOptions{MaxData: fs.MaxData}), memory)
	return nil
}

// answerAll answers on each slot, until the first socket closes: then terem has gone, or wants this process to go.
func answerAll(s *tree.Server, memory []byte) {
	var over sync.WaitGroup
	over.Add(1)
	ended := sync.OnceFunc(over.Done)
	for i := range share.Slots {
		socket := os.NewFile(uintptr(share.SocketFD+i), "slot")
		request, answer := share.SlotOf(memory, i)
		go func() {
			defer ended()
			for answerOne(s, socket, request, answer) == nil {
			}
		}()
	}
	over.Wait()
}

var errMessage = errors.New("a message of another length")

// answerOne takes a message and answers it.
func answerOne(s *tree.Server, socket *os.File, request, answer []byte) error {
	var b [share.MessageSize]byte
	n, err := socket.Read(b[:])
	if err != nil {
		return err
	}
	m := share.Get(b[:])
	if n != len(b) || int64(m.Length) > int64(len(request)) {
		return errMessage
	}
	length := 0
	if m.Length == 0 {
		s.Forget()
	} else {
		length = s.Serve(request[:m.Length], answer[:min(int64(m.Room), int64(len(answer)))])
	}
	share.Message{Length: uint32(length)}.Put(b[:])
	_, err = socket.Write(b[:])
	return err
}
