// A signal handler that clears UC_STRICT_RESTORE_SS and returns with a null SS, and with others: the kernel
// executes LAR to find out what the selector is worth (force_valid_ss, arch/x86/kernel/signal_64.c).
#include "hostile.h"

#define STRICT_RESTORE_SS 4

static volatile unsigned short wanted;

static void handler(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)sig, (void)info;
	u->uc_flags &= ~(unsigned long)STRICT_RESTORE_SS;
	u->uc_mcontext.gregs[REG_CSGSFS] = (u->uc_mcontext.gregs[REG_CSGSFS] & 0xffffffffffff) | (long long)wanted << 48;
}

void null_ss(void)
{
	static const unsigned short selectors[] = {0, 3, 0x2b, 0x28, 0x33, 0x10, 0x1b, 0x40, 0x7b, 0xfff8, 7};
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	sigaction(SIGUSR1, &action, NULL);
	for (unsigned i = 0; i < sizeof selectors / sizeof *selectors; i++) {
		unsigned short ss;

		wanted = selectors[i];
		raise(SIGUSR1);
		asm volatile("mov %%ss, %0" : "=r"(ss));
		printf("SS %#x: %#x\n", wanted, ss);
	}
}
