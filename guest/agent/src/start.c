// START: a process by the host's wish. What is to be done in the new process happens on memory that it shares with the
// agent, which waits until it executes its program; so an error is simply left there.
//
// Nobody may wait for one that becomes a user's, since others of that user may stop it from then on; nor for a directory, whose
// file system may not answer; nor for one that the agent traces, as each signal stops it until the agent has heard of that. Such a process is a fork, with memory of its own, and a pipe: that ends when it executes its
// program, and by it it says what failed.
#include <asm/ioctls.h>
#include <asm/signal.h>
#include <asm/termios.h>
#include <linux/mman.h>

#include "agent.h"

enum { ARGS_MAX = 4096, HOST_ENV_MAX = 512, PREFIX = 8, STACK = 32 << 10, NAME_MAX_ = 256 };

enum { STEP_MAX = 16, REPORT = 3, DESCRIPTORS = 4096 };

enum { TTY_GROUP = 5, TTY_MODE = 0620 };

// scratch is memory for one start at a time.
struct scratch {
	char stack[STACK] __attribute__((aligned(16)));
	const char *argv[1 + ARGS_MAX + 1]; // with room for a script's shell in front
	const char *env[ENV_MAX + 1];
	const char *host_env[HOST_ENV_MAX + 1];
	char home[NAME_MAX_], user[NAME_MAX_], logname[NAME_MAX_];
	char passwd[TEXT_MAX + 1], group[TEXT_MAX + 1];
};

// plan is what the new process does.
struct plan {
	struct program program;
	struct scratch *scratch;
	char *user;
	const char *dir;
	unsigned flags;
	struct winsize size;
	int fds[3];		      // its streams
	int report;		      // of a fork: where it says what failed; else 0
	const struct limit *limit; // of descriptors, or 0
	long err;		      // a negative errno, of a step
	const char *step;
};

// failure is what comes out of the pipe: the payload of ERROR.
struct failure {
	int err;
	char step[STEP_MAX];
};

__attribute__((noreturn)) static void fail(struct plan *p, long err, const char *step)
{
	struct failure f = {.err = (int)-err};
	unsigned long n = length(step);

	p->err = err;
	p->step = step;
	memcpy(f.step, step, n); // a constant
	if (p->report)
		sys3(__NR_write, REPORT, &f, sizeof f.err + n);
	for (;;)
		sys1(__NR_exit, 127);
}

// let_go closes what is the agent's: a process that is held up would else hold up whoever waits for the end of a stream.
static void let_go(struct plan *p)
{
	if (p->report != REPORT)
		sys3(__NR_dup3, p->report, REPORT, O_CLOEXEC);
	if (sys3(__NR_close_range, REPORT + 1, ~0U, 0) == -ENOSYS)
		for (int fd = REPORT + 1; fd < DESCRIPTORS; fd++)
			sys1(__NR_close, fd);
}

// streams makes the streams those of the process, which leads a session. No descriptor of the agent's is below 3.
static void streams(struct plan *p)
{
	long err = 0;

	for (int i = 0; i < 3 && !(p->flags & DETACH) && err >= 0; i++)
		err = sys2(__NR_dup2, p->fds[i], i);
	if (p->report)
		let_go(p);
	if (p->flags & DETACH) {
		long null = sys3(__NR_open, "/dev/null", O_RDWR | O_CLOEXEC, 0);

		err = null;
		for (int i = 0; i < 3 && err >= 0; i++)
			err = sys2(__NR_dup2, null, i);
	}
	if (err < 0)
		fail(p, err, "session");
	if ((err = sys0(__NR_setsid)) < 0)
		fail(p, err, "session");
	if (p->flags & TTY)
		sys3(__NR_ioctl, 0, TIOCSCTTY, 0);
}

// variable puts NAME=value into the environment, if there is room.
static void variable(struct plan *p, char to[NAME_MAX_], const char *name, const char *value)
{
	unsigned long n = length(name), m = length(value);

	if (n + m >= NAME_MAX_)
		return;
	memcpy(to, name, n);
	memcpy(to + n, value, m + 1);
	env_put(p->program.env, ENV_MAX, to);
}

