// Frames: what the host says, and the short ones that the guest says.
#include <asm/ioctls.h>
#include <asm/signal.h>
#include <asm/termios.h>

#include "agent.h"

enum { LAST_SIGNAL = 64 };

static unsigned word(const unsigned char *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (unsigned)p[3] << 24;
}

// frame_put puts a short frame behind what is to be sent; 0 if there is no room.
int frame_put(struct conn *c, int kind, const void *p, unsigned n)
{
	unsigned char *at = c->b->out + c->fill;

	if (c->fill + FRAME_HEADER + n > sizeof c->b->out)
		return 0;
	at[0] = (unsigned char)kind;
	at[1] = (unsigned char)n; // short ones have less than 256 bytes
	at[2] = at[3] = at[4] = 0;
	memcpy(at + FRAME_HEADER, p, n);
	c->fill += FRAME_HEADER + n;
	return 1;
}

// frame_flush sends what the host takes now.
void frame_flush(struct conn *c)
{
	if (c->calling)
		return;
	while (c->sock && c->sent < c->fill) {
		long n = sys3(__NR_write, c->sock, c->b->out + c->sent, c->fill - c->sent);

		if (n == -EAGAIN || n == -EINTR)
			return;
		if (n <= 0 && c->main)
			return; // reading says why
		if (n <= 0) {
			conn_close(c);
			return;
		}
		c->sent += (unsigned)n;
	}
	c->sent = c->fill = 0;
}

void frame_started(struct conn *c, int pid)
{
	frame_put(c, STARTED, &pid, sizeof pid);
}

void frame_exit(struct conn *c)
{
	const unsigned char how[] = {c->kind, c->value};

	frame_put(c, EXIT, how, sizeof how);
	c->closing = 1;
}

// frame_taken gives the host back what the process has taken, if that is worth it and nothing waits to be sent.
void frame_taken(struct conn *c)
{
	if (c->taken < TAKEN_STEP || c->fill != 0 || c->closing)
		return;
	frame_put(c, TAKEN, &c->taken, sizeof c->taken);
	c->flight -= c->taken;
	c->taken = 0;
}

// frame_refuse ends a connection, and its process, with an error.
void frame_refuse(struct conn *c, int err, const char *step)
{
	unsigned char text[64];
	unsigned n = (unsigned)length(step);

	conn_forget(c);
	memcpy(text, &err, 4);
	memcpy(text + 4, step, n); // a constant
	c->ended = 0;
	c->closing = 1;
	frame_put(c, ERROR, text, 4 + n);
}

static int resize(const struct conn *c, const unsigned char *p, unsigned n)
{
	struct winsize w = {0};

	if (n != 4)
		return 0;
	w.ws_row = (unsigned short)(p[0] | p[1] << 8);
	w.ws_col = (unsigned short)(p[2] | p[3] << 8);
	if (c->tty && c->out)
		sys3(__NR_ioctl, c->out, TIOCSWINSZ, &w);
	return 1;
}

// send_signal: it is for a group that init knows, or for all but init.
static int send_signal(int pid, const unsigned char *p, unsigned n)
{
	if (n != 1 || p[0] < 1 || p[0] > LAST_SIGNAL)
		return 0;
	if (pid)
		sys2(__NR_kill, pid, p[0]);
	return 1;
}

// later keeps a signal for a program that stands still: in a snapshot of it, it would be there for all that go on from that.
static int later(struct conn *c, const unsigned char *p, unsigned n)
{
	if (!send_signal(0, p, n))
		return 0;
	c->late |= 1UL << (p[0] - 1);
	return 1;
}

static int input(struct conn *c, const unsigned char *p, unsigned n)
{
	if (n > WINDOW - c->flight)
		return 0;
	c->flight += n;
	input_take(c, p, n);
	return 1;
}

// obey does what a frame says; 0 if it makes no sense.
static int obey(struct agent *a, struct conn *c, int kind, unsigned char *p, unsigned n)
{
	if (c->began == (kind == START))
		return 0;
	switch (kind) {
	case START:
		start(a, c, (char *)p, n);
		return 1;
	case STDIN:
		return !c->input_ended && input(c, p, n);
	case STDIN_EOF:
		c->input_ended = 1;
		input_feed(c);
		return n == 0;
	case RESIZE:
		return resize(c, p, n);
	case SIGNAL:
		return c->hold ? later(c, p, n) : send_signal(-c->pid, p, n);
	case GO:
		if (c->hold != STANDS || !resize(c, p, n))
			return 0;
		hold_release(c);
		return 1;
	case SIGNAL_ALL:
		return c->main && send_signal(-1, p, n);
	}
	return 0;
}

// frames obeys all frames that are there as a whole; it returns how many bytes they had. What is behind START waits for the
// process.
static unsigned frames(struct agent *a, struct conn *c)
{
	unsigned at = 0;

	while (c->sock && !c->closing && !c->starting && c->got - at >= FRAME_HEADER) {
		unsigned char *frame = c->b->in + at;
		unsigned n = word(frame + 1);

		if (n <= FRAME_MAX && n > c->got - at - FRAME_HEADER)
			break;
		if (n > FRAME_MAX || !obey(a, c, frame[0], frame + FRAME_HEADER, n)) {
			frame_refuse(c, EPROTO, "frame");
			break;
		}
		at += FRAME_HEADER + n;
	}
	return at;
}

// frame_obey does what has come, and keeps the rest.
void frame_obey(struct agent *a, struct conn *c)
{
	unsigned used = frames(a, c);

	if (!c->sock)
		return;
	if (c->closing) // and what else the host says is ignored
		used = c->got;
	memcpy(c->b->in, c->b->in + used, c->got - used);
	c->got -= used;
}

// frame_again begins anew with a host that knows nothing of what was said to another one.
void frame_again(struct conn *c)
{
	unsigned char *out = c->b->out;
	unsigned said = 0, n = 0, fill = 0;
	const unsigned char began[] = {c->hold ? HELD : STARTED, 4, 0, 0, 0, (unsigned char)c->pid, (unsigned char)(c->pid >> 8), (unsigned char)(c->pid >> 16), (unsigned char)(c->pid >> 24)};

	while (said < c->fill && said + (n = FRAME_HEADER + word(out + said + 1)) <= c->sent)
		said += n;
	for (; said < c->fill; said += n) { // it never heard of a start, and has sent nothing
		n = FRAME_HEADER + word(out + said + 1);
		if (out[said] == HELD || out[said] == STARTED || out[said] == TAKEN)
			continue;
		memcpy(out + fill, out + said, n); // it goes upwards (text.c)
		fill += n;
	}
	c->fill = fill;
	c->sent = c->got = c->flight = c->taken = 0;
	sys3(__NR_write, c->sock, began, sizeof began); // a new connection has room for it
	if (c->closing && c->fill == 0)
		frame_exit(c);
	frame_flush(c);
}

// frame_receive takes what the host has sent.
void frame_receive(struct agent *a, struct conn *c)
{
	long n = sys3(__NR_read, c->sock, c->b->in + c->got, sizeof c->b->in - c->got);

	if (n == -EAGAIN || n == -EINTR)
		return;
	if ((n == -ENOTCONN || n == -ECONNRESET) && (c->main ? run_again(c) : hold_again(c)))
		return;
	if (n <= 0) {
		conn_close(c);
		return;
	}
	c->got += (unsigned)n;
	frame_obey(a, c);
}
