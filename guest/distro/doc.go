// Package distro reads a distribution's kernel package, unpacked by `dpkg -x`: the kernel (image.go), and the modules
// that somebody wants, with those that they need, in the order to load them (module.go). fetch.sh, beside it, gets
// Debian's cloud kernels. They run unmodified: as a guest of terem (package guest/stock), or as the system in which terem
// itself runs (internal/hardware).
package distro
