// The measured program. It does the same work wherever it runs, and says in one line how much of it in what time.
//
// Work is done in batches, each begun by a look at the clock, which is a system call: 0.3 ms in a guest on a
// software KVM backend. So batches grow, eightfold at the most, until one does what is left of the time; up to the
// half of it they do half of that, lest a few quick operations at the beginning mislead. The first one is a single
// operation: it may take 60 ms.
#include <linux/time_types.h>
#include <linux/time.h>
#include <asm/signal.h>

#include "probe.h"

enum { OK = 0, FAILED = 1, USAGE = 64 }; // exit statuses; USAGE as in sysexits.h

enum { GROWTH = 8, FINE = 1024 }; // FINE: parts of a nanosecond

#define NS_PER_S 1000000000UL

unsigned long now(void)
{
	struct __kernel_timespec t = {0, 0};

	sys2(__NR_clock_gettime, CLOCK_MONOTONIC, &t);
	return (unsigned long)t.tv_sec * NS_PER_S + (unsigned long)t.tv_nsec;
}

int failed(const char *mode, const char *what, long err)
{
	char n[24];

	PRINT(2, "probe ", mode, ": ", what, ": errno ", decimal(n, (unsigned long)-err));
	return FAILED;
}

static int report(const char *mode, unsigned long a, unsigned long b)
{
	char first[24], second[24];

	PRINT(1, mode, " ", decimal(first, a), " ", decimal(second, b));
	return OK;
}

// next_batch is how many operations do what is left of the time, as far as those done tell.
static unsigned long next_batch(unsigned long done, unsigned long spent, unsigned long left)
{
	unsigned long each = spent * FINE / done + 1, n = left * FINE / each;

	if (n > done * (GROWTH - 1))
		n = done * (GROWTH - 1);
	return n ? n : 1;
}

int measure(const char *mode, unsigned long ms, work *w, void *with, work *last)
{
	unsigned long begin = now(), spent = 0, wanted = ms * NS_PER_MS, ops = 0;
	unsigned long n = 1;

	do {
		long did = w(with, n);

		if (did < 0)
			return failed(mode, "an operation failed", did);
		ops += (unsigned long)did;
		spent = now() - begin;
		if (spent < wanted / 2)
			n = next_batch(ops, spent, (wanted - spent) / 2);
		else if (spent < wanted)
			n = next_batch(ops, spent, wanted - spent);
	} while (spent < wanted - wanted / 16); // near enough: what is left is less than it would take to look again
	if (last) {
		long err = last(with, 1);

		if (err < 0)
			return failed(mode, "the last operation failed", err);
		spent = now() - begin;
	}
	return report(mode, ops, spent);
}

int number(const char *s, unsigned long max, unsigned long *n)
{
	*n = 0;
	if (!*s)
		return 0;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return 0;
		*n = *n * 10 + (unsigned long)(*s - '0');
		if (*n > max)
			return 0;
	}
	return 1;
}

// idle takes a signal itself: PID 1 of a container would ignore one that it has not asked for. The status is the
// one that a shell gives to a program that a signal has ended.
static int idle(const char *mode, unsigned long tsc)
{
	static const int ends[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
	unsigned long set = 0, ns = now();
	long sig;

	for (unsigned i = 0; i < LEN(ends); i++)
		set |= 1UL << (ends[i] - 1);
	sys4(__NR_rt_sigprocmask, SIG_BLOCK, &set, 0, sizeof set);
	report(mode, tsc, ns);
	do
		sig = sys4(__NR_rt_sigtimedwait, &set, 0, 0, sizeof set);
	while (sig == -EINTR); // stopped and continued
	return sig < 0 ? failed(mode, "waiting for a signal failed", sig) : 128 + (int)sig;
}

static int mark(const char *const *argv)
{
	char line[4096];
	unsigned long n = 0;

	for (; *argv; argv++)
		for (const char *p = *argv;; p++) {
			if (n == sizeof line)
				sys3(__NR_write, 1, line, n), n = 0;
			line[n++] = *p ? *p : argv[1] ? ' ' : '\n';
			if (!*p)
				break;
		}
	sys3(__NR_write, 1, line, n);
	return OK;
}

static int usage(void)
{
	PRINT(2, "probe: usage: probe start | idle | compute|syscall|fault|fork|sleep MS | "
		 "read|write FILE SIZE MS [direct] [random] | mark TEXT ...");
	return USAGE;
}

static int loop(const char *const *argv)
{
	static const char names[][8] = {"compute", "syscall", "fault", "fork", "sleep"};
	work *const works[] = {compute, syscalls, faults, forks, sleeps};
	unsigned long ms;

	for (unsigned i = 0; i < LEN(works); i++)
		if (same(argv[0], names[i]) && argv[1] && !argv[2] && number(argv[1], MS_MAX, &ms))
			return measure(argv[0], ms, works[i], 0, 0);
	return -1;
}

// probe_main takes the stack as the kernel left it, argc and the pointers of argv, and the time-stamp counter.
int probe_main(const long *stack, unsigned long tsc)
{
	const char *const *argv = (const char *const *)(stack + 1);
	int status;

	if (stack[0] < 2)
		return usage();
	argv++;
	if (same(argv[0], "start") && !argv[1])
		return report(argv[0], tsc, now());
	if (same(argv[0], "idle") && !argv[1])
		return idle(argv[0], tsc);
	if (same(argv[0], "mark") && argv[1])
		return mark(argv + 1);
	status = loop(argv);
	if (status < 0)
		status = file_measure(argv[0], argv + 1);
	return status < 0 ? usage() : status;
}

__asm__(".globl _start\n"
	"_start:\n\t"
	"rdtsc\n\t"
	"shl $32, %rdx\n\t"
	"lea (%rax, %rdx), %rsi\n\t"
	"mov %rsp, %rdi\n\t"
	"xor %ebp, %ebp\n\t"
	"and $-16, %rsp\n\t"
	"call probe_main\n\t"
	"mov %eax, %edi\n\t"
	"mov $231, %eax\n\t" // exit_group
	"syscall\n\t"
	"hlt\n");
