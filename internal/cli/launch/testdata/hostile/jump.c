// A return from a signal to an address of the kernel's, the page-fault handler, with stack pointers that are
// not canonical, or that point at a frame which pretends to be a system call's with all I/O rights.
#include "hostile.h"

static volatile uint64_t to, stack;
static volatile int returned;

static void handler(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	if (sig == SIGUSR1) {
		u->uc_mcontext.gregs[REG_RIP] = to;
		u->uc_mcontext.gregs[REG_RSP] = stack;
		return;
	}
	printf("signal %d at %s\n", sig, (uint64_t)u->uc_mcontext.gregs[REG_RIP] == to ? "the handler" : "another address");
	(void)info;
	fflush(stdout);
	_exit(0);
}

void jump(uint64_t address)
{
	static uint64_t frame[6] = {0x14, 0, 0x33, 0x3202, 0, 0x2b};
	uint64_t stacks[] = {0x8000000000000000, 0x0000800000000000, 0xffff7fffffffffff, 0, (uint64_t)frame};

	to = address;
	for (unsigned i = 0; i < sizeof stacks / sizeof *stacks; i++) {
		pid_t p = fork();

		if (p == 0) {
			struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

			stack = stacks[i];
			frame[1] = address;
			frame[4] = (uint64_t)frame;
			catch_all(handler);
			sigaction(SIGUSR1, &action, NULL);
			raise(SIGUSR1);
			_exit(99);
		}
		said("jump", p);
	}
}
