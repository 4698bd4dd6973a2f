// The relay: in pipe mode the command reads from a pipe and writes to one, and init carries the bytes between
// these and the console. A program at a terminal reads and writes line by line, and each line costs millions of
// instructions in the terminal's layers; programs at a pipe move 4096 bytes at a time.
//
// What the host sends is escaped (guest/cmdline has Go's side):
//
//   04 04   a byte 04 of the input        04 03   the input ends
//   04 14   SIGTERM to every process      04 0b   SIGKILL to every process
//
// Of input it sends RELAY_CHUNK bytes, and then RELAY_MORE bytes each time that init asks for more, so that there is always
// a place for all that has come, and its commands never stand behind input that nobody reads.
#include <asm/ioctls.h>
#include <asm/signal.h>

#include "init.h"

enum { ESCAPE = 0x04, IS_END = 0x03, IS_TERMINATE = 0x14, IS_KILL = 0x0b };

enum { RELAY_FD = 4 }; // init's end of the pipe with the command's output; host.c has 3

// relay_open makes the pipes.
int relay_open(struct relay *r)
{
	int in[2], out[2];

	if (sys2(__NR_pipe2, out, O_CLOEXEC) < 0)
		return 0;
	if (out[0] != RELAY_FD) { // without /dev/port they are 3 and 4
		if (out[1] == RELAY_FD)
			out[1] = (int)sys3(__NR_fcntl, out[1], F_DUPFD_CLOEXEC, RELAY_FD + 1);
		sys3(__NR_dup3, out[0], RELAY_FD, O_CLOEXEC);
		sys1(__NR_close, out[0]);
	}
	if (sys2(__NR_pipe2, in, O_CLOEXEC) < 0)
		return 0;
	sys3(__NR_fcntl, out[1], F_SETPIPE_SZ, RELAY_CHUNK); // what is in it when the command ends delays the end
	sys3(__NR_fcntl, in[1], F_SETFL, O_NONBLOCK);
	r->child_in = in[0];
	r->in = in[1];
	r->out = RELAY_FD;
	r->child_out = out[1];
	r->on = 1;
	return 1;
}

// relay_connect makes the pipes the standard streams of the calling process, the command to be.
void relay_connect(const struct relay *r)
{
	if (!r->on)
		return;
	sys2(__NR_dup2, r->child_in, 0);
	sys2(__NR_dup2, r->child_out, 1);
	sys2(__NR_dup2, r->child_out, 2);
}

// relay_began gives up the command's ends, once it has them: nobody else is to hold them open.
void relay_began(const struct relay *r)
{
	if (!r->on)
		return;
	sys1(__NR_close, r->child_in);
	sys1(__NR_close, r->child_out);
}

static void shut_end(int *fd)
{
	if (*fd >= 0)
		sys1(__NR_close, *fd);
	*fd = -1;
}

static void command(struct relay *r, char c)
{
	switch (c) {
	case IS_END:
		r->ended = 1;
		break;
	case IS_TERMINATE:
		sys2(__NR_kill, -1, SIGTERM);
		break;
	case IS_KILL:
		sys2(__NR_kill, -1, SIGKILL);
		break;
	}
}

// receive takes what the host has sent, and deals with escapes: a command to init does not wait behind input that
// nobody takes.
static void receive(struct relay *r)
{
	char *at = r->buf + r->to, *to = at;
	long n = sys3(__NR_read, 0, at, sizeof r->buf - r->to);

	for (char *end = at + (n > 0 ? n : 0); at < end; at++) {
		if (r->escaped && *at != ESCAPE)
			command(r, *at);
		else if (r->escaped || *at != ESCAPE)
			*to++ = *at;
		r->escaped = !r->escaped && *at == ESCAPE;
	}
	r->to = (unsigned long)(to - r->buf);
}

// passed notes that the command has taken n bytes, and asks the host for as many more, if that is worth an exit.
static void passed(struct relay *r, unsigned long n)
{
	r->from += n;
	for (r->passed += n; r->passed >= RELAY_MORE; r->passed -= RELAY_MORE)
		if (!r->ended)
			host_listen();
}

// forward gives the command as much as it takes now. Who does not read any more gets no more, and the host is not
// asked for any.
static void forward(struct relay *r)
{
	while (r->in >= 0 && r->from < r->to) {
		long done = sys3(__NR_write, r->in, r->buf + r->from, r->to - r->from);

		if (done == -EAGAIN)
			return;
		if (done < 0)
			shut_end(&r->in);
		else
			passed(r, (unsigned long)done);
	}
	r->from = r->to = 0;
	if (r->ended)
		shut_end(&r->in);
}

// answer writes what the command has written to the console; it returns 0 at its end.
static int answer(int fd)
{
	char out[RELAY_CHUNK];
	long n = sys3(__NR_read, fd, out, sizeof out), at = 0;

	while (at < n) {
		long done = sys3(__NR_write, 1, out + at, n - at);

		if (done <= 0)
			break;
		at += done;
	}
	return n > 0;
}

enum { OUTPUT, HOST, INPUT }; // entries for ppoll(2)

void relay_polls(const struct relay *r, struct pollfd p[RELAY_POLLS])
{
	p[OUTPUT] = (struct pollfd){r->on ? r->out : -1, POLLIN, 0};
	p[HOST] = (struct pollfd){r->on && r->to < sizeof r->buf ? 0 : -1, POLLIN, 0};
	p[INPUT] = (struct pollfd){r->on && r->from < r->to ? r->in : -1, POLLOUT, 0};
}

void relay_serve(struct relay *r, const struct pollfd p[RELAY_POLLS])
{
	if (p[OUTPUT].revents && !answer(r->out))
		shut_end(&r->out); // nobody is left who could write
	if (p[HOST].revents)
		receive(r);
	if (p[HOST].revents || p[INPUT].revents)
		forward(r);
}

// relay_drain writes out what is left in the pipe.
void relay_drain(void)
{
	int left = 0;

	while (sys3(__NR_ioctl, RELAY_FD, FIONREAD, &left) == 0 && left > 0)
		if (!answer(RELAY_FD))
			return;
}
