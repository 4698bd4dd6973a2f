// Random signal frames: registers, flags and selectors as sigreturn takes them.
#include "hostile.h"

static unsigned char *page;
static greg_t frame[NGREG];

static void handler(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	greg_t *g = u->uc_mcontext.gregs;

	if (sig == SIGUSR1) {
		g[REG_RIP] = frame[REG_RIP];
		g[REG_RSP] = frame[REG_RSP];
		g[REG_EFL] = frame[REG_EFL];
		g[REG_CSGSFS] = frame[REG_CSGSFS];
		g[REG_RCX] = frame[REG_RCX];
		g[REG_R11] = frame[REG_R11];
		if (frame[REG_ERR])
			u->uc_flags &= ~4ul;
		return;
	}
	printf("signal %d, code %d, RIP %+lld, CS %#llx, flags %#llx\n", sig, info->si_code, g[REG_RIP] - frame[REG_RIP],
	       g[REG_CSGSFS] & 0xffff, g[REG_EFL] & 0x3f5702);
	fflush(stdout);
	_exit(0);
}

static uint64_t pick(const uint64_t *from, unsigned n) { return from[(unsigned)rand() % n]; }

#define PICK(a) pick(a, sizeof a / sizeof *a)

// choose fills the frame. Behind RIP is NOP; NOP; UD2, or a system call that answers at once.
static void choose(void)
{
	const uint64_t code = (uintptr_t)page, stack = code + 0x800;
	const uint64_t rips[] = {code, code, code, code + 0x10, code + 0x20, 0, 0x8000000000000000, 0x800000000000,
				 0x7ffffffff000, 0xffffffff80000000, 0xffffffffff600000, 0xffffffffff600400, code + 4094};
	const uint64_t rsps[] = {stack, stack, stack, stack + 1, 0, 8, 0x8000000000000000, 0x800000000000,
				 0xffffffffff5ff000, 0xffffffff81000000, 0xffff800000000000};
	const uint64_t flags[] = {0x202, 0x202, 0x302, 0x4202, 0x40202, 0x3202, 0x10202, 0x20202, 0x200202, 0x402, 0xffffffff};
	const uint64_t cs[] = {0x33, 0x33, 0x33, 0x23, 0x10, 0, 3, 0x2b, 7, 0xfff8, 0x43, 0x30};
	const uint64_t ss[] = {0x2b, 0x2b, 0x2b, 0, 3, 0x28, 0x18, 0x10, 0x33, 7, 0x7b, 0xfff8};

	frame[REG_RIP] = PICK(rips);
	frame[REG_RSP] = PICK(rsps);
	frame[REG_EFL] = PICK(flags);
	frame[REG_CSGSFS] = PICK(cs) | PICK(ss) << 48;
	frame[REG_RCX] = PICK(rips);
	frame[REG_R11] = PICK(flags);
	frame[REG_ERR] = rand() & 1;
}

void frames(unsigned seed, int count)
{
	page = mmap((void *)0x10000000, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (page == MAP_FAILED) {
		perror("frames");
		exit(1);
	}
	for (int i = 0; i < 8192; i += 2)
		memcpy(page + i, "\x0f\x0b", 2);
	memcpy(page, "\x90\x90", 2);
	memcpy(page + 0x10, "\xb8\x6e\0\0\0\x0f\x05", 7); // getppid
	memcpy(page + 0x20, "\xcc", 1);
	srand(seed);
	for (int i = 0; i < count; i++) {
		choose();
		printf("%d: RIP %#llx RSP %#llx flags %#llx CS:SS %#llx strict %lld: ", i, frame[REG_RIP], frame[REG_RSP],
		       frame[REG_EFL], frame[REG_CSGSFS], (long long)!frame[REG_ERR]);
		fflush(stdout);
		pid_t p = fork();
		int status;

		if (p == 0) {
			struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

			catch_all(handler);
			sigaction(SIGUSR1, &action, NULL);
			alarm(20);
			raise(SIGUSR1);
			puts("went on");
			fflush(stdout);
			_exit(0);
		}
		waitpid(p, &status, 0);
		if (WIFSIGNALED(status))
			printf("killed by %d\n", WTERMSIG(status));
		fflush(stdout);
	}
}
