// Package arch holds no code, only the test that keeps the house in its shape: who
// may import whom (docs/architecture.md), where unsafe and gokvm may appear, and
// some rules of style that a reader relies on.
//
// Read first: rooms_test.go, the table of arrows. To add an arrow, add it there and
// say why in the commit; rules_test.go has the other rules, source_test.go the
// parser, arch_test.go what runs them.
package arch
