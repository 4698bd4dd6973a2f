package grade

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
	"terem/internal/lab/exercise"
)

// session is a program that is asked questions. It is the exercise.Subject.
type session struct {
	p     *program
	kvm   *os.File // or nil
	image []byte   // of a kernel, or nil
	rand  *mathrand.Rand
	ended *exercise.Wrong // why nothing more can be asked
	said  string          // what the program printed, when it has ended
	gone  bool
	limit time.Duration
	given time.Duration // of it, to this check
	until time.Time     // when the check's time is up
}

// longest is the most bytes of a message; a harness has the same number.
const longest = 60 << 10

// question and answer are the messages.
type question struct {
	Nonce string `json:"nonce"`
	Op    string `json:"op"`
	Args  any    `json:"args"`
	Left  int64  `json:"left"` // milliseconds until the check's time is up
}

type answer struct {
	Nonce string          `json:"nonce"`
	Value json.RawMessage `json:"value"`
	Error string          `json:"error"`
	Panic string          `json:"panic"`

	Call string          `json:"call"` // a question of the harness's, for the exercise.Server, by number
	ID   int             `json:"id"`
	Arg  json.RawMessage `json:"arg"`
}

// reply is the answer to a call. The last one ends all that still wait.
type reply struct {
	ID    int  `json:"id"`
	Value any  `json:"value"`
	Last  bool `json:"last"`
}

func (s *session) KVM() *os.File        { return s.kvm }
func (s *session) Kernel() []byte       { return s.image }
func (s *session) Rand() *mathrand.Rand { return s.rand }

// Ask is exercise.Subject's. A panic of the student's code is a *exercise.Wrong, and the program goes on; so is the program's end.
func (s *session) Ask(q exercise.Question, into any) error {
	if s.ended != nil {
		return s.ended
	}
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // it never fails
	m := question{Nonce: hex.EncodeToString(nonce), Op: q.Op, Args: q.Args, Left: time.Until(s.until).Milliseconds()}
	err := s.send(m, q.Files)
	var a answer
	if err == nil && q.Serve != nil {
		err = s.serve(m.Nonce, q.Serve)
	}
	if err == nil {
		a, err = s.result(m.Nonce)
	}
	switch {
	case err != nil:
	case a.Panic != "":
		return &exercise.Wrong{Seen: "panic: " + a.Panic, Expected: "a result, or an error", Cause: "the code panicked in the place that is named",
			Read: "https://go.dev/blog/defer-panic-and-recover"}
	case a.Error != "": // a student's code can say so, too, and gets no points for it
		return &exercise.NotRun{Why: "the grader's own part of the program failed on this host: " + a.Error}
	case json.Unmarshal(a.Value, into) != nil:
		err = errNonsense
	default:
		return nil
	}
	return s.over(err)
}

// begin gives the next check its time, of what is left until end: one that takes long leaves the next one its own.
func (s *session) begin(end time.Time) error {
	s.given = min(s.limit, time.Until(end).Round(time.Millisecond))
	s.until = time.Now().Add(s.given)
	return s.p.conn.SetDeadline(s.until)
}

// serve has calls answered until there is nothing more to see.
func (s *session) serve(nonce string, server exercise.Server) error {
	defer func() { _ = s.p.conn.SetDeadline(s.until) }() // it was set before
	var failed error
	for !server.Over() && failed == nil {
		quiet := time.Now().Add(s.limit / time.Duration(server.Patience()))
		if quiet.After(s.until) {
			quiet = s.until
		}
		if err := s.p.conn.SetReadDeadline(quiet); err != nil {
			return err
		}
		a, err := s.receive(nonce)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(s.until):
			server.Quiet()
		case err != nil:
			return err
		case a.Call == "":
			return errNonsense // an answer, while there is more to see
		default:
			server.Call(a.Call, a.Arg, func(value any) { failed = errors.Join(failed, s.send(reply{ID: a.ID, Value: value}, nil)) })
		}
	}
	return errors.Join(failed, s.send(reply{Last: true}, nil))
}

// result is the answer to a question. Calls that nobody waits for any more may come before.
func (s *session) result(nonce string) (answer, error) {
	for {
		a, err := s.receive(nonce)
		if err != nil || a.Call == "" {
			return a, err
		}
	}
}

func (s *session) send(m any, files []*os.File) error {
	b, err := json.Marshal(m)
	if err != nil || len(b) > longest {
		return errors.Join(err, fmt.Errorf("a message of %d bytes", len(b)))
	}
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		rights = unix.UnixRights(fds...)
	}
	_, _, err = s.p.conn.WriteMsgUnix(b, rights, nil)
	return err
}

// errNonsense is an answer that the harness would not give: the student's code has written to its socket.
var errNonsense = errors.New("an answer that is none")

// receive takes one message. Descriptors that come with it are dropped by the kernel, since there is no room for them.
func (s *session) receive(nonce string) (answer, error) {
	b := make([]byte, longest)
	n, err := s.p.conn.Read(b)
	if err != nil {
		return answer{}, err
	}
	if n == 0 {
		return answer{}, io.EOF
	}
	return parse(b[:n], nonce)
}

// parse reads an answer to the question with that nonce. The bytes are a student's program's.
func parse(b []byte, nonce string) (answer, error) {
	var a answer
	if err := json.Unmarshal(b, &a); err != nil || a.Nonce != nonce {
		return answer{}, errNonsense
	}
	return a, nil
}

// over ends the program after a failure, and says what that was.
func (s *session) over(err error) error {
	var timeout net.Error
	late := errors.As(err, &timeout) && timeout.Timeout()
	e := s.end(late)
	s.ended = &exercise.Wrong{Expected: "an answer"}
	s.ended.Seen, s.ended.Cause, s.ended.Read = e.why(s.given)
	if errors.Is(err, errNonsense) && !e.much && !e.outcome.OutOfMemory {
		s.ended.Seen = "bytes on the grader's socket that its harness did not send"
		s.ended.Read = "https://pkg.go.dev/os#Stdin"
		s.ended.Cause = "the program writes to descriptor 0; answers are the grader's part, and one that it did not ask for ends the grading"
	}
	if text := lastWords(e.said); text != "" && !e.much {
		s.ended.Seen += "; it printed: " + text
	}
	return s.ended
}

func (s *session) end(late bool) ending {
	e := s.p.end(late)
	s.said, s.gone = e.said, true
	return e
}

// close ends the program when nothing more is to be asked.
func (s *session) close() {
	if !s.gone {
		s.end(true)
	}
}

// open starts a program and gives it its time.
func open(ctx context.Context, built string, kvm *os.File, limit time.Duration, args ...string) (*session, error) {
	p, err := start(ctx, built, args...)
	if err != nil {
		return nil, err
	}
	s := &session{p: p, kvm: kvm, limit: limit}
	if err := s.begin(time.Now().Add(limit)); err != nil {
		s.close() // or its container would stay
		return nil, &fault.Error{Class: fault.Host, Thing: "grade", Err: err}
	}
	return s, nil
}
