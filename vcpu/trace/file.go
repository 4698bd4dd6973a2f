package trace

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Trace is a file's contents.
type Trace struct {
	Began   time.Time
	Took    time.Duration
	Every   time.Duration // between samples; 0: it is no profile
	Only    Mask
	Places  []Place
	Symbols []Symbol
	CPUs    []CPU
}

// CPU is what is kept of a vCPU.
type CPU struct {
	Records []Record
	Lost    uint64 // records before those
}

// Place is a port, or a page of memory, and what is there.
type Place struct {
	Addr   uint64
	Memory bool
	Name   string
}

// Symbol is a function.
type Symbol struct {
	Addr uint64
	Name string
}

const (
	magic      = "TEREMTRC"
	version    = 1
	headerSize = 64
	recordSize = 48
	cpuSize    = 16

	maxCPUs    = 1 << 10
	maxRecords = 1 << 28
	maxNames   = 1 << 20 // of places, and of symbols
	maxTime    = 1 << 53 // ns: 104 days, with which one can reckon
)

// Write writes the trace.
func (t *Trace) Write(w io.Writer) error {
	b := bufio.NewWriterSize(w, 1<<16)
	if _, err := b.Write(t.head()); err != nil {
		return err
	}
	for _, c := range t.CPUs {
		var h [cpuSize]byte
		binary.LittleEndian.PutUint64(h[0:], uint64(len(c.Records)))
		binary.LittleEndian.PutUint64(h[8:], c.Lost)
		if _, err := b.Write(h[:]); err != nil {
			return err
		}
		for i := range c.Records {
			one := c.Records[i].encode()
			if _, err := b.Write(one[:]); err != nil {
				return err
			}
		}
	}
	return b.Flush()
}

// head is all that comes before the vCPUs.
func (t *Trace) head() []byte {
	le := binary.LittleEndian
	b := append(make([]byte, 0, headerSize), magic...)
	b = le.AppendUint16(b, version)
	b = le.AppendUint16(b, recordSize)
	b = le.AppendUint32(b, uint32(len(t.CPUs)))
	for _, v := range []uint64{uint64(t.Began.UnixNano()), uint64(t.Took), uint64(t.Every), uint64(t.Only)} {
		b = le.AppendUint64(b, v)
	}
	b = le.AppendUint32(b, uint32(len(t.Places)))
	b = le.AppendUint32(b, uint32(len(t.Symbols)))
	b = le.AppendUint64(b, 0)
	for _, p := range t.Places {
		b = le.AppendUint64(b, p.Addr)
		b = append(b, bit(p.Memory))
		b = appendName(b, p.Name)
	}
	for _, s := range t.Symbols {
		b = appendName(le.AppendUint64(b, s.Addr), s.Name)
	}
	return b
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func appendName(b []byte, name string) []byte {
	name = name[:min(len(name), 255)]
	return append(append(b, byte(len(name))), name...)
}

func (r *Record) encode() (b [recordSize]byte) {
	le := binary.LittleEndian
	le.PutUint64(b[0:], r.At)
	le.PutUint32(b[8:], r.Took)
	b[12], b[13], b[14], b[15] = r.Reason, bit(r.Write), r.Size, r.Kept
	le.PutUint64(b[16:], r.RIP)
	le.PutUint64(b[24:], r.Addr)
	le.PutUint32(b[32:], r.Count)
	copy(b[40:], r.Data[:])
	return b
}

func decode(b []byte) (r Record) {
	le := binary.LittleEndian
	r = Record{
		At: le.Uint64(b), Took: le.Uint32(b[8:]), Reason: b[12], Write: b[13]&1 != 0, Size: b[14], Kept: min(b[15], 8),
		RIP: le.Uint64(b[16:]), Addr: le.Uint64(b[24:]), Count: le.Uint32(b[32:]),
	}
	copy(r.Data[:], b[40:])
	return r
}

// Errors of a file that is no trace.
var (
	ErrNotTrace = errors.New("it is no trace of terem's")
	errShort    = errors.New("it ends too soon")
	errTime     = errors.New("a time in it cannot be")
	errNames    = fmt.Errorf("it has more than %d names", maxNames)
)

// Read reads a trace.
func Read(b []byte) (*Trace, error) {
	le := binary.LittleEndian
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return nil, ErrNotTrace
	}
	if v := le.Uint16(b[8:]); v != version || le.Uint16(b[10:]) != recordSize {
		return nil, fmt.Errorf("its format is version %d, and this terem reads %d", v, version)
	}
	cpus, places, symbols := le.Uint32(b[12:]), le.Uint32(b[48:]), le.Uint32(b[52:])
	if cpus > maxCPUs {
		return nil, fmt.Errorf("it has %d vCPUs", cpus)
	}
	if places > maxNames || symbols > maxNames {
		return nil, errNames
	}
	took, every := le.Uint64(b[24:]), le.Uint64(b[32:])
	if took > maxTime || every > maxTime {
		return nil, errTime
	}
	t := &Trace{
		Began: time.Unix(0, int64(le.Uint64(b[16:]))), Took: time.Duration(took), Every: time.Duration(every), Only: Mask(le.Uint64(b[40:])),
	}
	r := &reader{b: b[headerSize:]}
	for range places {
		if r.bad {
			break
		}
		t.Places = append(t.Places, Place{Addr: r.number(), Memory: r.byte() != 0, Name: r.name()})
	}
	for range symbols {
		if r.bad {
			break
		}
		t.Symbols = append(t.Symbols, Symbol{Addr: r.number(), Name: r.name()})
	}
	for range cpus {
		t.CPUs = append(t.CPUs, r.cpu())
	}
	switch {
	case r.bad:
		return nil, errShort
	case r.late:
		return nil, errTime
	}
	return t, nil
}

// reader takes a file apart. Once it has come to the end, all else is zero.
type reader struct {
	b    []byte
	bad  bool
	late bool // a record is of a time that cannot be
}

func (r *reader) take(n uint64) []byte {
	if uint64(len(r.b)) < n {
		r.b, r.bad = nil, true
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) number() uint64 {
	if p := r.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

func (r *reader) byte() byte {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0
}

// name is a name without what a terminal would obey.
func (r *reader) name() string {
	return strings.Map(func(c rune) rune {
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, string(r.take(uint64(r.byte()))))
}

func (r *reader) cpu() (c CPU) {
	n := r.number()
	c.Lost = r.number()
	if n > maxRecords {
		r.bad = true
		return c
	}
	p := r.take(n * recordSize)
	if len(p) == 0 {
		return c
	}
	c.Records = make([]Record, n)
	for i := range c.Records {
		c.Records[i] = decode(p[i*recordSize:])
		r.late = r.late || c.Records[i].At > maxTime
	}
	return c
}
