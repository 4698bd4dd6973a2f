// Work that needs nothing but a processor and a kernel.
#include <asm/signal.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/time_types.h>

#include "probe.h"

// compute does rounds of xorshift64 (Marsaglia, 2003), in groups, so that a first batch is not lost in the
// time of looking at the clock. Each round waits for the one before.
long compute(void *with, unsigned long n)
{
	enum { GROUP = 4096 };
	unsigned long x = 88172645463325252UL;

	(void)with;
	n = (n + GROUP - 1) / GROUP * GROUP;
	for (unsigned long i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		__asm__ volatile("" : "+r"(x)); // the compiler must not find out that nobody wants x
	}
	return (long)n;
}

long syscalls(void *with, unsigned long n)
{
	(void)with;
	for (unsigned long i = 0; i < n; i++)
		sys0(__NR_getppid);
	return (long)n;
}

// faults maps a few pages, touches each and unmaps them: 16 faults to two system calls. Pages stay small, or
// one fault would do for many.
long faults(void *with, unsigned long n)
{
	enum { PAGE = 4096, PAGES = 16 };
	unsigned long done;

	(void)with;
	sys5(__NR_prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0);
	for (done = 0; done < n; done += PAGES) {
		long at = sys6(__NR_mmap, 0, PAGE * PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at < 0 && at > -PAGE)
			return at;
		for (int i = 0; i < PAGES; i++)
			*(volatile char *)(at + i * PAGE) = 1;
		sys2(__NR_munmap, at, PAGE * PAGES);
	}
	return (long)done;
}

// sleeps asks for a millisecond each time; what it takes beyond that is how late the timer is, and the wake-up.
long sleeps(void *with, unsigned long n)
{
	static const struct __kernel_timespec ms = {0, NS_PER_MS};

	(void)with;
	for (unsigned long i = 0; i < n; i++) {
		long err = sys2(__NR_nanosleep, &ms, 0);

		if (err < 0)
			return err;
	}
	return (long)n;
}

long forks(void *with, unsigned long n)
{
	(void)with;
	for (unsigned long i = 0; i < n; i++) {
		long pid = sys0(__NR_fork);

		if (pid == 0)
			sys1(__NR_exit_group, 0);
		if (pid < 0)
			return pid;
		pid = sys4(__NR_wait4, pid, 0, 0, 0);
		if (pid < 0)
			return pid;
	}
	return (long)n;
}
