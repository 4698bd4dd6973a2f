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

// go_on lets the program go, with the signals that its host had for it meanwhile.
static void go_on(struct conn *c)
{
	c->hold = 0;
	sys4(__NR_ptrace, PTRACE_DETACH, c->pid, 0, 0);
	for (int sig = 1; c->late; sig++, c->late >>= 1)
		if (c->late & 1)
			sys2(__NR_kill, -c->pid, sig);
	frame_started(c, c->pid);
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
	if (c->random) {
		c->hold = STANDS;
		frame_put(c, HELD, &c->pid, sizeof c->pid);
	} else { // no two machines may go on with it: nobody is to take a snapshot
		go_on(c);
	}
	frame_flush(c);
}

// renew gives the program random bytes that no other machine of the same snapshot has.
static long renew(const struct conn *c)
{
	unsigned long fresh[RANDOM_BYTES / sizeof(unsigned long)];
	long err = sys3(__NR_getrandom, fresh, sizeof fresh, GRND_INSECURE); // which never waits

	if (err != sizeof fresh)
		return err < 0 ? err : -EIO;
	for (unsigned i = 0; i < LEN(fresh); i++)
		if ((err = sys4(__NR_ptrace, PTRACE_POKEDATA, c->pid, c->random + i * sizeof fresh[0], fresh[i])) < 0)
			return err;
	return 0;
}

// hold_release lets the program go. One that would share its random bytes with others ends instead.
void hold_release(struct conn *c)
{
	long err = renew(c);

	if (err == 0)
		go_on(c);
	else if (err != -ESRCH) // which has been killed, and its end comes
		frame_refuse(c, (int)-err, "hold");
}

// hold_again: the connection is lost. If that is because the machine has been restored from its snapshot, it has a new host, who takes a call; a host
// who has gone takes none. Nobody waits for the answer: hold_called hears it. What the old host has said counts for no other one.
int hold_again(struct conn *c)
{
	long fd;

	if (c->hold != STANDS || c->calling || (fd = run_call(SOCK_NONBLOCK_)) < 0)
		return 0;
	shut(&c->sock);
	c->sock = (int)fd;
	c->calling = 1;
	c->late = 0;
	return 1;
}

// hold_called: with a terminal, the program goes on when the host has said what size his has.
void hold_called(struct conn *c)
{
	enum { SOL_SOCKET_ = 1, SO_ERROR_ = 4 };
	int err = 0, n = sizeof err;

	if (sys5(__NR_getsockopt, c->sock, SOL_SOCKET_, SO_ERROR_, &err, &n) < 0 || err) {
		conn_close(c);
		return;
	}
	c->calling = 0;
	if (c->hold == STANDS && !c->tty)
		hold_release(c);
	run_anew(c);
}
