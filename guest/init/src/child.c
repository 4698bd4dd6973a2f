// The one program that the guest is there for: started without copying init, as the terminal's foreground.
#include <asm/signal.h>

#include "init.h"

enum { STACK = 16 << 10 }; // a path that is looked for is on it, too

enum { NOT_EXECUTABLE = 126, NOT_FOUND = 127 }; // as every shell reports it

// why puts into words what execve(2) says of a program that is there.
static const char *why(long err, char n[24])
{
	switch (-err) {
	case ENOENT:
	case ENOTDIR:
		return "its interpreter or its dynamic loader is missing";
	case EACCES:
		return "permission denied: it is a directory, or not marked as executable";
	case E2BIG:
		return "its arguments are too long";
	case ENOMEM:
		return "there is not enough memory";
	case ENOEXEC:
	case ELIBBAD:
	case EINVAL:
		return "it is no program for this machine";
	case ELOOP:
		return "too many symbolic links";
	case ENAMETOOLONG:
		return "its name is too long";
	case EIO:
		return "it cannot be read";
	}
	return decimal(n, (unsigned long)-err);
}

static void run(void *arg)
{
	const struct options *o = arg;
	struct program p = {o->file, o->argv, (const char **)o->env};
	unsigned long none = 0;
	char n[24];
	long err;

	if (o->pipe)
		sys0(__NR_setsid);
	else
		console_foreground();
	loop_connect(o);
	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &none, 0, sizeof none);
	host_executing();
	err = program_execute(&p);
	if ((err == -ENOENT || err == -ENOTDIR) && !(has_slash(o->argv[0]) && sys2(__NR_access, o->argv[0], 0) == 0)) {
		SAY("terem: ", o->argv[0], ": no such program in the guest", o->data ? ", nor any on " : "", o->data ? o->data : "");
		sys1(__NR_exit, NOT_FOUND);
	}
	SAY("terem: ", o->argv[0], ": the guest cannot execute it: ", why(err, n));
	sys1(__NR_exit, NOT_EXECUTABLE);
}

int child_start(struct options *o)
{
	char stack[STACK] __attribute__((aligned(16)));
	long pid;

	if (!o->pipe)
		console_own();
	pid = spawn(run, o, stack + sizeof stack);
	loop_began(o, (int)pid);
	return (int)pid;
}
