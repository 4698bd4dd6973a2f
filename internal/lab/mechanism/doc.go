// Package mechanism says what is expected of each experiment in each place, and which part of the kernel or of the machine
// decides it. What an experiment then shows may differ: that is a finding.
package mechanism
