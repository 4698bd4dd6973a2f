package report

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
)

// redraw is the least time between two drawings. Only a run that will be looked at for
// longer than slow is announced at once, and the first of each row.
const (
	redraw = 100 * time.Millisecond
	slow   = 500 * time.Millisecond
)

// live draws a status of two lines at the bottom of a terminal, in place. It has no
// goroutine: it draws before a run and after it, never during one.
type live struct {
	mu     sync.Mutex
	w      io.Writer
	width  func() int // columns now
	drawn  int        // lines that are on the screen
	at     time.Time  // when they were drawn
	what   string
	closed bool
	course

	started time.Time                   // of the run in progress
	took    map[[2]string]time.Duration // by a row's last run
}

func newLive(w io.Writer, now func() time.Time, width func() int) *live {
	return &live{w: w, width: width, course: course{now: now}, took: map[[2]string]time.Duration{}}
}

func (l *live) Plan(total time.Duration, runs int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plan(total, runs)
	l.draw("")
}

func (l *live) Start(measure, target string, round, of int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.what = fmt.Sprintf("%s of %s, round %d of %d", clean(measure, nameLimit), clean(target, nameLimit), round, of)
	took, seen := l.took[[2]string{measure, target}]
	if l.started = l.now(); !seen || took >= slow || l.started.Sub(l.at) >= redraw {
		l.draw("")
	}
}

func (l *live) Done(measure, target string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finish(err)
	l.took[[2]string{measure, target}] = l.now().Sub(l.started)
}

func (l *live) Say(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draw(clean(line, lineLimit) + "\n")
}

func (l *live) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		io.WriteString(l.w, l.wipe())
	}
	l.closed = true
}

// draw replaces the status, below a line that stays, in one write.
func (l *live) draw(line string) {
	if l.closed {
		io.WriteString(l.w, line)
		return
	}
	out := l.wipe() + line
	columns := max(l.width()-1, 1) // the last column would begin a new line
	status := []string{text.Trim(l.what, columns), text.Trim(l.bar(columns), columns)}
	out += strings.Join(status, "\n")
	l.drawn, l.at = len(status), l.now()
	io.WriteString(l.w, out)
}

// wipe goes to the status' first line and clears from there: CR, CUU and ED of ECMA-48.
func (l *live) wipe() string {
	if l.drawn == 0 {
		return ""
	}
	up := ""
	if l.drawn > 1 {
		up = fmt.Sprintf("\x1b[%dA", l.drawn-1)
	}
	l.drawn = 0
	return "\r" + up + "\x1b[J"
}

// bar shows how many runs are done, and the time.
func (l *live) bar(columns int) string {
	const widest, least = 30, 8
	words := fmt.Sprintf("%d of %d runs, %s, about %s left", l.done, l.runs, clock(l.elapsed()), clock(l.left()))
	if l.runs == 0 { // before the plan
		words = clock(l.elapsed())
	}
	if l.failed > 0 {
		words += fmt.Sprintf(", %d failed", l.failed)
	}
	size := min(columns-len(words)-1, widest)
	if size < least || l.runs == 0 {
		return words
	}
	full := min(l.done*size/l.runs, size)
	return strings.Repeat("━", full) + strings.Repeat("─", size-full) + " " + words
}
