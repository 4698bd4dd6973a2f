// What PID 1 waits for: signals, the relay's streams, and the agent's. One look for all, and nothing waits for one alone.
#include "init.h"

enum { SIGNALS, RELAY }; // entries for ppoll(2); the agent's come last

_Static_assert(RELAY + RELAY_POLLS + 1 == OTHER_POLLS, "the agent's entries begin with its socket");

// agent makes the agent ready for calls of the host, and calls it. Where there is no vsock, there is only nobody to call.
static const char *agent(struct options *o)
{
	if (!agent_open(&o->agent, o->env))
		return "get memory for its agent";
	if (o->listen)
		agent_listen(&o->agent, agent_vsock());
	if (!o->stdio)
		return 0;
	if (!agent_call(&o->agent))
		return "reach its host over vsock";
	return agent_pipes(&o->agent, o->streams) ? 0 : "make a pipe";
}

// loop_open makes what the loop needs. Without it, init only waits for signals.
const char *loop_open(struct options *o, const unsigned long *watched)
{
	const char *missing;

	if (!o->pipe && !o->listen)
		return 0;
	if (o->pipe && !o->stdio && !o->idle && !relay_open(&o->relay))
		return "make a pipe";
	if ((o->listen || o->stdio) && (missing = agent(o)))
		return missing;
	o->signals = (int)sys4(__NR_signalfd4, -1, watched, sizeof *watched, O_CLOEXEC | O_NONBLOCK);
	return o->signals > 0 ? 0 : "wait for signals";
}

// loop_connect makes the command's ends the standard streams of the calling process.
void loop_connect(const struct options *o)
{
	relay_connect(&o->relay);
	if (o->stdio)
		for (int i = 0; i < 3; i++)
			sys2(__NR_dup2, o->streams[i], i);
}

void loop_began(struct options *o, int pid)
{
	relay_began(&o->relay);
	if (o->stdio)
		agent_began(&o->agent, o->streams, pid);
}

// loop carries bytes until a signal is pending, which it returns. It returns 0 if there is nothing to do and it is not to
// wait, or if the command's host has all; and -1 if there is nothing to carry.
int loop(struct options *o, int wait)
{
	static const struct __kernel_timespec now;
	struct pollfd few[OTHER_POLLS], *fds = o->agent.fds ? o->agent.fds : few;
	unsigned info[32]; // struct signalfd_siginfo: the signal's number is first

	if (!o->signals)
		return -1;
	do {
		const struct __kernel_timespec *patience = wait ? 0 : &now;
		unsigned n = OTHER_POLLS - 1;

		if (o->agent.fds)
			n = agent_polls(&o->agent, &patience);
		fds[SIGNALS] = (struct pollfd){o->signals, POLLIN, 0};
		relay_polls(&o->relay, fds + RELAY);
		long ready = sys5(__NR_ppoll, fds, n, patience, 0, 0);

		if (ready < 0 || (ready == 0 && !wait))
			return 0;
		relay_serve(&o->relay, fds + RELAY);
		if (o->agent.fds)
			agent_serve(&o->agent, n);
		if (fds[SIGNALS].revents && sys3(__NR_read, o->signals, info, sizeof info) == sizeof info)
			return (int)info[0];
	} while (!(o->ended && agent_finished(&o->agent)));
	return 0;
}
