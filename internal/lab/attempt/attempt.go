package attempt

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"terem/internal/lab/exercise"
)

// Attempt is the solution of an exercise, or an edit of it.
type Attempt struct {
	Exercise string `json:"exercise"`
	Name     string `json:"name"`
	Check    string `json:"check"` // that refuses it; "" for the solution
	Cause    string `json:"cause"` // a part of it
	KVM      bool   `json:"kvm"`   // the mistake shows only where there is KVM

	dir      string
	from, to string
}

// File is a name for what is built of it.
func (a Attempt) File() string { return a.Exercise + "-" + a.Name }

// Load reads the attempts at an exercise, the solution first. Dir is this package's.
func Load(dir string, e *exercise.Exercise) ([]Attempt, error) {
	dir = filepath.Join(dir, "_solutions", e.Name)
	list := []Attempt{{Exercise: e.Name, Name: "solution", dir: dir}}
	names, err := filepath.Glob(filepath.Join(dir, "wrong", "*.edit"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		a := Attempt{Exercise: e.Name, Name: strings.TrimSuffix(filepath.Base(name), ".edit"), dir: dir}
		if err := a.parse(string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		list = append(list, a)
	}
	return list, nil
}

func (a *Attempt) parse(text string) error {
	head, edit, _ := strings.Cut(text, "---\n")
	a.from, a.to, _ = strings.Cut(edit, "+++\n")
	for line := range strings.Lines(head) {
		switch key, value, _ := strings.Cut(strings.TrimSpace(line), ": "); key {
		case "check":
			a.Check = value
		case "cause":
			a.Cause = value
		case "kvm":
			a.KVM = true
		default:
			return fmt.Errorf("what is %q", key)
		}
	}
	if a.Check == "" || a.Cause == "" || a.from == "" {
		return fmt.Errorf("want a check, a cause and an edit")
	}
	return nil
}

// Lay writes the files of an attempt into a directory, over those that an exercise starts with.
func (a Attempt) Lay(to string) error {
	from := filepath.Join(a.dir, "solution")
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	places := 0
	for _, d := range entries {
		b, err := os.ReadFile(filepath.Join(from, d.Name()))
		if err != nil {
			return err
		}
		text := string(b)
		if a.from != "" {
			places += strings.Count(text, a.from)
			text = strings.Replace(text, a.from, a.to, 1)
		}
		if err := os.WriteFile(filepath.Join(to, d.Name()), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if a.from != "" && places != 1 {
		return fmt.Errorf("%s/%s edits %d places: want 1", a.Exercise, a.Name, places)
	}
	return nil
}

// Judge looks whether the grader said what it should: mistakes are the checks that it found wrong, each with its cause, in a run
// with KVM or without.
func (a Attempt) Judge(kvm bool, mistakes map[string]string) error {
	if a.Cause == "" || a.KVM && !kvm {
		if len(mistakes) > 0 {
			return fmt.Errorf("%s/%s is refused: %v", a.Exercise, a.Name, mistakes)
		}
		return nil
	}
	if cause, ok := mistakes[a.Check]; !ok || !strings.Contains(cause, a.Cause) {
		return fmt.Errorf("%s/%s: of %q the grader should say %q, and says %v", a.Exercise, a.Name, a.Check, a.Cause, mistakes)
	}
	return nil
}
