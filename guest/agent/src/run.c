// The run connection: init calls the host, and the main command's streams go that way.

#include "agent.h"

// run_call waits for the host's answer: two seconds at the most each time, as the kernel has it. A host that is not there says so at once.
long run_call(int flags)
{
	enum { TIMES = 5 };
	struct vsock_address host = {.family = AF_VSOCK_, .port = AGENT_PORT, .cid = CID_HOST};
	long err = 0, fd = sys3(__NR_socket, AF_VSOCK_, SOCK_STREAM_ | SOCK_CLOEXEC_ | flags, 0);

	if (fd < 0)
		return fd;
	for (int i = 0; i < TIMES && (err = sys3(__NR_connect, fd, &host, sizeof host)) == -ETIMEDOUT; i++)
		;
	if (err < 0 && err != -EINPROGRESS) {
		sys1(__NR_close, fd);
		return -1;
	}
	sys3(__NR_fcntl, fd, F_SETFL, O_NONBLOCK);
	return fd;
}

int agent_call(struct agent *a)
{
	long fd = run_call(0);

	if (fd < 0)
		return 0;
	a->run = agent_take(a, fd);
	if (!a->run)
		return 0;
	a->run->main = a->run->began = 1;
	return 1;
}

// run_again calls the host that has taken the place of the one before: when a machine is restored from a snapshot, the driver
// ends all its connections. What was on its way is lost, and so is input that the process has not taken.
int run_again(struct conn *c)
{
	long fd = run_call(0);

	if (fd < 0)
		return 0;
	shut(&c->sock);
	c->sock = (int)fd;
	run_anew(c);
	return 1;
}

void run_anew(struct conn *c)
{
	c->from = c->to = 0;
	c->input_ended = 0;
	frame_again(c);
}

// agent_pipes makes the streams for the main command, which are in fds.
int agent_pipes(struct agent *a, int fds[3])
{
	return pipes_open(a->run, fds) == 0;
}

// agent_began gives up the command's ends, once it has them: nobody else is to hold them open.
void agent_began(struct agent *a, int fds[3], int pid)
{
	for (int i = 0; i < 3; i++)
		shut(&fds[i]);
	a->run->pid = pid;
	frame_started(a->run, pid);
	frame_flush(a->run);
}

// agent_drain sends what the main command has left in its streams, now that all processes have ended without init having
// waited for that one, and waits for the host to have it.
void agent_drain(struct agent *a)
{
	struct conn *c = a->run;

	if (agent_finished(a))
		return;
	if (!c->ended && !c->closing)
		conn_ended(c, 0);
	while (!agent_finished(a)) {
		const struct __kernel_timespec *patience = 0;
		struct pollfd p[CONN_POLLS];

		agent_polls(a, &patience);
		if (agent_finished(a))
			return;
		conn_polls(c, p);
		if (sys5(__NR_ppoll, p, CONN_POLLS, patience, 0, 0) >= 0)
			conn_serve(a, c, p);
	}
}
