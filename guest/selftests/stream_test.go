package main

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"
)

func TestStream(t *testing.T) {
	var b strings.Builder
	w := writer{bufio.NewWriter(&b)}
	long := strings.Repeat("x", 3*maxLine)
	want := outcome{status: ended, code: 0, took: 1500 * time.Millisecond, output: "@end 7 pass 0 0\n|odd\n\n"}
	for _, err := range []error{w.begin(7), w.end(7, want), w.begin(8), w.end(8, outcome{status: "signal:SIGSEGV", output: long + "\nbad \xff byte"}), w.done()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var got []event
	var noise strings.Builder
	text := strings.Replace(b.String(), "@begin 8", "[  1.0] a message of the kernel\n@begin 8", 1)
	if err := read(strings.NewReader(text), &noise, func(e event) { got = append(got, e) }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 5 || !got[0].begun || got[1].job != 7 || got[1].outcome != want || !got[4].done {
		t.Fatalf("events %+v", got)
	}
	if o := got[3].outcome; o.status != "signal:SIGSEGV" || o.output != long[:maxLine]+"\nbad ? byte\n" {
		t.Errorf("the second job: %s, %d bytes", o.status, len(o.output))
	}
	if noise.String() != "[  1.0] a message of the kernel\n" {
		t.Errorf("noise %q", noise.String())
	}
}

func TestReadRefuses(t *testing.T) {
	for _, bad := range []string{"@begin x\n", "@end 1 pass 0\n", "@end 1 pass 0 x\n", "@other\n"} {
		if err := read(strings.NewReader(bad), io.Discard, func(event) {}); err == nil {
			t.Errorf("read(%q) passed", bad)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("@begin 1\n|x\n@end 1 pass 0 12\n@done\n")
	f.Add("@end -1 signal:SIGSEGV 9 -5\nnoise\n")
	f.Fuzz(func(t *testing.T, text string) {
		_ = read(strings.NewReader(text), io.Discard, func(e event) {
			if e.begun && e.done {
				t.Error("an event is two")
			}
		})
	})
}
