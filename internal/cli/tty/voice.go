package tty

import (
	"context"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// untold is how many texts a Voice keeps for a file that takes nothing. Only a key that is pressed again and again makes
	// so many: more are dropped.
	untold = 100
	// aMoment is how long Close waits in any case, so that the last line comes out where nothing hinders it.
	aMoment = 200 * time.Millisecond
)

// Voice says a program's own lines on a file that may take nothing for as long as it likes, such as a terminal that Ctrl-S
// holds, so that the program hears signals and keys meanwhile. Before the first line it costs nothing.
type Voice struct {
	f *os.File

	mu     sync.Mutex
	closed bool
	texts  chan string   // nil: nothing was said
	done   chan struct{} // closed when all is said
	out    *Output       // nil: none could be made
}

// NewVoice makes a Voice.
func NewVoice(f *os.File) *Voice { return &Voice{f: f} }

// Say says a text, after those before it. It does not wait. After Close it does nothing.
func (v *Voice) Say(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return
	}
	if v.texts == nil {
		v.texts, v.done = make(chan string, untold), make(chan struct{})
		w := io.Writer(v.f)
		if out, err := NewOutput(v.f, func(error) {}); err == nil { // there is nowhere to say that it fails
			v.out, w = out, out
		}
		go v.speak(w)
	}
	select {
	case v.texts <- text:
	default:
	}
}

func (v *Voice) speak(w io.Writer) {
	defer close(v.done)
	for text := range v.texts {
		_, _ = io.WriteString(w, text) // see Say
	}
}

// Close waits until all is said, or ctx is done.
func (v *Voice) Close(ctx context.Context) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || v.texts == nil {
		v.closed = true
		return
	}
	v.closed = true
	close(v.texts)
	if !v.await(ctx) && v.out != nil {
		v.out.Stop() // a write that it cannot wake ends with the process
		return
	}
	if v.out != nil {
		_ = v.out.Close() // all is written
	}
}

// Finish is Close until something is heard, or a limit after forced is closed: terem ended what it ran, and is to end soon.
func (v *Voice) Finish(forced <-chan struct{}, limit time.Duration, heard <-chan os.Signal) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-forced:
			select {
			case <-time.After(limit):
			case <-heard:
			case <-ctx.Done():
			}
		case <-heard:
		case <-ctx.Done():
		}
		cancel()
	}()
	v.Close(ctx)
}

// await says whether all was said before ctx was done.
func (v *Voice) await(ctx context.Context) bool {
	select {
	case <-v.done:
		return true
	case <-ctx.Done():
	}
	select {
	case <-v.done:
		return true
	case <-time.After(aMoment):
		return false
	}
}