// become makes the process the user's, and its streams, so that it can open them by name.
static void become(struct plan *p)
{
	struct who w = {0};
	struct scratch *s = p->scratch;
	long err = who_find(p->user, &w, s->passwd, s->group);

	if (err < 0)
		fail(p, err, "user");
	if (!(p->flags & DETACH))
		for (int i = 0; i < 3; i++)
			sys3(__NR_fchown, i, w.uid, p->flags & TTY ? TTY_GROUP : w.gid);
	if ((err = sys2(__NR_setgroups, w.n, w.groups)) < 0 || (err = sys1(__NR_setgid, w.gid)) < 0 ||
	    (err = sys1(__NR_setuid, w.uid)) < 0)
		fail(p, err, "user");
	variable(p, s->home, "HOME=", w.home);
	if (*w.name) {
		variable(p, s->user, "USER=", w.name);
		variable(p, s->logname, "LOGNAME=", w.name);
	}
}

static void enter(void *arg)
{
	struct plan *p = arg;
	unsigned long none = 0;
	long err;

	if (p->flags & HOLD && (err = hold_me()) < 0)
		fail(p, err, "hold");
	streams(p);
	if (p->limit)
		sys4(__NR_prlimit64, 0, LIMIT_FILES, p->limit, 0);
	if (*p->user)
		become(p);
	for (const char **kv = p->scratch->host_env; *kv; kv++)
		env_put(p->program.env, ENV_MAX, *kv);
	if ((err = sys1(__NR_chdir, *p->dir ? p->dir : "/")) < 0)
		fail(p, err, "chdir");
	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &none, 0, sizeof none);
	fail(p, program_execute(&p->program), "execve");
}

// next gives the next string of a text that ends with a NUL; 0 if there is none.
static char *next(char **at, const char *end)
{
	char *s = *at;

	if (s >= end)
		return 0;
	*at += length(s) + 1;
	return s;
}

static unsigned half(const char *p)
{
	return (unsigned char)p[0] | (unsigned)(unsigned char)p[1] << 8;
}

// words puts at most so many strings into a list with a 0 at its end; it returns how many there were.
static unsigned words(const char **list, unsigned most, char **at, const char *end)
{
	unsigned n = 0;
	char *word;

	while (n < most && (word = next(at, end)))
		list[n++] = word;
	list[n] = 0;
	return n;
}

// environment begins with what the agent has of its own.
static void environment(const struct agent *a, struct plan *p)
{
	unsigned n = 0;

	for (; a->env[n] && n < ENV_MAX - HOST_ENV_MAX; n++)
		p->scratch->env[n] = a->env[n];
	p->scratch->env[n] = 0;
	p->program.env = p->scratch->env;
}

// parse reads START; it returns a negative errno if that makes no sense.
static long parse(struct plan *p, char *text, unsigned n)
{
	struct scratch *s = p->scratch;
	char *at = text + PREFIX, *end = text + n;
	unsigned argc;

	if (n <= PREFIX || end[-1] != 0 || text[0] & ~(TTY | DETACH | HOLD) || text[1] != 0)
		return -EINVAL;
	p->flags = (unsigned char)text[0];
	p->size.ws_row = (unsigned short)half(text + 2);
	p->size.ws_col = (unsigned short)half(text + 4);
	argc = half(text + 6);
	p->user = next(&at, end);
	p->dir = next(&at, end);
	if (argc > ARGS_MAX)
		return -E2BIG;
	if (!p->dir || argc == 0 || (p->flags & DETACH && p->flags & (TTY | HOLD)))
		return -EINVAL;
	p->program.argv = s->argv + 1;
	if (words(p->program.argv, argc, &at, end) != argc)
		return -EINVAL;
	words(s->host_env, HOST_ENV_MAX, &at, end);
	return at < end ? -E2BIG : 0;
}

// pipe_open makes a pipe of which one end, ours, never waits.
static long pipe_open(int *from, int *to, const int *ours)
{
	int fds[2];
	long err = sys2(__NR_pipe2, fds, O_CLOEXEC);

	if (err < 0)
		return err;
	*from = fds[0];
	*to = fds[1];
	sys3(__NR_fcntl, *ours, F_SETFL, O_NONBLOCK);
	return 0;
}

