// The console: descriptors 0 to 2, which the kernel opened on /dev/console before it started init.
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <linux/fcntl.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>

#include "init.h"

enum { END_OF_FILE = 0x04 }; // ^D

// raw makes the line a pipe: every byte arrives and leaves as it is, nothing is echoed, and only ^D, which
// the host sends once its standard input has ended, has a meaning.
static void raw(struct termios *t)
{
	t->c_iflag = 0;
	t->c_oflag = 0;
	t->c_lflag = ICANON;
	for (unsigned i = 0; i < NCCS; i++)
		t->c_cc[i] = 0; // _POSIX_VDISABLE
	t->c_cc[VEOF] = END_OF_FILE;
}

void console_setup(const struct options *o)
{
	struct winsize w = {.ws_row = (unsigned short)o->rows, .ws_col = (unsigned short)o->cols};
	struct termios t;

	if (sys3(__NR_ioctl, 0, TCGETS, &t) < 0)
		return;
	// Hardware flow control: while programs do not read, the driver drops RTS and the host waits.
	t.c_cflag |= CRTSCTS;
	if (o->pipe)
		raw(&t);
	sys3(__NR_ioctl, 0, TCSETS, &t);
	if (o->rows && o->cols)
		sys3(__NR_ioctl, 0, TIOCSWINSZ, &w);
}

static unsigned processors(void)
{
	unsigned long set[64];
	long bytes = sys3(__NR_sched_getaffinity, 0, sizeof set, set);
	unsigned n = 0;

	for (long i = 0; i < bytes / (long)sizeof set[0]; i++)
		for (unsigned long w = set[i]; w; w &= w - 1)
			n++;
	return n;
}

// console_reopen takes the console of devtmpfs: the one that the kernel opened lies under that mount, where
// ttyname(3) cannot find it.
void console_reopen(void)
{
	long fd = sys3(__NR_open, "/dev/console", O_RDWR | O_NOCTTY, 0);

	for (int i = 0; fd > 2 && i <= 2; i++)
		sys2(__NR_dup2, fd, i);
	if (fd > 2)
		sys1(__NR_close, fd);
}

// console_greet writes the first line that a person sees.
void console_greet(void)
{
	struct new_utsname u;
	struct sysinfo s;
	char cpus[24], mib[24];
	unsigned n = processors();

	sys1(__NR_uname, &u);
	sys1(__NR_sysinfo, &s);
	SAY("Linux ", u.release, ", ", decimal(cpus, n), n == 1 ? " CPU, " : " CPUs, ",
	    decimal(mib, s.totalram * s.mem_unit >> 20), " MiB. `exit` ends this machine.");
}

// console_drain waits until the UART has sent what programs wrote.
void console_drain(void)
{
	sys3(__NR_ioctl, 1, TCSBRK, 1);
}
