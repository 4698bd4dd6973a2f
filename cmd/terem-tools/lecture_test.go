package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"terem/internal/compare"
	"terem/internal/lab/demo"
	"terem/internal/lab/exercise"
	"terem/internal/lab/experiment"
)

// TestLecture parses each command on the lecturer's page as terem does, and wants what it names to exist. Both languages have the same ones.
func TestLecture(t *testing.T) {
	english, russian := lectureCommands(t, "lecture.md"), lectureCommands(t, "lecture.ru.md")
	if len(english) < 20 || !slices.Equal(english, russian) {
		t.Errorf("%d commands in English and %d in Russian, or others", len(english), len(russian))
	}
	for _, line := range english {
		if err := parses(strings.Fields(line)[1:]); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, line := range []string{"terem lab isolation --nope", "terem lab nope", "terem lab grade 1", "terem lab isolation --row nope", "terem lab cgroups --only nope",
		"terem compare --targets nope", "terem compare --measure nope", "terem lab start 99 x"} {
		if parses(strings.Fields(line)[1:]) == nil {
			t.Errorf("%s is taken for a command that exists", line)
		}
	}
}

// lectureCommands are the commands of a page: lines of their own, and words in backquotes. What stands for something is left out.
func lectureCommands(t *testing.T, page string) (list []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?m)^    (?:sudo )?(terem .*)$|`(?:sudo )?(terem [^`]*)`").FindAllStringSubmatch(string(b), -1) {
		line := strings.TrimSpace(m[1] + m[2])
		if words := strings.Fields(line); len(words) > 1 {
			list = append(list, line)
		}
	}
	return list
}

// parses says what is wrong with the arguments of a command: its flags, their number, or a name that is nowhere.
func parses(args []string) error {
	status := 0
	root := newRoot(&status)
	c, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		return err
	}
	known := map[string][]string{"row": nil, "explain": nil, "targets": compare.Names(), "measure": compare.Groups()}
	for _, e := range experiment.All() {
		known["row"] = append(known["row"], e.Name)
	}
	known["explain"] = known["row"]
	for _, d := range map[string][]demo.Demo{"namespaces": demo.Namespaces(), "cgroups": demo.Groups(), "image": demo.Image()}[c.Name()] {
		known["only"] = append(known["only"], d.Name)
	}
	for name, names := range known {
		f := c.Flags().Lookup(name)
		if f == nil || !f.Changed {
			continue
		}
		for one := range strings.SplitSeq(strings.Trim(f.Value.String(), "[]"), ",") {
			if !slices.Contains(names, one) {
				return &notThere{name, one}
			}
		}
	}
	if words := c.Flags().Args(); c.Parent() != nil && c.Parent().Name() == "lab" && (c.Name() == "start" || c.Name() == "grade") {
		if !slices.ContainsFunc(exercise.All(), func(e *exercise.Exercise) bool { return words[0] == strconv.Itoa(e.Number) }) {
			return &notThere{"N", words[0]}
		}
	}
	return nil
}

type notThere struct{ flag, name string }

func (e *notThere) Error() string { return e.flag + " " + e.name + ": there is none" }
