package cmdline

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func ExampleOptions_Words() {
	o := Options{Argv: []string{"uname", "-a"}, Pipe: true, Rows: 24, Cols: 80}
	words, err := o.Words()
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.Join(words, " "))
	// Output: terem.cmd=dW5hbWUALWEA terem.pipe=1 terem.rows=24 terem.cols=80
}

func TestAgentWords(t *testing.T) {
	words, err := Options{Agent: true, Streams: true}.Words()
	if got := strings.Join(words, " "); got != "terem.agent=1 terem.stdio=agent" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func ExampleEventPortWord() {
	fmt.Println(EventPortWord())
	// Output: vmm_port=0x5f9
}

func ExampleGenerationWord() {
	fmt.Println(GenerationWord())
	// Output: vmm_generation=0xff000
}

func TestEncodeDecode(t *testing.T) {
	for _, words := range [][]string{{"true"}, {"sh", "-c", "echo 'a b' \"c\" = $x"}, {"echo", ""}, {""}, {"é\n\t"}} {
		s, err := Encode(words)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(s, " =\"+/") {
			t.Errorf("Encode(%q) = %q: not one plain word", words, s)
		}
		got, err := Decode(s)
		if err != nil || !slices.Equal(got, words) {
			t.Errorf("Decode(Encode(%q)) = %q, %v", words, got, err)
		}
	}
}

func TestRefuses(t *testing.T) {
	if _, err := (Options{Argv: []string{"a\x00b"}}).Words(); err == nil {
		t.Error("a NUL in a word was accepted")
	}
	if _, err := (Options{Hostname: "a b"}).Words(); err == nil {
		t.Error("a blank in the host name was accepted")
	}
	for _, s := range []string{"", "!!", "YQ"} {
		if w, err := Decode(s); err == nil {
			t.Errorf("Decode(%q) = %q, want an error", s, w)
		}
	}
}

func TestShort(t *testing.T) {
	for _, tt := range []struct {
		argv  []string
		short bool
	}{
		{nil, true}, {[]string{"true"}, true}, {[]string{strings.Repeat("x", 511)}, true}, {[]string{strings.Repeat("x", 512)}, false},
		{slices.Repeat([]string{"x"}, 100), true}, {slices.Repeat([]string{"x"}, 101), false},
	} {
		if Short(tt.argv) != tt.short {
			t.Errorf("%d words: short is %t", len(tt.argv), !tt.short)
		}
	}
	words, err := Options{Handed: true, Pipe: true}.Words()
	if got := strings.Join(words, " "); got != "terem.cmdfile=1 terem.pipe=1" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("dW5hbWUALWEA")
	f.Fuzz(func(t *testing.T, s string) {
		words, err := Decode(s)
		if err != nil {
			return
		}
		if _, err := Encode(words); err != nil {
			t.Errorf("Encode(Decode(%q)): %v", s, err)
		}
	})
}

func TestAppendInput(t *testing.T) {
	for in, want := range map[string]string{"": "", "a\n": "a\n", "\x04": "\x04\x04", "a\x04\x03\x04b": "a\x04\x04\x03\x04\x04b"} {
		if got := AppendInput([]byte("-"), []byte(in)); string(got) != "-"+want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestShares(t *testing.T) {
	words, err := Options{Shares: []Share{{Path: "/src"}, {Path: "/a b", ReadOnly: true}}}.Words()
	if err != nil || len(words) != 1 {
		t.Fatalf("%q, %v", words, err)
	}
	v, ok := strings.CutPrefix(words[0], "terem.share=")
	list, err := Decode(v)
	if !ok || err != nil || !slices.Equal(list, []string{"w/src", "r/a b"}) {
		t.Errorf("%q: %q, %v", words[0], list, err)
	}
	if got := ShareTag(15); got != "share15" {
		t.Errorf("tag %q", got)
	}
}
