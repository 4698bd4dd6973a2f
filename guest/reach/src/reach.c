// What a program can reach of the kernel that it runs on. doc.go says what it prints.
#include <linux/mman.h>

#include "sys.h"
#include "text.h"

enum { OK = 0, REFUSED = 1, USAGE = 64 }; // exit statuses; USAGE as in sysexits.h

static int usage(void)
{
	PRINT(2, "reach: usage: reach inotify MOST [hold] | memory MIB | calls");
	return USAGE;
}

static int number(const char *s, unsigned long *n)
{
	*n = 0;
	if (!*s)
		return 0;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || *n > 1000000)
			return 0;
		*n = *n * 10 + (unsigned long)(*s - '0');
	}
	return 1;
}

static int report(const char *mode, unsigned long a, unsigned long b)
{
	char first[24], second[24];

	PRINT(1, mode, " ", decimal(first, a), " ", decimal(second, b));
	return OK;
}

// inotify's instances are counted for a user, in all of its containers.
static int inotify(unsigned long most, int hold)
{
	unsigned long n = 0;
	long err = 0;

	while (n < most && (err = sys1(__NR_inotify_init1, 0)) >= 0)
		n++;
	report("inotify", n, err < 0 ? (unsigned long)-err : 0);
	while (hold)
		sys0(__NR_pause);
	return n < most ? REFUSED : OK;
}

// memory is taken when it is written to.
static int memory(unsigned long mib)
{
	enum { PAGE = 4096 };
	unsigned long size = mib << 20;
	long at = sys6(__NR_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at < 0 && at > -PAGE)
		return REFUSED;
	for (unsigned long i = 0; i < size; i += PAGE)
		*(volatile char *)(at + (long)i) = 1;
	report("memory", mib, 0);
	for (;;)
		sys0(__NR_pause);
}

// untried: they end, stop or double whoever calls them, whatever the arguments. 335 is uretprobe (Linux 6.11), which is a
// SIGILL for anybody but a trampoline.
static int untried(long n)
{
	static const short calls[] = {__NR_exit, __NR_exit_group, __NR_fork, __NR_vfork, __NR_rt_sigreturn, __NR_pause, 335};

	for (unsigned i = 0; i < LEN(calls); i++)
		if (calls[i] == n)
			return 1;
	return 0;
}

// calls tries all numbers that had a meaning when this was written, and some more.
static int calls(void)
{
	enum { LAST = 470 };
	unsigned long tried = 0, answered = 0;

	for (long n = 0; n <= LAST; n++) {
		if (untried(n))
			continue;
		long err = sys(n, -1, -1, -1, -1, -1, -1);

		tried++;
		if (err != -ENOSYS && err != -EPERM)
			answered++;
	}
	return report("calls", answered, tried);
}

// reach_main takes the stack as the kernel left it, argc and the pointers of argv.
int reach_main(const long *stack)
{
	const char *const *argv = (const char *const *)(stack + 1);
	unsigned long most;

	if (stack[0] == 2 && same(argv[1], "calls"))
		return calls();
	if (stack[0] == 3 && same(argv[1], "memory"))
		return number(argv[2], &most) ? memory(most) : usage();
	if (stack[0] < 3 || stack[0] > 4 || !same(argv[1], "inotify") || !number(argv[2], &most))
		return usage();
	if (stack[0] == 4 && !same(argv[3], "hold"))
		return usage();
	return inotify(most, stack[0] == 4);
}

__asm__(".globl _start\n"
	"_start:\n\t"
	"mov %rsp, %rdi\n\t"
	"xor %ebp, %ebp\n\t"
	"and $-16, %rsp\n\t"
	"call reach_main\n\t"
	"mov %eax, %edi\n\t"
	"mov $231, %eax\n\t" // exit_group
	"syscall\n\t"
	"hlt\n");
