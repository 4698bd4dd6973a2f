// One connection: what is polled for it, the output of its process, and its end.
#include <asm/ioctls.h>
#include <asm/signal.h>

#include "agent.h"

enum { SOCKET, INPUT, OUTPUT, ERRORS, STARTING = OUTPUT }; // entries for ppoll(2)

enum { TTY_LEFT = 1 << 20 }; // bytes that a terminal may hold when its process ends

void shut(int *fd)
{
	if (*fd > 0)
		sys1(__NR_close, *fd);
	*fd = 0;
}

static void shut_input(struct conn *c)
{
	if (c->tty)
		c->in = 0;
	shut(&c->in);
}

static struct pollfd entry(int fd, short events)
{
	return (struct pollfd){fd && events ? fd : -1, events, 0};
}

// conn_polls: of a host whose program is not executed yet nothing is read, it may only go. A process whose last output waits for the
// host is not read from. A terminal that nobody has open would always be ready, and is left out each second time.
void conn_polls(struct conn *c, struct pollfd p[CONN_POLLS])
{
	short output = c->fill == 0 && !c->closing && !c->ended && !c->quiet ? POLLIN : 0;

	if (c->starting) {
		p[SOCKET] = entry(c->sock, POLLRDHUP);
		p[STARTING] = entry(c->starting, POLLIN);
		p[INPUT] = p[ERRORS] = entry(0, 0);
		return;
	}
	if (c->calling) {
		p[SOCKET] = entry(c->sock, POLLOUT);
		p[INPUT] = p[OUTPUT] = p[ERRORS] = entry(0, 0);
		return;
	}
	c->quiet = 0;
	p[SOCKET] = entry(c->sock, c->sent < c->fill ? POLLIN | POLLOUT : POLLIN);
	p[INPUT] = entry(c->in, c->from < c->to ? POLLOUT : 0);
	p[OUTPUT] = entry(c->out, output);
	p[ERRORS] = entry(c->err, output);
}

// carry puts what a process has written into a frame, *most bytes of it if most is there; that says what is left then.
static void carry(struct conn *c, int *fd, int kind, int *most)
{
	unsigned char *frame = c->b->out + c->fill;
	unsigned size = OUT_MAX;
	long n;

	if (c->fill > CONTROL_ROOM / 2 || !*fd)
		return;
	if (most && *most < OUT_MAX)
		size = (unsigned)*most;
	n = sys3(__NR_read, *fd, frame + FRAME_HEADER, size);
	if (most)
		*most = n > 0 ? *most - (int)n : 0;
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0 && c->tty) { // nobody has it open; but without it, the process would be hung up
		c->quiet = 1;
		return;
	}
	if (n <= 0) {
		shut(fd);
		return;
	}
	frame[0] = (unsigned char)kind;
	frame[1] = (unsigned char)n;
	frame[2] = (unsigned char)(n >> 8);
	frame[3] = frame[4] = 0;
	c->fill += FRAME_HEADER + (unsigned)n;
}

// finish sends what an ended process has left, as far as the host takes it, and then how it ended.
static void finish(struct conn *c)
{
	while (c->sock && c->ended && !c->closing && c->fill == 0) {
		if (c->out && c->out_left > 0)
			carry(c, &c->out, STDOUT, &c->out_left);
		else if (c->err && c->err_left > 0)
			carry(c, &c->err, STDERR, &c->err_left);
		else
			frame_exit(c);
		frame_flush(c);
	}
}

// close_said closes a connection when all has been sent. The run connection is the host's to close: only then it has all.
static void close_said(struct conn *c)
{
	if (c->sock && c->closing && c->fill == 0 && !c->main)
		conn_close(c);
}

// serve_start serves a connection whose program is not executed yet. What is behind START comes when it is.
static void serve_start(struct agent *a, struct conn *c, int host_gone)
{
	if (host_gone) {
		conn_close(c);
		return;
	}
	start_settle(c);
	frame_flush(c);
	if (c->sock && !c->starting)
		frame_obey(a, c);
	close_said(c);
}

void conn_serve(struct agent *a, struct conn *c, const struct pollfd p[CONN_POLLS])
{
	if (!(p[SOCKET].revents | p[INPUT].revents | p[OUTPUT].revents | p[ERRORS].revents))
		return;
	if (c->starting) {
		serve_start(a, c, p[SOCKET].revents);
		return;
	}
	if (c->calling) {
		hold_called(c);
		finish(c);
		close_said(c);
		return;
	}
	if (p[SOCKET].revents & ~POLLOUT)
		frame_receive(a, c);
	if (p[INPUT].revents)
		input_feed(c);
	if (c->sock)
		frame_taken(c);
	if (p[OUTPUT].revents && c->sock && !c->closing)
		carry(c, &c->out, STDOUT, 0);
	if (c->sock)
		frame_flush(c);
	if (p[ERRORS].revents && c->sock && !c->closing)
		carry(c, &c->err, STDERR, 0);
	if (c->sock)
		frame_flush(c);
	finish(c);
	close_said(c);
}

// note notes how the process has ended, and what is in its streams at that moment.
static void note(struct conn *c, int status)
{
	int sig = status & 0x7f;

	c->ended = 1;
	c->kind = sig != 0;
	c->value = (unsigned char)(sig ? sig : status >> 8);
	c->out_left = c->err_left = TTY_LEFT;
	if (!c->tty) {
		if (c->out && sys3(__NR_ioctl, c->out, FIONREAD, &c->out_left) < 0)
			c->out_left = 0;
		if (c->err && sys3(__NR_ioctl, c->err, FIONREAD, &c->err_left) < 0)
			c->err_left = 0;
	}
	shut_input(c);
	c->from = c->to = 0;
}

// conn_ended is told that the process has ended; it may have done so before its program was executed.
void conn_ended(struct conn *c, int status)
{
	if (c->starting)
		start_settle(c);
	if (c->hold && !c->closing) // it never got to say that it began
		frame_started(c, c->pid);
	c->hold = 0;
	if (!c->closing)
		note(c, status);
	c->pid = 0;
	frame_flush(c);
	finish(c);
	close_said(c);
}

// conn_forget lets the process of a host that has gone know, and leaves it alone. One that has not got to its program, or not to its first
// instruction, may never get there and is of no use.
void conn_forget(struct conn *c)
{
	if (c->pid > 0 && !c->detach) {
		if (c->starting || c->hold)
			sys2(__NR_kill, c->pid, SIGKILL);
		sys2(__NR_kill, -c->pid, SIGHUP);
		sys2(__NR_kill, -c->pid, SIGCONT);
	}
	c->pid = 0;
	c->hold = 0;
	shut(&c->starting);
	shut_input(c);
	shut(&c->out);
	shut(&c->err);
}
