package wire

import (
	"bytes"
	"reflect"
	"testing"
)

func TestMessages(t *testing.T) {
	for _, m := range []Message{
		{Hello: "6.1.0"},
		{Job: "kvm", Line: []byte("a\x16\xff \"\n")},
		{Job: "kvm", End: &End{Status: -1, Signal: "killed", Late: true, Seconds: 1.5}},
		{Done: true},
	} {
		line, err := Encode("word", m)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(line, []byte("\n")); n != 1 || line[len(line)-1] != '\n' {
			t.Errorf("%q has %d line ends", line, n)
		}
		got, ok, err := Decode("word", line[:len(line)-1])
		if err != nil || !ok || !reflect.DeepEqual(got, m) {
			t.Errorf("%+v came back as %+v, %v, %v", m, got, ok, err)
		}
		if _, ok, _ := Decode("other", line); ok {
			t.Errorf("%q passed for a line of another boot", line)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, line := range []string{"word ", "word {", `word {"End":{"Status":"x"}}`, "word null x"} {
		if m, ok, err := Decode("word", []byte(line)); ok || err == nil {
			t.Errorf("%q: %+v, %v, %v", line, m, ok, err)
		}
	}
}

func TestEndString(t *testing.T) {
	for want, e := range map[string]End{
		"":                                     {},
		"exit status 2":                        {Status: 2},
		"killed by signal: segmentation fault": {Status: -1, Signal: "segmentation fault"},
		"killed after 3 s: it did not end":     {Status: -1, Signal: "killed", Late: true, Seconds: 3},
		"no such file":                         {Status: -1, Error: "no such file"},
	} {
		if got := e.String(); got != want {
			t.Errorf("%+v: %q, want %q", e, got, want)
		}
	}
}

// disk is one in memory.
type disk []byte

func (d disk) WriteAt(p []byte, off int64) (int, error) { return copy(d[off:], p), nil }

func TestBlocks(t *testing.T) {
	image := make([]byte, 20*blockSize)
	copy(image[3*blockSize+7:], "three")
	copy(image[19*blockSize:], "last")
	b, err := Blocks(bytes.NewReader(image))
	if err != nil || len(b) != 2*(8+blockSize) {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	d := make(disk, len(image))
	if err := WriteBlocks(d, b); err != nil || !bytes.Equal(d, image) {
		t.Errorf("the image did not come back: %v", err)
	}
	if err := WriteBlocks(d, b[:len(b)-1]); err == nil {
		t.Error("half a block passed")
	}
	if _, err := Blocks(bytes.NewReader(image[:5])); err == nil {
		t.Error("half an image passed")
	}
}
