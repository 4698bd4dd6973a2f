package compare

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"terem/internal/compare/result"
	"terem/internal/compare/target"
)

// Rounds and sizes of the disk measures.
const (
	diskRounds = 7
	diskSlow   = 3
	seqSize    = 128 << 10
	randSize   = 4 << 10
)

// disk measures reads of one file: bound into containers, a virtio disk to virtual
// machines. One run does all four ways.
func (c *comparison) disk(ctx context.Context) error {
	data, err := c.dataFile()
	if err != nil {
		return err
	}
	ways := []struct {
		measure string
		size    int
		words   []string
	}{
		{result.DiskSeq, seqSize, nil}, {result.DiskSeqRaw, seqSize, []string{"direct"}},
		{result.DiskRand, randSize, []string{"random"}}, {result.DiskRandRaw, randSize, []string{"direct", "random"}},
	}
	var programs [][]string
	for _, w := range ways {
		programs = append(programs, probe(append([]string{"read", target.DataWord, fmt.Sprint(w.size), fmt.Sprint(workTime.Milliseconds())}, w.words...)...))
	}
	able := slices.DeleteFunc(slices.Clone(c.ready), func(s *subject) bool { return !s.about.Can("read") })
	return c.interleave(ctx, result.GroupDisk, able, diskRounds, diskSlow, func(s *subject, round int) error {
		p, err := c.run(ctx, s, sequence(programs), data)
		if err != nil {
			c.fail(result.DiskSeq, s.about.Name, err)
			return err
		}
		var lines []string
		for line := range strings.Lines(p.Out.String()) {
			if strings.HasPrefix(line, "read ") {
				lines = append(lines, line)
			}
		}
		if len(lines) != len(ways) {
			c.fail(result.DiskSeq, s.about.Name, errLine)
			return errLine
		}
		for i, w := range ways {
			per, err := parseLoop(lines[i], "read")
			if err != nil {
				c.fail(w.measure, s.about.Name, err)
				return err
			}
			if w.size == seqSize {
				per = float64(w.size) / per * float64(time.Second)
			}
			c.r.Add(w.measure, s.about.Name, "", round, per)
		}
		return nil
	})
}
