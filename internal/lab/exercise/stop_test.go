package exercise

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"testing"
)

// stopped is a subject that says how a real vCPU was stopped.
type stopped struct {
	liar
	answer func(entry, first uint16) any
}

func (s *stopped) Ask(q Question, into any) error {
	args := q.Args.(map[string]any)
	b, err := json.Marshal(s.answer(args["entry"].(uint16), args["first"].(uint16)))
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// TestRealStops has the first stops come before the guest has done anything, which a busy host may do, and mistakes.
func TestRealStops(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	type stop struct {
		AX   uint16 `json:"ax"`
		Last uint16 `json:"last"`
		RIP  uint64 `json:"rip"`
	}
	for _, tt := range []struct {
		name  string
		early int // stops before the first IN
		at    uint64
		off   uint16 // how far AX is from the last answer
		right bool
	}{
		{"none was early", 0, 0, 0, true},
		{"before cli", 1, 0, 0, true},
		{"behind cli", 1, 1, 0, true},
		{"two before cli", 2, 0, 0, true},
		{"elsewhere", 1, 2, 0, false},
		{"an access that is not completed", 0, 0, 1, false},
		{"the guest stands still", 25, 1, 0, false},
	} {
		s := &stopped{liar: liar{r: rand.New(rand.NewPCG(1, 2)), kvm: null}}
		s.answer = func(entry, first uint16) any {
			var list []stop
			for i := range uint16(25) {
				if int(i) < tt.early {
					list = append(list, stop{0, first, uint64(entry) + tt.at})
				} else {
					list = append(list, stop{first + i + 1 - tt.off, first + i + 1, uint64(entry) + 3})
				}
			}
			return map[string]any{"stops": list}
		}
		if err := realStops(s); (err == nil) != tt.right {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
