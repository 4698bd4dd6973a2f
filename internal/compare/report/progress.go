package report

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// Progress hears how a comparison goes. Its methods write when they are called, and
// nothing runs between the calls: a measurement is not disturbed. They may be called from
// several goroutines.
type Progress interface {
	// Plan says how long the comparison will take and of how many runs it consists.
	Plan(total time.Duration, runs int)
	// Start comes before a run; rounds count from 1.
	Start(measure, target string, round, of int)
	// Done comes after it; err says why there is no sample.
	Done(measure, target string, err error)
	// Say shows a line that stays.
	Say(line string)
	// Close ends the display and leaves nothing of it behind.
	Close()
}

// NewProgress shows progress on a file: a status that is redrawn in place on a terminal,
// a line for each finished row elsewhere.
func NewProgress(f *os.File) Progress {
	if !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return newPlainProgress(f, time.Now)
	}
	return newLive(f, time.Now, func() int {
		columns, _, err := term.GetSize(int(f.Fd()))
		if err != nil || columns <= 0 {
			return defaultWidth
		}
		return columns
	})
}

// course is how far a comparison is.
type course struct {
	now     func() time.Time
	began   time.Time
	planned time.Duration
	runs    int
	done    int
	failed  int
}

func (c *course) plan(total time.Duration, runs int) {
	if c.began.IsZero() {
		c.began = c.now()
	}
	c.planned, c.runs, c.done, c.failed = total, runs, 0, 0
}

func (c *course) finish(err error) {
	c.done++
	if err != nil {
		c.failed++
	}
}

func (c *course) elapsed() time.Duration {
	if c.began.IsZero() {
		return 0
	}
	return c.now().Sub(c.began)
}

// left estimates the time left: at first by the plan, then more and more by what the
// runs took so far.
func (c *course) left() time.Duration {
	if c.done == 0 || c.runs == 0 {
		return max(c.planned-c.elapsed(), 0)
	}
	share := min(float64(c.done)/float64(c.runs), 1)
	byPlan := float64(c.planned - c.elapsed())
	bySpeed := float64(c.elapsed()) * (1 - share) / share
	return time.Duration(max((1-share)*byPlan+share*bySpeed, 0))
}

// plainProgress writes a line for each row: when the last round of a measure of a target
// has ended.
type plainProgress struct {
	mu sync.Mutex
	w  io.Writer
	course
	rows map[[2]string]*rowCourse
}

// rowCourse is a row's last round and what failed.
type rowCourse struct {
	round, of, failed int
	last              error
}

func newPlainProgress(w io.Writer, now func() time.Time) *plainProgress {
	return &plainProgress{w: w, course: course{now: now}, rows: map[[2]string]*rowCourse{}}
}

func (p *plainProgress) Plan(total time.Duration, runs int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan(total, runs)
	fmt.Fprintf(p.w, "%d %s, about %s\n", runs, plural(runs, "run"), clock(total))
}

func (p *plainProgress) Start(measure, target string, round, of int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	row := p.row(measure, target)
	row.round, row.of = round, of
}

func (p *plainProgress) row(measure, target string) *rowCourse {
	key := [2]string{measure, target}
	if p.rows[key] == nil {
		p.rows[key] = &rowCourse{}
	}
	return p.rows[key]
}

func (p *plainProgress) Done(measure, target string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish(err)
	row := p.row(measure, target)
	if err != nil {
		row.failed, row.last = row.failed+1, err
	}
	if row.round < row.of {
		return
	}
	line := fmt.Sprintf("%s of %s: %d %s", clean(measure, nameLimit), clean(target, nameLimit), row.of, plural(row.of, "run"))
	if row.failed > 0 {
		line += fmt.Sprintf(", %d failed: %s", row.failed, clean(row.last.Error(), lineLimit))
	}
	fmt.Fprintf(p.w, "%s (%s; about %s left)\n", line, clock(p.elapsed()), clock(p.left()))
}

func (p *plainProgress) Say(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.w, clean(line, lineLimit))
}

func (p *plainProgress) Close() {}

// clock shows a time in whole seconds, "3m05s".
func clock(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	const minute, hour = 60, 3600
	switch {
	case s >= hour:
		return fmt.Sprintf("%dh%02dm", s/hour, s%hour/minute)
	case s >= minute:
		return fmt.Sprintf("%dm%02ds", s/minute, s%minute)
	}
	return fmt.Sprintf("%ds", s)
}
