package tree

import (
	"encoding/binary"
	"io"
	"log"
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Server answers FUSE requests from a tree. Its methods may be called from many goroutines.
type Server struct {
	tree *Tree
	o    ServerOptions

	// A session begins with INIT, which nothing else of the guest's goes along with.
	session sync.RWMutex
	fuse    *fuse.ProtocolServer
}

// ServerOptions are limits of the transport.
type ServerOptions struct {
	MaxData int // bytes of a file in a request or an answer
}

// The opcodes that begin and end a session, the bytes of the headers of requests and answers, and where the opcode is.
const (
	opInit    = 26
	opDestroy = 38

	headerSize = 40
	answerSize = 16
	offOpcode  = 4
	offUnique  = 8
)

// background is how many requests the guest may have under way that nobody there waits for, such as read-ahead.
const background = 64

// NewServer makes a server of a tree.
func NewServer(t *Tree, o ServerOptions) *Server {
	s := &Server{tree: t, o: o}
	s.begin()
	return s
}

// begin begins a session, with the lock held.
func (s *Server) begin() {
	extra := uint64(fuse.CAP_READDIRPLUS_AUTO | fuse.CAP_HANDLE_KILLPRIV_V2)
	if s.tree.o.NoCache {
		extra |= fuse.CAP_DIRECT_IO_ALLOW_MMAP
	}
	s.fuse = fuse.NewProtocolServer(s.tree, &fuse.MountOptions{
		MaxWrite: s.o.MaxData, MaxBackground: background, EnableSymlinkCaching: !s.tree.o.NoCache,
		Logger: log.New(io.Discard, "", 0), ExtraCapabilities: extra,
		PanicHandler: func(any) fuse.Status { return fuse.EIO },
	})
}

// Forget ends the session.
func (s *Server) Forget() {
	s.session.Lock()
	defer s.session.Unlock()
	s.restart()
}

func (s *Server) restart() {
	s.tree.Forsake()
	s.begin()
}

// Serve answers a request, and returns the length of the answer; 0: there is none.
func (s *Server) Serve(in, out []byte) int {
	if len(in) < headerSize {
		return 0
	}
	switch binary.LittleEndian.Uint32(in[offOpcode:]) {
	case opInit, opDestroy:
		s.session.Lock()
		defer s.session.Unlock()
		s.restart()
	default:
		s.session.RLock()
		defer s.session.RUnlock()
	}
	n, st := s.fuse.HandleRequest([][]byte{in}, [][]byte{out})
	if n == 0 && !st.Ok() {
		return refuse(in, out, st)
	}
	return n
}

// refuse answers what go-fuse cannot read.
func refuse(in, out []byte, st fuse.Status) int {
	if len(out) < answerSize {
		return 0
	}
	if st < 0 {
		st = fuse.Status(unix.EIO)
	}
	binary.LittleEndian.PutUint32(out, answerSize)
	binary.LittleEndian.PutUint32(out[offOpcode:], uint32(-st))
	copy(out[offUnique:answerSize], in[offUnique:])
	return answerSize
}
