// Package symbols knows what is where in a kernel: it reads System.map, which a kernel's build leaves, finds the function that an
// address is in, and puts the names into a kernel's ELF file, where gdb looks for them.
package symbols
