// Package enter is `terem exec` and `terem cp`: another program in a machine that runs, by its agent (package agent).
package enter
