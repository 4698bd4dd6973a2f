// The console: descriptors 0 to 2, which the kernel opened on /dev/console before it started init.
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <linux/fcntl.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>

#include "init.h"

// raw makes the line a pipe: every byte arrives and leaves as it is, and nothing is echoed.
static void raw(struct termios *t)
{
	t->c_iflag = 0;
	t->c_oflag = 0;
	t->c_lflag = 0;
	for (unsigned i = 0; i < NCCS; i++)
		t->c_cc[i] = 0; // _POSIX_VDISABLE
	t->c_cc[VMIN] = 1;
}

// quiet_kernel leaves the console to the command: syslog(2), SYSLOG_ACTION_CONSOLE_LEVEL. At level 1 emergencies
// remain, and a panic raises the level by itself.
static void quiet_kernel(void)
{
	enum { CONSOLE_LEVEL = 8, EMERGENCIES = 1 };

	sys3(__NR_syslog, CONSOLE_LEVEL, 0, EMERGENCIES);
}

void console_setup(const struct options *o)
{
	struct winsize w = {.ws_row = (unsigned short)o->rows, .ws_col = (unsigned short)o->cols};
	struct termios t;

	if (o->pipe && !o->loglevel)
		quiet_kernel();
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

// console_own makes the console init's controlling terminal, and not the command's: when the process that leads a
// terminal's session ends, the kernel hangs the terminal up and drops what the UART has not sent yet.
void console_own(void)
{
	sys0(__NR_setsid);
	sys3(__NR_ioctl, 0, TIOCSCTTY, 1);
}

// console_foreground gives the calling process a group of its own, which Ctrl-C and the like are for.
void console_foreground(void)
{
	int group = (int)sys0(__NR_getpid);

	sys2(__NR_setpgid, 0, 0);
	sys3(__NR_ioctl, 0, TIOCSPGRP, &group);
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
void console_greet(const struct options *o)
{
	struct new_utsname u;
	struct sysinfo s;
	char cpus[24], mib[24];
	unsigned n = processors();

	sys1(__NR_uname, &u);
	sys1(__NR_sysinfo, &s);
	SAY("Linux ", u.release, ", ", decimal(cpus, n), n == 1 ? " CPU, " : " CPUs, ",
	    decimal(mib, s.totalram * s.mem_unit >> 20), " MiB.", o->root ? "" : " `exit` ends this machine.");
}

// console_drain waits until the UART has sent what programs wrote.
void console_drain(void)
{
	sys3(__NR_ioctl, 1, TCSBRK, 1);
}
