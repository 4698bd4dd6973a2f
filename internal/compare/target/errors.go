package target

import "errors"

// ErrAbsent says that a target's program is not installed.
var ErrAbsent = errors.New("not installed")

// errRoot says that a target needs the rights of root.
var errRoot = errors.New("needs root here: run terem as root to see it")
