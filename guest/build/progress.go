package build

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// How often a long step shows that it lives: on a terminal in place, elsewhere in lines of their own.
const (
	beatTTY  = time.Second
	beatPipe = 15 * time.Second
)

// progress says what a build does.
type progress struct {
	w     io.Writer
	tty   bool
	start time.Time
	stop  chan struct{}
	done  sync.WaitGroup

	mu      sync.Mutex // guards what follows
	step    string
	objects int
	width   int // of the line that stands on the terminal
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, start: time.Now(), stop: make(chan struct{})}
	if f, ok := w.(*os.File); ok {
		p.tty = term.IsTerminal(int(f.Fd()))
	}
	beat := beatPipe
	if p.tty {
		beat = beatTTY
	}
	p.done.Go(func() { p.beat(beat) })
	return p
}

func (p *progress) beat(every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-t.C:
			p.show()
		}
	}
}

// begin names the step that starts now.
func (p *progress) begin(step string) {
	p.mu.Lock()
	p.step = step
	p.mu.Unlock()
	p.show()
}

// line counts what make compiles: "  CC      init/main.o".
func (p *progress) line(s string) {
	switch verb, _, _ := strings.Cut(strings.TrimSpace(s), " "); verb {
	case "CC", "AS":
		p.mu.Lock()
		p.objects++
		p.mu.Unlock()
	}
}

func (p *progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := fmt.Sprintf("guest: %s, %s", p.step, time.Since(p.start).Round(time.Second))
	if p.objects > 0 {
		s += fmt.Sprintf(", %d files compiled", p.objects)
	}
	if !p.tty {
		fmt.Fprintln(p.w, s)
		return
	}
	fmt.Fprintf(p.w, "\r%-*s", p.width, s)
	p.width = len(s)
}

// end stops the display; the last line stays.
func (p *progress) end() {
	close(p.stop)
	p.done.Wait()
	if p.tty && p.width > 0 {
		fmt.Fprintln(p.w)
	}
}
