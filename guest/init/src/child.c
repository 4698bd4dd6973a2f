// The one program that the guest is there for: started without copying init, as the terminal's foreground.
#include <asm/signal.h>
#include <linux/sched.h>

#include "init.h"

enum { STACK = 4096, PATH_MAX_ = 4096 };

enum { NOT_EXECUTABLE = 126, NOT_FOUND = 127 }; // as every shell reports it

static const char *lookup(const char *const *env, const char *name)
{
	for (; *env; env++) {
		const char *v = after(*env, name);

		if (v)
			return v;
	}
	return "";
}

// execute replaces the program by file; a file without a header is a shell script, as execvp(3) has it.
static long execute(const char *file, const struct options *o)
{
	long err = sys3(__NR_execve, file, o->argv, o->env);
	const char **script = o->argv - 1, *name = o->argv[0];

	if (err != -ENOEXEC)
		return err;
	script[0] = "sh";
	script[1] = file;
	err = sys3(__NR_execve, "/bin/sh", script, o->env);
	script[1] = name;
	return err;
}

// applet runs busybox under the name of the command, whose link may not be there yet.
static long applet(const struct options *o)
{
	static const char *const dirs[] = {"/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/"};
	const char *name = o->argv[0];

	for (unsigned i = 0; i < LEN(dirs); i++) {
		const char *rest = after(o->argv[0], dirs[i]);

		if (rest)
			name = rest;
	}
	return rootfs_has_applet(name) ? sys3(__NR_execve, "/bin/busybox", o->argv, o->env) : -ENOENT;
}

static int has_slash(const char *s)
{
	for (; *s; s++)
		if (*s == '/')
			return 1;
	return 0;
}

// search tries each directory of PATH, and returns the most telling error.
static long search(const struct options *o)
{
	const char *name = o->file ? o->file : o->argv[0], *p = lookup(o->env, "PATH=");
	unsigned long n = length(name);
	long worst = -ENOENT;
	char file[PATH_MAX_];

	if (has_slash(name))
		return execute(name, o);
	while (*p) {
		unsigned long k = 0;

		while (p[k] && p[k] != ':')
			k++;
		if (k + n + 2 <= sizeof file) {
			memcpy(file, p, k);
			file[k] = '/';
			memcpy(file + k + 1, name, n + 1);
			long err = execute(file, o);

			if (err != -ENOENT && err != -ENOTDIR)
				worst = err;
		}
		p += k + (p[k] == ':');
	}
	return worst;
}

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

static void run(const struct options *o)
{
	unsigned long none = 0;
	char n[24];
	long err;

	if (o->pipe)
		sys0(__NR_setsid);
	else
		console_foreground();
	relay_connect(&o->relay);
	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &none, 0, sizeof none);
	host_executing();
	err = search(o);
	if (err == -ENOENT)
		err = applet(o);
	if ((err == -ENOENT || err == -ENOTDIR) && !(has_slash(o->argv[0]) && sys2(__NR_access, o->argv[0], 0) == 0)) {
		SAY("terem: ", o->argv[0], ": no such program in the guest", o->data ? ", nor any on " : "", o->data ? o->data : "");
		sys1(__NR_exit, NOT_FOUND);
	}
	SAY("terem: ", o->argv[0], ": the guest cannot execute it: ", why(err, n));
	sys1(__NR_exit, NOT_EXECUTABLE);
}

// child_start shares init's memory with the child until that executes its program (as vfork does): there
// is no page table to copy, which is most of what a fork costs.
int child_start(const struct options *o)
{
	char stack[STACK + 2 * PATH_MAX_] __attribute__((aligned(16)));
	void (*f)(const struct options *) = run;
	long pid;

	if (!o->pipe)
		console_own();
	__asm__ volatile("syscall\n\t"
			 "test %0, %0\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %[o], %%rdi\n\t"
			 "call *%[f]\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(pid)
			 : "0"((long)__NR_clone), "D"((long)(CLONE_VM | CLONE_VFORK | SIGCHLD)),
			   "S"(stack + sizeof stack), "d"(0L), [f] "r"(f), [o] "r"(o)
			 : "rcx", "r11", "memory");
	relay_began(&o->relay);
	return (int)pid;
}
