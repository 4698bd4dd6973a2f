package exercise

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"reflect"
	"testing"
)

// liar is a subject that answers with whatever fits the form of an answer.
type liar struct {
	r    *rand.Rand
	kvm  *os.File
	text string // or with this, where it fits
}

func (l *liar) KVM() *os.File    { return l.kvm }
func (l *liar) Kernel() []byte   { return []byte("a kernel") }
func (l *liar) Rand() *rand.Rand { return l.r }

func (l *liar) Ask(_ Question, into any) error {
	if l.text != "" {
		if json.Unmarshal([]byte(l.text), into) != nil {
			return &Wrong{Seen: "an answer that is none"} // as a session has it
		}
		return nil
	}
	l.fill(reflect.ValueOf(into).Elem())
	return nil
}

// fill draws a value: often one that is nearly right.
func (l *liar) fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() || v.Type().Field(i).Anonymous {
				l.fill(v.Field(i))
			}
		}
	case reflect.Slice:
		n := []int{0, 1, 3, 25, 4096, pageLength}[l.r.IntN(6)]
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range min(n, 64) {
			l.fill(v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			l.fill(v.Index(i))
		}
	case reflect.String:
		v.SetString([]string{"", notWritten, "\x1b[2J"}[l.r.IntN(3)])
	case reflect.Bool:
		v.SetBool(l.r.IntN(2) == 0)
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt([]int64{0, 1, -1, 5, 12, 1 << 30}[l.r.IntN(6)])
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint([]uint64{0, 1, 2, 5, 0x1000, l.r.Uint64(), ^uint64(0), ^uint64(7)}[l.r.IntN(8)])
	}
}

// TestHostileAnswers has every check get answers that no harness gives. What comes of that is a student's mistake, and never an
// error of the grader's, which would end the grading of a class.
func TestHostileAnswers(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	texts := []string{`{"page":"eA=="}`, `{"slots":null}`, `{}`, `null`, `[]`, `{"stops":[{}],"events":["Stop returns"]}`, `18446744073709551615`}
	for _, e := range All() {
		for _, c := range e.Checks {
			for i := range 16 {
				l := &liar{r: rand.New(rand.NewPCG(1, uint64(i))), kvm: null}
				if i < len(texts) {
					l.text = texts[i]
				}
				err := c.Do(l)
				if wrong, notRun := new(Wrong), new(NotRun); err != nil && !errors.As(err, &wrong) && !errors.As(err, &notRun) && !errors.Is(err, ErrNeedsKVM) {
					t.Errorf("exercise %d, %s: %v", e.Number, c.Name, err)
					break
				}
			}
		}
	}
}