// pipes_open makes pipes: the agent's ends are the connection's and never wait, the others are those of the process.
long pipes_open(struct conn *c, int fds[3])
{
	long failed = pipe_open(&fds[0], &c->in, &c->in);

	if (failed == 0)
		failed = pipe_open(&c->out, &fds[1], &c->out);
	if (failed == 0)
		failed = pipe_open(&c->err, &fds[2], &c->err);
	return failed;
}

// terminal makes a pseudo terminal; its slave is all three streams.
static long terminal(struct conn *c, struct plan *p)
{
	int unlocked = 0;
	long slave, fd = sys3(__NR_open, "/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK, 0);

	if (fd < 0)
		return fd;
	c->in = c->out = (int)fd;
	c->tty = 1;
	sys3(__NR_ioctl, fd, TIOCSPTLCK, &unlocked);
	slave = sys3(__NR_ioctl, fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return slave;
	if (p->size.ws_row && p->size.ws_col)
		sys3(__NR_ioctl, fd, TIOCSWINSZ, &p->size);
	p->fds[0] = (int)slave;
	return 0;
}

// connect gives the connection and the process the ends of the same streams.
static long connect(struct conn *c, struct plan *p)
{
	long err = 0;

	if (p->flags & TTY) {
		p->step = "pty";
		err = terminal(c, p);
		p->fds[1] = p->fds[2] = p->fds[0];
	} else if (!(p->flags & DETACH)) {
		p->step = "pipe";
		err = pipes_open(c, p->fds);
	}
	return err;
}

// wait_for makes a process that is executing its program now, or has left its error in the plan.
static long wait_for(struct plan *p)
{
	long pid = spawn(enter, p, p->scratch->stack + STACK);

	if (pid > 0 && p->err) {
		sys4(__NR_wait4, pid, 0, 0, 0);
		pid = p->err;
	}
	return pid;
}

// begin makes the process.
static long begin(struct conn *c, struct plan *p)
{
	long pid;

	p->step = "fork";
	if (!*p->user && !*p->dir && !(p->flags & HOLD))
		return wait_for(p);
	if ((pid = pipe_open(&c->starting, &p->report, &c->starting)) < 0)
		p->step = "pipe";
	else if ((pid = sys5(__NR_clone, SIGCHLD, 0, 0, 0, 0)) == 0)
		enter(p);
	return pid;
}

static struct scratch *scratch(struct agent *a)
{
	if (!a->scratch) {
		long at = sys6(__NR_mmap, 0, sizeof *a->scratch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at > 0 || at < -4096)
			a->scratch = (struct scratch *)at;
	}
	return a->scratch;
}

// carry_out makes a process of START.
static long carry_out(struct agent *a, struct conn *c, struct plan *p, char *text, unsigned n)
{
	long err = p->scratch ? parse(p, text, n) : -ENOMEM;

	if (err == 0)
		err = connect(c, p);
	if (err < 0)
		return err;
	environment(a, p);
	return begin(c, p);
}

// started says that the program is being executed; of one that is to stand still, that is said when it does.
static void started(struct conn *c)
{
	if (c->hold)
		return;
	frame_started(c, c->pid);
	if (c->detach) {
		c->closing = 1;
		c->pid = 0;
	}
}

void start(struct agent *a, struct conn *c, char *text, unsigned n)
{
	struct plan p = {.scratch = scratch(a), .limit = a->raised ? &a->limit : 0, .step = "start"};
	long pid = carry_out(a, c, &p, text, n);

	c->began = 1;
	shut(&p.report);
	shut(&p.fds[0]);
	if (!(p.flags & TTY)) {
		shut(&p.fds[1]);
		shut(&p.fds[2]);
	}
	if (pid < 0) {
		frame_refuse(c, (int)-pid, p.step);
		return;
	}
	c->detach = (p.flags & DETACH) != 0;
	c->hold = p.flags & HOLD ? STOPS : 0;
	c->pid = (int)pid;
	if (!c->starting)
		started(c);
}

void start_settle(struct conn *c)
{
	struct failure f = {0};
	long n = sys3(__NR_read, c->starting, &f, sizeof f - 1);

	if (n == -EAGAIN || n == -EINTR)
		return;
	shut(&c->starting);
	if (n > 0)
		frame_refuse(c, f.err, f.step);
	else
		started(c);
}
