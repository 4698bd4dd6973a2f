// Package host says on what machine a measurement was taken, and how much the
// machine had to do besides: a number without that can be compared with nothing.
package host
