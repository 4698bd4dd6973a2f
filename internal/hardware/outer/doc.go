// Command outer is PID 1 of the system in which package hardware runs terem: a distribution's kernel on an emulated
// processor. It mounts, loads KVM's modules, runs the jobs of its plan one after the other, reports on the second
// serial port, and powers the machine off.
//
// What a job does cannot look like success by accident. A job that crashes or hangs has an end that says so,
// nothing of it lives on into the next job, and if the kernel dies the report ends without its last line.
package main
