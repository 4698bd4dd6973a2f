// The agent's table of connections, and the calls that it takes. Everything here goes without waiting: the agent is
// PID 1, and a host that is silent, slow or mad may cost it a place in the table and nothing else.
#include <linux/mman.h>

#include "agent.h"

enum { BACKLOG = 1024 }; // a call that finds no room in it is refused

enum { KEEP = 4 }; // so many places keep their memory for who comes next

enum { FEW = 200, MANY = 4096 }; // connections that the usual limit of descriptors is enough for; descriptors for all

enum { CALLS = 8 }; // that are taken between two looks at all connections

static void *mapped(unsigned long n)
{
	long at = sys6(__NR_mmap, 0, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at < 0 && at > -4096 ? 0 : (void *)at;
}

int agent_open(struct agent *a, const char *const *env)
{
	unsigned long conns = CONNS_MAX * sizeof *a->conns, fds = (OTHER_POLLS + CONNS_MAX * CONN_POLLS) * sizeof *a->fds;
	char *at = mapped(fds + conns);

	a->env = env;
	a->fds = (struct pollfd *)at;
	a->conns = (struct conn *)(at + fds);
	return at != 0;
}

long agent_vsock(void)
{
	struct vsock_address here = {.family = AF_VSOCK_, .port = AGENT_PORT, .cid = (unsigned)CID_ANY};
	long fd = sys3(__NR_socket, AF_VSOCK_, SOCK_STREAM_ | SOCK_CLOEXEC_ | SOCK_NONBLOCK_, 0);

	if (fd >= 0 && sys3(__NR_bind, fd, &here, sizeof here) < 0) {
		sys1(__NR_close, fd);
		return -1;
	}
	return fd;
}

int agent_listen(struct agent *a, long fd)
{
	if (fd <= 2 || sys2(__NR_listen, fd, BACKLOG) < 0)
		return 0;
	a->listener = (int)fd;
	return 1;
}

// raise lets the agent have a descriptor for each stream of each connection. Processes get the old limit.
static void raise(struct agent *a)
{
	struct limit many = {MANY, MANY};

	if (a->raised || sys4(__NR_prlimit64, 0, LIMIT_FILES, 0, &a->limit) < 0)
		return;
	if (a->limit.most > MANY)
		many.most = a->limit.most;
	a->raised = sys4(__NR_prlimit64, 0, LIMIT_FILES, &many, 0) == 0;
}

// place finds the first place that is free, or frees one of somebody who has not begun.
static struct conn *place(struct agent *a)
{
	struct conn *idle = 0;

	for (unsigned i = 0; i < CONNS_MAX; i++) {
		struct conn *c = &a->conns[i];

		if (!c->sock) {
			if (i >= a->used)
				a->used = i + 1;
			if (i >= FEW)
				raise(a);
			return c;
		}
		if (!c->began && !idle)
			idle = c;
	}
	if (idle)
		conn_close(idle);
	return idle;
}

// agent_take makes a connection of a socket.
struct conn *agent_take(struct agent *a, long fd)
{
	struct conn *c = place(a);

	if (c && !c->b)
		c->b = mapped(sizeof *c->b);
	if (!c || !c->b)
		return 0;
	c->sock = (int)fd;
	c->spare = c >= a->conns + KEEP;
	return c;
}

// turn_away says that there is no place.
static void turn_away(long fd)
{
	static const char last[] = {ERROR, 15, 0, 0, 0, EMFILE, 0, 0, 0, 'c', 'o', 'n', 'n', 'e', 'c', 't', 'i', 'o', 'n', 's'};

	sys3(__NR_write, fd, last, sizeof last);
	sys1(__NR_close, fd);
}

// answer takes a call, if there is one. Within the guest nobody may make one: it would be a way to become root.
static int answer(struct agent *a)
{
	struct vsock_address peer = {0};
	int n = sizeof peer;
	long fd = sys4(__NR_accept4, a->listener, &peer, &n, SOCK_CLOEXEC_ | SOCK_NONBLOCK_);

	if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -ENOBUFS)
		a->deaf = 1;
	if (fd < 0)
		return 0;
	if (peer.family == AF_VSOCK_ && peer.cid != CID_HOST)
		sys1(__NR_close, fd);
	else if (!agent_take(a, fd))
		turn_away(fd);
	return 1;
}

static unsigned long seconds(void)
{
	enum { MONOTONIC = 1 };
	struct __kernel_timespec t = {0, 0};

	sys2(__NR_clock_gettime, MONOTONIC, &t);
	return (unsigned long)t.tv_sec;
}

// hurry gives up the host of the run connection, if that does not close it when all has been said.
static void hurry(struct agent *a)
{
	enum { PATIENCE = 2 };
	unsigned long now = seconds();

	if (!a->patience)
		a->patience = now + PATIENCE;
	else if (now > a->patience)
		conn_close(a->run);
}

// agent_polls fills in what is to be polled, from entry OTHER_POLLS - 1 on, and how long at the most. It returns how many
// entries there are in all.
unsigned agent_polls(struct agent *a, const struct __kernel_timespec **patience)
{
	static const struct __kernel_timespec second = {1, 0};
	struct pollfd *p = a->fds + OTHER_POLLS;
	int again = a->deaf, saying_goodbye = a->run && a->run->main && a->run->closing && a->run->sent == a->run->fill;

	if (saying_goodbye)
		hurry(a);
	a->fds[OTHER_POLLS - 1] = (struct pollfd){a->listener && !a->deaf ? a->listener : -1, POLLIN, 0};
	a->deaf = 0;
	while (a->used && !a->conns[a->used - 1].sock)
		a->used--;
	for (unsigned i = 0; i < a->used; i++, p += CONN_POLLS) {
		again |= a->conns[i].quiet;
		conn_polls(&a->conns[i], p);
	}
	if ((again || saying_goodbye) && !*patience)
		*patience = &second;
	return (unsigned)(p - a->fds);
}

// agent_serve does what ppoll(2) has found to do among so many entries.
void agent_serve(struct agent *a, unsigned polls)
{
	const struct pollfd *p = a->fds + OTHER_POLLS, *end = a->fds + polls;

	for (struct conn *c = a->conns; p < end; c++, p += CONN_POLLS)
		if (c->sock)
			conn_serve(a, c, p);
	if (a->fds[OTHER_POLLS - 1].revents)
		for (int i = 0; i < CALLS && answer(a); i++)
			;
}

// agent_finished says whether the host has all of the main command, or does not want it.
int agent_finished(const struct agent *a)
{
	return !a->run || !a->run->main;
}

// agent_reaped hears what wait4(2) says of a process: that it has ended, or stands still because the agent traces it.
int agent_reaped(struct agent *a, int pid, int status)
{
	enum { STOPPED = 0x7f };

	for (struct conn *c = a->conns; c < a->conns + a->used; c++) {
		if (c->sock && c->pid == pid) {
			if ((status & 0xff) == STOPPED)
				hold_stopped(c, status);
			else
				conn_ended(c, status);
			return 1;
		}
	}
	return 0;
}

// conn_close ends a connection, and forgets its process.
void conn_close(struct conn *c)
{
	struct buffers *b = c->b;

	conn_forget(c);
	shut(&c->sock);
	if (c->spare) {
		sys2(__NR_munmap, b, sizeof *b);
		b = 0;
	}
	memset(c, 0, sizeof *c);
	c->b = b;
}
