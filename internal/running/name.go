package running

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"terem/internal/fault"
)

// maxName keeps the paths of sockets below the 108 bytes that an address has room for (unix(7)).
const maxName = 40

// CheckName refuses a name that is none: letters, digits, and after the first of them also ".", "_" and "-".
func CheckName(name string) error {
	bad := func(cause string) error {
		return &fault.Error{Class: fault.Usage, Thing: fmt.Sprintf("name %q", name), Cause: cause,
			Mend: "use letters, digits, and . _ - after the first"}
	}
	switch {
	case name == "":
		return bad("it is empty")
	case len(name) > maxName:
		return bad(fmt.Sprintf("it has %d characters, and may have %d", len(name), maxName))
	}
	for i, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case i > 0 && (c == '.' || c == '_' || c == '-'):
		default:
			return bad(fmt.Sprintf("%q cannot stand there", c))
		}
	}
	return nil
}

// freshName draws a name for what was given none: "vm-1f40c7".
func freshName(prefix string) string {
	var b [3]byte
	rand.Read(b[:]) // it never fails
	return prefix + "-" + hex.EncodeToString(b[:])
}
