// Seccomp filters with each arithmetic instruction, on numbers from a system call's arguments. The kernel
// compiles them, and its compiler picks what the CPU has.
#include "hostile.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#define NUMBER SYS_sched_get_priority_max // any that nobody needs

static const struct {
	const char *name;
	int op;
} ops[] = {
	{"add", BPF_ADD}, {"sub", BPF_SUB}, {"mul", BPF_MUL}, {"div", BPF_DIV}, {"or", BPF_OR}, {"and", BPF_AND},
	{"lsh", BPF_LSH}, {"rsh", BPF_RSH}, {"neg", BPF_NEG}, {"xor", BPF_XOR},
};

// answer is an errno of 12 bits, folded from the result.
static void child(int op, int source, unsigned a, unsigned x)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NUMBER, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_STMT(BPF_ALU | op | source, source == BPF_K ? x : 0),
		BPF_STMT(BPF_ST, 0),
		BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 13),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_MEM, 0),
		BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x7ff),
		BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) {
		printf("filter: %s\n", strerror(errno));
		exit(1);
	}
	errno = 0;
	syscall(NUMBER, (long)(int)a, (long)x);
	printf("%d\n", errno);
	exit(0);
}

void filters(const char *only)
{
	static const unsigned values[][2] = {{0x12345678, 5}, {0xfedcba98, 31}};

	for (unsigned i = 0; i < sizeof ops / sizeof *ops; i++)
		for (unsigned v = 0; v < 2 && (!only || !strcmp(only, ops[i].name)); v++)
			for (int source = BPF_K; source <= (ops[i].op == BPF_NEG ? BPF_K : BPF_X); source += BPF_X) {
				printf("%s %#x, %s %u: ", ops[i].name, values[v][0], source == BPF_X ? "X" : "constant", values[v][1]);
				fflush(stdout);
				pid_t p = fork();

				if (p == 0)
					child(ops[i].op, source, values[v][0], values[v][1]);
				said("filter", p);
			}
}
