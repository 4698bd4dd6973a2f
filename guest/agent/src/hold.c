// A program that stands still at its first instruction, while its host takes a snapshot of the machine: each machine that is restored from
// there has that program, and lets it go. The agent traces it (ptrace(2)) from before it is executed until then, and never again.
#include <asm/signal.h>
#include <linux/auxvec.h>
#include <linux/ptrace.h>
#include <linux/random.h>

#include "agent.h"

enum { STACK_POINTER = 19 * 8 }; // of struct user (asm/user_64.h)

enum { RANDOM_BYTES = 16 }; // fs/binfmt_elf.c, k_rand_bytes

// hold_me comes before the process becomes a user's: whoever traces it has root's rights then, with which a set-user-ID program keeps its own.
long hold_me(void)
{
	return sys4(__NR_ptrace, PTRACE_TRACEME, 0, 0, 0);
}

static unsigned long peek(int pid, unsigned long at)
{
	unsigned long word = 0;

	sys4(__NR_ptrace, PTRACE_PEEKDATA, pid, at, &word);
	return word;
}

// random_of finds the bytes that the kernel drew for the program. On its stack there are, in words: the number of arguments, these, 0, the
// environment, 0, and pairs of a kind and a value (System V ABI for x86-64, 3.4.1).
static unsigned long random_of(int pid)
{
	unsigned long at = 0, kind;

	sys4(__NR_ptrace, PTRACE_PEEKUSR, pid, STACK_POINTER, &at);
	at += sizeof at * (peek(pid, at) + 2);
	while (peek(pid, at))
		at += sizeof at;
	for (at += sizeof at; (kind = peek(pid, at)) != AT_NULL; at += 2 * sizeof at)
		if (kind == AT_RANDOM)
			return peek(pid, at + sizeof at);
	return 0;
}

// hold_stopped: the signal of an exec is SIGTRAP. Any other one came before it, and is passed on; so is a SIGTRAP of somebody else's.
void hold_stopped(struct conn *c, int status)
{
	int sig = status >> 8 & 0xff;

	if (c->starting)
		start_settle(c);
	if (c->hold != STOPS || c->starting || sig != SIGTRAP) {
		sys4(__NR_ptrace, PTRACE_CONT, c->pid, 0, sig);
		return;
	}
	c->random = random_of(c->pid);
	c->hold = STANDS;
	frame_put(c, HELD, &c->pid, sizeof c->pid);
	frame_flush(c);
}

// hold_release gives the program random bytes that no other machine of the same snapshot has, and lets it go.
void hold_release(struct conn *c)
{
	unsigned long fresh[RANDOM_BYTES / sizeof(unsigned long)] = {0};

	sys3(__NR_getrandom, fresh, sizeof fresh, GRND_INSECURE); // which never waits
	for (unsigned i = 0; i < LEN(fresh) && c->random; i++)
		sys4(__NR_ptrace, PTRACE_POKEDATA, c->pid, c->random + i * sizeof fresh[0], fresh[i]);
	c->hold = 0;
	sys4(__NR_ptrace, PTRACE_DETACH, c->pid, 0, 0);
}

// hold_again: the machine has been restored from its snapshot, and has a new host, which is called. The program goes on before that, as what it
// says can wait; but a terminal has the size of the new host's first.
int hold_again(struct conn *c)
{
	if (c->hold != STANDS)
		return 0;
	if (!c->tty)
		hold_release(c);
	return run_again(c);
}
