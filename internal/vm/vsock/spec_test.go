package vsock

import (
	"strings"
	"testing"
)

func TestParseSpec(t *testing.T) {
	for _, tt := range []struct {
		value string
		want  Spec
		bad   string
	}{
		{"v.sock", Spec{"v.sock", 3}, ""},
		{"/a,,b,cid=4294967294", Spec{"/a,b", 1<<32 - 2}, ""},
		{"", Spec{}, "no path"},
		{",cid=3", Spec{}, "no path"},
		{"v,cid", Spec{}, `"" is no CID`},
		{"v,cid=2", Spec{}, `"2" is no CID`},
		{"v,cid=4294967295", Spec{}, "is no CID"},
		{"v,cid=-1", Spec{}, "is no CID"},
		{"v,cid=3,cid=3", Spec{}, "twice"},
		{"v,port=3", Spec{}, `no option "port"`},
		{"v,", Spec{}, `no option ""`},
	} {
		got, err := ParseSpec(tt.value)
		if got != tt.want || (err == nil) != (tt.bad == "") || err != nil && !strings.Contains(err.Error(), tt.bad) {
			t.Errorf("%q: %+v, %v; want %+v, %q", tt.value, got, err, tt.want, tt.bad)
		}
	}
}
