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

// reap collects all dead children; it ends the machine with the status of main_pid if that is one of them,
// and returns 0 once no child is left.
static int reap(int main_pid)
{
	int status;

	for (;;) {
		long pid = sys4(__NR_wait4, -1, &status, WNOHANG, 0);

		if (pid <= 0)
			return pid == 0;
		if (pid == main_pid)
			host_exit(exit_code(status));
	}
}

// end_processes asks all processes to end, and ends those that have not after the time of grace.
static void end_processes(void)
{
	struct __kernel_timespec t = {.tv_sec = GRACE_SECONDS};

	sys2(__NR_kill, -1, SIGTERM);
	sys2(__NR_kill, -1, SIGCONT);
	while (reap(0))
		if (next_signal(&t) == -EAGAIN)
			break;
	sys2(__NR_kill, -1, SIGKILL);
}

// wait_signal takes the next signal; in pipe mode it relays until there is one. -EAGAIN if it is not to wait.
static long wait_signal(struct relay *r, int wait)
{
	static const struct __kernel_timespec now;
	int sig = relay(r, wait);

	if (sig < 0)
		return next_signal(wait ? 0 : &now);
	return sig ? sig : -EAGAIN;
}

// watch serves signals for ever. In a root file system of our own it also links the applets at first, one
// between two looks for a signal and at the lowest priority, so that this takes only the time that the command
// leaves.
static void watch(struct relay *r, int main_pid, int linking)
{
	unsigned long applet = 0;

	if (linking)
		sys3(__NR_setpriority, PRIO_PROCESS_, 0, LOWEST);
	for (;;) {
		switch (wait_signal(r, !linking)) {
		case -EAGAIN:
			applet = rootfs_applet(applet);
			linking = applet != 0;
			if (!linking)
				sys3(__NR_setpriority, PRIO_PROCESS_, 0, 0);
			break;
		case SIGCHLD:
			reap(main_pid);
			break;
		case SIGTERM:
			end_processes();
			host_reset();
		case SIGINT:
		case SIGUSR1:
		case SIGUSR2:
			end_processes();
			host_power_off();
		}
	}
}

// hold_signals blocks what watch takes, and SIGTTOU: init drains a terminal whose foreground is the command.
static void hold_signals(void)
{
	unsigned long held = watched | BIT(SIGTTOU);

	sys4(__NR_rt_sigprocmask, SIG_BLOCK, &held, 0, sizeof held);
}

// choose_shell fills in the command when the host named none. A shell at a pipe does not prompt.
static void choose_shell(struct options *o)
{
	o->file = "/bin/sh";
	o->argv[0] = o->pipe ? "sh" : "-sh"; // a login shell reads /etc/profile
}

void init_main(void)
{
	struct options o;
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
	if (o.pipe)
		host_listen(); // what came before would have met an echo and the wrong modes
	if (o.hostname)
		sys2(__NR_sethostname, o.hostname, length(o.hostname));
	loopback_up();
	if (o.bad) {
		SAY("terem: the command line has a terem.cmd or terem.env that is damaged or too long");
		host_exit(126);
	}
	if (o.root) {
		if (!root_enter(&o))
			host_exit(126);
		if (o.root && !o.argv[0] && !o.pipe)
			root_init(&o);
	}
	if (!o.argv[0])
		choose_shell(&o);
	if (o.pipe && !relay_open(&o.relay, watched)) {
		SAY("terem: the guest cannot make a pipe");
		host_exit(126);
	}
	pid = child_start(&o);
	if (pid < 0) {
		SAY("terem: the guest cannot start a process");
		host_exit(126);
	}
	watch(&o.relay, pid, !o.root);
}

__asm__(".globl _start\n"
	"_start:\n\t"
	"xor %ebp, %ebp\n\t"
	"and $-16, %rsp\n\t"
	"call init_main\n\t"
	"hlt\n");
