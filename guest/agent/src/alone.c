// The agent as a process of its own: beside a PID 1 that is not terem's.
#include <asm/signal.h>

#include "agent.h"

static void reap(struct agent *a)
{
	int status;
	long pid;

	while ((pid = sys4(__NR_wait4, -1, &status, 1 /* WNOHANG */, 0)) > 0)
		agent_reaped(a, (int)pid, status);
}

// agent_alone serves until somebody kills it.
void agent_alone(struct agent *a)
{
	unsigned long child = 1UL << (SIGCHLD - 1), held = child | 1UL << (SIGPIPE - 1);
	unsigned info[32]; // struct signalfd_siginfo
	long fd;

	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &held, 0, sizeof held);
	fd = sys4(__NR_signalfd4, -1, &child, sizeof child, O_CLOEXEC | O_NONBLOCK);
	for (int i = 0; i < OTHER_POLLS; i++)
		a->fds[i].fd = -1;
	for (;;) {
		const struct __kernel_timespec *patience = 0;
		unsigned n = agent_polls(a, &patience);

		a->fds[0] = (struct pollfd){(int)fd, POLLIN, 0};
		if (sys5(__NR_ppoll, a->fds, n, patience, 0, 0) < 0)
			continue;
		agent_serve(a, n);
		if (a->fds[0].revents && sys3(__NR_read, fd, info, sizeof info) > 0)
			reap(a);
	}
}
