package lastwords

import (
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	for _, tt := range []struct{ stderr, stdout, want string }{
		{"", "", "(said nothing)"},
		{"", "one\ntwo\n", "two"},
		{"warning: no error\nKVM internal error. Suberror: 1\nEAX=0\n", "", "KVM internal error. Suberror: 1"},
		{"", "booting\r\nunexpected exit \x1b[0m17\n", "unexpected exit [0m17"},
		{strings.Repeat("x", 500), "", strings.Repeat("x", 160)},
	} {
		if got := Of(tt.stderr, tt.stdout); got != tt.want {
			t.Errorf("%q, %q: got %q, want %q", tt.stderr, tt.stdout, got, tt.want)
		}
	}
}
