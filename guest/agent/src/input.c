// Input of a process: kept until it takes it. The host keeps count of what is on its way (docs/agent.md), so there is
// always room for what comes.
#include "agent.h"

enum { INPUT_ENDS = 0x04 }; // of a terminal: termios(3), VEOF

static void deaf(struct conn *c)
{
	if (c->tty)
		c->in = 0; // it may still have something to say
	shut(&c->in);
}

// give writes some of the input to the process; it returns how much of it that took.
static unsigned give(struct conn *c, const unsigned char *p, unsigned n)
{
	unsigned at = 0;

	while (c->in && at < n) {
		long done = sys3(__NR_write, c->in, p + at, n - at);

		if (done == -EAGAIN || done == -EINTR)
			break;
		if (done <= 0) // nobody reads any more: the rest is never given back, and so the host sends no more
			deaf(c);
		else
			at += (unsigned)done;
	}
	c->taken += at;
	return at;
}

// end passes on that the input has ended, once the process has taken all of it.
static void end(struct conn *c)
{
	static const char ends = INPUT_ENDS;

	if (!c->tty)
		shut(&c->in);
	else if (c->in)
		sys3(__NR_write, c->in, &ends, 1);
	c->input_ended = 0;
}

void input_feed(struct conn *c)
{
	c->from += give(c, c->b->kept + c->from, c->to - c->from);
	if (c->from == c->to || !c->in)
		c->from = c->to = 0;
	if (c->input_ended && c->to == 0)
		end(c);
}

// input_take takes what the host has sent, for which it has room.
void input_take(struct conn *c, const unsigned char *p, unsigned n)
{
	unsigned done = 0;

	if (c->from == c->to)
		done = give(c, p, n);
	if (!c->in)
		return;
	if (c->to + n - done > WINDOW) { // the room is in front
		memcpy(c->b->kept, c->b->kept + c->from, c->to - c->from); // it goes upwards (text.c)
		c->to -= c->from;
		c->from = 0;
	}
	memcpy(c->b->kept + c->to, p + done, n - done);
	c->to += n - done;
}
