package disk

import "testing"

func TestParseSpec(t *testing.T) {
	for value, want := range map[string]Spec{
		"root.img":                       {Path: "root.img"},
		"a b=c.img,ro":                   {Path: "a b=c.img", ReadOnly: true},
		"x,id=data":                      {Path: "x", ID: "data"},
		"x,cache=writeback":              {Path: "x"},
		"x,cache=writethrough":           {Path: "x", Cache: Writethrough},
		"x,cache=none,ro":                {Path: "x", Cache: None, ReadOnly: true},
		"base.qcow2,overlay=top":         {Path: "base.qcow2", Overlay: "top"},
		"a,,b,overlay=c,,d":              {Path: "a,b", Overlay: "c,d"},
		",,x":                            {Path: ",x"},
		"x,id=12345678901234567890,ro":   {Path: "x", ID: "12345678901234567890", ReadOnly: true},
		"x,overlay=y=z,id=!#,cache=none": {Path: "x", Overlay: "y=z", ID: "!#", Cache: None},
	} {
		if got, err := ParseSpec(value); err != nil || got != want {
			t.Errorf("%q: %+v, %v", value, got, err)
		}
	}
}

func TestParseSpecErrors(t *testing.T) {
	for _, tt := range []struct {
		value string
		want  []string
	}{
		{"", []string{"no path", "path[,ro]"}},
		{",ro", []string{"no path"}},
		{"x,", []string{`no option ""`, "path[,ro]"}},
		{"x,rw", []string{`no option "rw"`}},
		{"x,RO", []string{`no option "RO"`}},
		{"x,ro=yes", []string{"ro takes no value"}},
		{"x,ro,ro", []string{"ro is there twice"}},
		{"x,id=a,id=b", []string{"id is there twice"}},
		{"x,id=", []string{"id of 0 bytes", "1 to 20"}},
		{"x,id=123456789012345678901", []string{"id of 21 bytes", "1 to 20"}},
		{"x,id=a b", []string{`"a b"`, "neither letter"}},
		{"x,id=ü", []string{"neither letter"}},
		{"x,cache=", []string{`no cache mode ""`, "writeback, writethrough, none"}},
		{"x,cache=unsafe", []string{`no cache mode "unsafe"`}},
		{"x,overlay", []string{"overlay without a path"}},
		{"x,overlay=", []string{"overlay without a path"}},
	} {
		_, err := ParseSpec(tt.value)
		wantLine(t, err, append(tt.want, "Disks "+tt.value)...)
	}
}

func FuzzParseSpec(f *testing.F) {
	f.Add("a,,b,ro,id=x,cache=none,overlay=y")
	f.Fuzz(func(t *testing.T, value string) {
		s, err := ParseSpec(value)
		if err == nil && (s.Path == "" || len(s.ID) > MaxID || s.Cache > None) {
			t.Errorf("%q gives %+v", value, s)
		}
	})
}
