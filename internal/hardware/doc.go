// Command hardware runs terem where most users have it: on VT-x or AMD-V under a distribution's kernel. It needs neither:
// QEMU's TCG emulates a processor with SVM, Bochs one with VMX, and real, unmodified Debian kernels with their real
// kvm_amd and kvm_intel run on them. In there run the project's own test binaries, and terem itself.
//
//	make test-amdv, make test-vtx       everything, on the outer kernels 6.1 and 6.12
//	make test-hardware                  the short form, on both
//	make shell-amdv, make shell-vtx     a shell in the outer system
//
// One boot is one plan (package wire): jobs, carried out by PID 1 of the outer system (outer/), which reports
// on a serial port. A job is a package's test binary; atwork/ is such a package, and uses terem as a user
// does. The results become one table and an exit status. A test whose difference is the emulator's stands,
// with its proof, in differences.go; so one that appears and one that disappears are both seen.
// docs/hardware.md says more.
//
// Read main.go first, then boot.go for one boot, qemu.go and bochs.go for the two emulators, verdict.go and table.go for
// what becomes of a report, survive.go for outer systems that lack something.
package main
