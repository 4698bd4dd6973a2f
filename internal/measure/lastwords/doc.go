// Package lastwords picks, from what a program said before it failed, the line that best
// tells why.
package lastwords
