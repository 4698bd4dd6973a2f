package container

import (
	"reflect"
	"testing"
)

// everyByte has all bytes but zero, which no string of the kernel's has.
func everyByte() string {
	p := make([]byte, 0, 255)
	for b := 1; b < 256; b++ {
		p = append(p, byte(b))
	}
	return string(p)
}

// TestBytes: what a program is given arrives byte for byte.
func TestBytes(t *testing.T) {
	needRoot(t)
	all := everyByte()
	if got := must(t, Config{Env: []string{"A=" + all}}, "say", all, "\xff"); got != all+" \xff\n" {
		t.Errorf("arguments: %q", got)
	}
	if got := must(t, Config{Env: []string{"A=" + all, "\xff\xfe=\xfd"}}, "show", "/proc/self/environ"); got != "A="+all+"\x00\xff\xfe=\xfd\x00" {
		t.Errorf("environment: %q", got)
	}
	source := t.TempDir() + "/\xff\xfe"
	writeFile(t, source, "content")
	c := Config{Binds: []Bind{{Source: source, Target: "/\xfd\x01"}}}
	if got := must(t, c, "show", "/\xfd\x01"); got != "content" {
		t.Errorf("paths: %q", got)
	}
}

func TestPack(t *testing.T) {
	o := order{Argv: []string{"a", "", "\xff"}, Env: []string{everyByte()}, Dir: "/", Hostname: "h", Root: "/r",
		Binds:   []Bind{{"/s", "/t", true}, {"", "", false}},
		Mounted: true, OwnUsers: true, Shown: standard{true, false, true}, TTY: standard{false, true}, Columns: 65535, Rows: 1, PlainOutput: true, Ceilings: Ceilings{1 << 40, 64, 3}}
	var got order
	if err := unpack(packed(&o), &got); err != nil || !reflect.DeepEqual(got, o) {
		t.Errorf("%+v, %v; want %+v", got, err, o)
	}
	whole := packed(&o)
	for n := range whole {
		if unpack(whole[:n], &order{}) == nil {
			t.Errorf("%d of %d bytes are no error", n, len(whole))
		}
	}
	if unpack(append(whole, 0), &order{}) == nil {
		t.Error("a byte too many is no error")
	}
}

// FuzzUnpack: whatever arrives, what was read is what would be sent.
func FuzzUnpack(f *testing.F) {
	f.Add(packed(&order{Argv: []string{"a"}, Binds: []Bind{{}}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, p []byte) {
		var o, again order
		if unpack(p, &o) != nil {
			return
		}
		if err := unpack(packed(&o), &again); err != nil || !reflect.DeepEqual(o, again) {
			t.Errorf("%+v, %+v, %v", o, again, err)
		}
		_ = unpack(p, &report{}) // is an error or not, but no panic
	})
}
