package tty_test

import (
	"os"
	"testing"

	"terem/internal/cli/tty"
	"terem/internal/cli/tty/ttytest"
)

func TestNumber(t *testing.T) {
	_, a := ttytest.Open(t)
	_, b := ttytest.Open(t)
	again, err := os.OpenFile(a.Name(), os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	first, ok := tty.Number(a)
	second, ok2 := tty.Number(b)
	if same, ok3 := tty.Number(again); !ok || !ok2 || !ok3 || first == second || first != same {
		t.Errorf("terminals %d and %d; the first again is %d", first, second, same)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if n, ok := tty.Number(null); ok {
		t.Errorf("%s is terminal %d", os.DevNull, n)
	}
	if !tty.InFront(a) {
		t.Error("a terminal that is not the controlling one has a background")
	}
}

func TestColors(t *testing.T) {
	_, terminal := ttytest.Open(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, tt := range []struct {
		noColor, term string
		f             *os.File
		want          bool
	}{
		{"", "xterm", terminal, true},
		{"", "xterm", null, false},
		{"1", "xterm", terminal, false},
		{"", "dumb", terminal, false},
	} {
		t.Setenv("NO_COLOR", tt.noColor)
		t.Setenv("TERM", tt.term)
		if got := tty.Colors(tt.f); got != tt.want {
			t.Errorf("NO_COLOR=%s TERM=%s, %s: %v", tt.noColor, tt.term, tt.f.Name(), got)
		}
	}
}

func TestAddsReturns(t *testing.T) {
	_, terminal := ttytest.Open(t)
	if !tty.AddsReturns(terminal.Fd()) {
		t.Error("a new terminal does not")
	}
	raw, err := tty.MakeRaw(terminal)
	if err != nil {
		t.Fatal(err)
	}
	if tty.AddsReturns(terminal.Fd()) {
		t.Error("a raw terminal does")
	}
	if err := raw.Restore(); err != nil {
		t.Error(err)
	}
}
