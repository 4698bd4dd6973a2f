// Package trace keeps the exits of a machine's vCPUs: in a ring for each while it runs, and then in a file.
//
// The file, version 1; all numbers little-endian, times in nanoseconds since the trace began:
//
//	offset  bytes
//	     0  8      "TEREMTRC"
//	     8  2      version, 1
//	    10  2      bytes of a record, 48
//	    12  4      vCPUs
//	    16  8      when it began, nanoseconds since 1970
//	    24  8      how long it took
//	    32  8      nanoseconds between samples of a profile; 0: it is none
//	    40  8      which exits were recorded: bit n for KVM_EXIT_n
//	    48  4      places
//	    52  4      symbols
//	    56  8      0
//	    64         the places, each: 8 bytes of address, 1 (0 a port, 1 memory), 1 the name's length, and the name
//	               the symbols, each: 8 bytes of address, 1 the name's length, and the name; in the order of addresses
//	               each vCPU: 8 bytes the records that follow, 8 those that were lost before them; then the records, in their order
//
//	A record:
//	     0  8      when the guest left
//	     8  4      until it was entered again; 4294967295: that or more
//	    12  1      reason: n for KVM_EXIT_n, 255 for a sample
//	    13  1      bit 0: a write
//	    14  1      bytes of an access
//	    15  1      bytes of the data that are kept, 8 at most
//	    16  8      RIP
//	    24  8      port, guest-physical address, or MSR
//	    32  4      accesses of a string instruction, else 1
//	    36  4      0
//	    40  8      the data's first bytes
//
// A place is a port, or the first address of a page, that the records have, with the name of the device there. Symbols are those of the
// functions in which the records' RIPs are.
//
// A file is a stranger's: its counts are compared with its size before anything is allocated.
package trace
