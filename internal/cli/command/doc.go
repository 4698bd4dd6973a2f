// Package command has the commands of terem that start at once: their flags, and how they run. Two programs use it: cmd/terem,
// which has nothing else, and cmd/terem-tools, which has all the commands and their help.
package command
