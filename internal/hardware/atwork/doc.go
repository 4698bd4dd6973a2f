// Package atwork has tests that use terem as a user does: the program, its flags, its output, its status. Package
// hardware runs them on each backend and outer kernel that it can emulate. Elsewhere they skip.
package atwork
