// Package wire is what package hardware and the outer system say to each other: a plan, which lies in the outer
// system's first root file system, and messages, one a line, on the second serial port.
//
// Each line begins with a word that was drawn for this boot, so that nothing else that comes to the port (a kernel's
// early console, an earlier boot) passes for a report.
package wire
