// Package types says what is under this host, which kinds of virtualization there are, where this host and terem stand among
// them, and what the same work costs in those that it has. What it looks at, package doctor finds out; what it measures, package
// compare does.
package types
