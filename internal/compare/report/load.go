package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"terem/internal/compare/result"
)

// sizeLimit is the largest report that is read, in bytes: raw samples of some hundred
// series take less than one MiB.
const sizeLimit = 64 << 20

// Load reads a report that `terem compare --json` wrote. Its error is one line that names
// the file and what is wrong with it.
func Load(path string) (*result.Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the report: %w", err)
	}
	defer f.Close()
	r, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("%s is not a report that terem compare has written: %w", clean(path, lineLimit), err)
	}
	return r, nil
}

func read(from io.Reader) (*result.Result, error) {
	b, err := io.ReadAll(io.LimitReader(from, sizeLimit+1))
	if err != nil {
		return nil, err
	}
	if len(b) > sizeLimit {
		return nil, fmt.Errorf("it has more than %d MiB", sizeLimit>>20)
	}
	var r result.Result
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, errors.New(clean(err.Error(), lineLimit))
	}
	return &r, check(&r)
}

// check finds what the rest of the program takes for granted.
func check(r *result.Result) error {
	switch {
	case r.Schema == 0:
		return errors.New("it names no schema")
	case r.Schema != result.Schema:
		return fmt.Errorf("it has schema %d, this terem reads %d", r.Schema, result.Schema)
	}
	type key struct{ measure, target, part string }
	seen := map[key]bool{}
	for i, s := range r.Series {
		if s == nil {
			return fmt.Errorf("series %d is empty", i)
		}
		k := key{s.Measure, s.Target, s.Part}
		switch {
		case len(s.Samples) != len(s.Rounds):
			return fmt.Errorf("series %d has %d samples of %d rounds", i, len(s.Samples), len(s.Rounds))
		case seen[k]:
			return fmt.Errorf("series %d is there twice", i)
		}
		seen[k] = true
	}
	return nil
}
