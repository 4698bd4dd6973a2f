// Package machine puts a virtual machine together from a Config, runs it, and says
// how it ended.
//
// A machine is built in this order, and closed in the reverse one:
//
//	KVM      /dev/kvm, the VM, memory slots, interrupt chips       host.go
//	devices  serial port and the small devices of a PC, on buses   board.go
//	vCPUs    one vcpu.Runner each, paused                          machine.go
//	kernel   loaded into RAM, its start state into vCPU 0          load.go
//
// Every way to end leads through over: a device or a vCPU reports an Outcome, the
// first one counts, and Wait returns it.
package machine
