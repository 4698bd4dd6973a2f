// PID 1 of terem's default guest.
//
// It mounts what programs expect, runs one command or a shell on the console, reaps what others leave
// behind, and hands the command's exit status to the host. Every system call costs about 0.3 ms and every
// page touched 1.6 ms on a software KVM backend: hence one small static program, no library, no fork.
//
//   signal            who sends it           what happens
//   SIGTERM           reboot(8)              processes end, then a reset
//   SIGUSR1, SIGUSR2  halt(8), poweroff(8)   processes end, then power off
//   SIGINT            the host, or kill      the same as SIGUSR2
#include <asm/signal.h>
#include <linux/time_types.h>
#include <linux/wait.h>

#include "init.h"

#define BIT(sig) (1UL << ((sig) - 1))

static const unsigned long watched =
	BIT(SIGCHLD) | BIT(SIGTERM) | BIT(SIGINT) | BIT(SIGUSR1) | BIT(SIGUSR2);

enum { PRIO_PROCESS_ = 0, LOWEST = 19 };

enum { GRACE_SECONDS = 2 }; // from SIGTERM to SIGKILL

// next_signal takes one pending signal; -EAGAIN after the given time, without limit if t is 0.
static long next_signal(const struct __kernel_timespec *t)
{
	return sys4(__NR_rt_sigtimedwait, &watched, 0, t, sizeof watched);
}

static int exit_code(int status)
{
	int sig = status & 0x7f;

	return sig ? 128 + sig : status >> 8 & 0xff;
}

// reap collects all dead children, and returns 0 once no child is left.
static int reap(struct options *o, int main_pid)
{
	int status;

	for (;;) {
		long pid = sys4(__NR_wait4, -1, &status, WNOHANG, 0);

		if (pid <= 0)
			return pid == 0;
		agent_reaped(&o->agent, (int)pid, status);
		if (pid == main_pid) {
			o->ended = 1;
			o->status = exit_code(status);
		}
	}
}

// end_processes asks all processes to end, and ends those that have not after the time of grace. A shell that somebody types at
// ignores SIGTERM, and goes when its terminal does.
static void end_processes(struct options *o, int main_pid)
{
	struct __kernel_timespec t = {.tv_sec = GRACE_SECONDS};

	sys2(__NR_kill, -1, SIGTERM);
	sys2(__NR_kill, -1, SIGCONT);
	if (o->shell && !o->ended)
		sys2(__NR_kill, main_pid, SIGHUP);
	while (reap(o, 0))
		if (next_signal(&t) == -EAGAIN)
			break;
	sys2(__NR_kill, -1, SIGKILL);
	agent_drain(&o->agent);
}

// wait_signal takes the next signal; until there is one, it carries bytes. -EAGAIN if it is not to wait.
static long wait_signal(struct options *o, int wait)
{
	static const struct __kernel_timespec now;
	int sig = loop(o, wait);

	if (sig < 0)
		return next_signal(wait ? 0 : &now);
	return sig ? sig : -EAGAIN;
}

// watch serves signals for ever. In a root file system of our own it also links the applets at first, one
// between two looks for a signal and at the lowest priority, so that this takes only the time that the command
// leaves.
static void watch(struct options *o, int main_pid, int linking)
{
	unsigned long applet = 0;
	int ready = !o->idle;

	if (linking)
		sys3(__NR_setpriority, PRIO_PROCESS_, 0, LOWEST);
	for (;;) {
		if (o->ended && agent_finished(&o->agent))
			host_exit(o->status);
		if (!ready && !linking) { // a host that takes a snapshot takes it now
			ready = 1;
			host_listen();
		}
		switch (wait_signal(o, !linking)) {
		case -EAGAIN:
			if (!linking)
				break;
			applet = rootfs_applet(applet);
			linking = applet != 0;
			if (!linking)
				sys3(__NR_setpriority, PRIO_PROCESS_, 0, 0);
			break;
		case SIGCHLD:
			reap(o, main_pid);
			break;
		case SIGTERM:
			end_processes(o, main_pid);
			host_reset();
		case SIGINT:
		case SIGUSR1:
		case SIGUSR2:
			end_processes(o, main_pid);
			host_power_off();
		}
	}
}

// hold_signals blocks what watch takes, and SIGTTOU: init drains a terminal whose foreground is the command; and SIGPIPE, for the agent.
static void hold_signals(void)
{
	unsigned long held = watched | BIT(SIGTTOU) | BIT(SIGPIPE);

	sys4(__NR_rt_sigprocmask, SIG_BLOCK, &held, 0, sizeof held);
}

// choose_shell fills in the command when the host named none. A shell at a pipe does not prompt.
static void choose_shell(struct options *o)
{
	o->shell = 1;
	o->file = "/bin/sh";
	o->argv[0] = o->pipe ? "sh" : "-sh"; // a login shell reads /etc/profile
}

void init_main(void)
{
	struct options o;
	const char *missing;
	int pid;

	host_began();
	memset(&o, 0, __builtin_offsetof(struct options, relay.buf));
	hold_signals();
	mount_proc();
	options_read(&o);
	console_setup(&o);
	if (!o.pipe && !o.argv[0])
		console_greet(&o);
	rootfs_make();
	mount_rest();
	console_reopen();
	if (o.pipe && !o.stdio && !o.idle)
		host_listen(); // what came before would have met an echo and the wrong modes
	if (o.hostname)
		sys2(__NR_sethostname, o.hostname, length(o.hostname));
	loopback_up();
	if (o.bad) {
		SAY("terem: the command line has a terem.cmd, terem.env or terem.share that is damaged or too long");
		host_exit(126);
	}
	if (o.root && !root_enter(&o))
		host_exit(126);
	if (!shares_mount(&o))
		host_exit(126);
	if (o.root && !o.argv[0] && !o.pipe)
		root_init(&o);
	if (!o.argv[0] && !o.idle)
		choose_shell(&o);
	missing = net_up(&o);
	if (!missing)
		missing = loop_open(&o, &watched);
	if (missing) {
		SAY("terem: the guest cannot ", missing);
		host_exit(126);
	}
	pid = o.idle ? 0 : child_start(&o);
	if (pid < 0) {
		SAY("terem: the guest cannot start a process");
		host_exit(126);
	}
	watch(&o, pid, !o.root);
}

__asm__(".globl _start\n"
	"_start:\n\t"
	"xor %ebp, %ebp\n\t"
	"and $-16, %rsp\n\t"
	"call init_main\n\t"
	"hlt\n");
