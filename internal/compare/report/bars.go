package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"terem/internal/compare/result"
)

// pile is a measure's stacked bars.
type pile struct {
	Axis  axis // none if each bar is its own whole
	Whole bool
	Bars  []bar
	Parts []string
}

// bar is one row of a pile.
type bar struct {
	stack
	Class    string
	About    string // its kind and number of samples
	Value    string // the total
	Says     string
	Segments []segment
}

// segment is a part of a bar. Places are in percent of the width.
type segment struct {
	Name, Value string
	Color       int // of the palette
	X, Width    string
	Middle      string
	Fit         string // where its name fits in: "always", "wide", or none
	Noisy       bool
}

// palette is how many colors the page has for parts.
const palette = 9

// bars draws a measure of parts. Phases fill the width, as shares of their total; memory
// is on one axis.
func bars(s *sheet) pile {
	p := pile{Whole: s.Measure.Group == result.GroupPhases, Parts: union(s.Stacks, s.Measure.Group)}
	if len(s.Stacks) == 0 {
		return p
	}
	if !p.Whole {
		_, high := s.medians()
		p.Axis = newAxis(s.Measure.Unit, 0, high)
	}
	for _, k := range s.Stacks {
		b := bar{stack: k, Class: class(k.Of.Kind), About: about(k.Of, k.On, k.N), Value: one(s.Measure.Unit, k.Total)}
		var words []string
		at := 0.0
		for _, part := range k.Parts {
			g := segment{Name: clean(part.Name, nameLimit), Value: one(s.Measure.Unit, part.Value), Noisy: part.Noisy,
				Color: p.color(part.Name)}
			share := p.share(part.Value, k.Total)
			g.X, g.Width, g.Middle, g.Fit = places(at), places(share), places(at+share/2), fit(g.Name, share)
			at += share
			b.Segments = append(b.Segments, g)
			words = append(words, g.Name+" "+g.Value)
		}
		b.Says = fmt.Sprintf("%s: %s in all: %s", k.Of.Title, b.Value, strings.Join(words, ", "))
		p.Bars = append(p.Bars, b)
	}
	return p
}

// color is that of a part: the same in every figure of memory.
func (p pile) color(part string) int {
	if at := depth(part); at >= 0 && !p.Whole {
		return at % palette
	}
	return slices.Index(p.Parts, part) % palette
}

// share is a part's width in percent.
func (p pile) share(v, total float64) float64 {
	if !p.Whole {
		return p.Axis.at(v)
	}
	share := 100 * v / total
	if math.IsNaN(share) || math.IsInf(share, 0) {
		return 0
	}
	return share
}

// fit says on which pages a name fits into its segment.
func fit(name string, share float64) string {
	const letter, margin = 6.8, 10    // pixels
	const narrow, wide = 340.0, 560.0 // least widths of a plot on either page
	need := letter*float64(len([]rune(name))) + margin
	switch {
	case share/100*narrow >= need:
		return "always"
	case share/100*wide >= need:
		return "wide"
	}
	return ""
}
