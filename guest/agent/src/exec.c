// From the name of a program to its execution, as a shell and execvp(3) have it.
#include <asm/signal.h>
#include <linux/sched.h>

#include "exec.h"

enum { PATH_MAX_ = 4096 };

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
static long execute(const char *file, const struct program *p)
{
	long err = sys3(__NR_execve, file, p->argv, p->env);
	const char **script = p->argv - 1, *name = p->argv[0];

	if (err != -ENOEXEC)
		return err;
	script[0] = "sh";
	script[1] = file;
	err = sys3(__NR_execve, "/bin/sh", script, p->env);
	script[1] = name;
	return err;
}

// applet runs busybox under the name of the command, whose link may not be there yet.
static long applet(const struct program *p)
{
	static const char *const dirs[] = {"/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/"};
	const char *name = p->argv[0];

	for (unsigned i = 0; i < LEN(dirs); i++) {
		const char *rest = after(p->argv[0], dirs[i]);

		if (rest)
			name = rest;
	}
	return rootfs_has_applet(name) ? sys3(__NR_execve, "/bin/busybox", p->argv, p->env) : -ENOENT;
}

int has_slash(const char *s)
{
	for (; *s; s++)
		if (*s == '/')
			return 1;
	return 0;
}

// search tries each directory of PATH, and returns the most telling error.
static long search(const struct program *p)
{
	const char *name = p->file ? p->file : p->argv[0], *path = lookup(p->env, "PATH=");
	unsigned long n = length(name);
	long worst = -ENOENT;
	char file[PATH_MAX_];

	if (has_slash(name))
		return execute(name, p);
	while (*path && n > 0) {
		unsigned long k = 0;

		while (path[k] && path[k] != ':')
			k++;
		if (k + n + 2 <= sizeof file) {
			memcpy(file, path, k);
			file[k] = '/';
			memcpy(file + k + 1, name, n + 1);
			long err = execute(file, p);

			if (err != -ENOENT && err != -ENOTDIR)
				worst = err;
		}
		path += k + (path[k] == ':');
	}
	return worst;
}

long program_execute(const struct program *p)
{
	long err = search(p);

	return err == -ENOENT ? applet(p) : err;
}

// env_put sets an environment variable: over one of the same name, else at the end.
int env_put(const char **env, unsigned max, const char *kv)
{
	unsigned long name = 0;
	unsigned i;

	while (kv[name] && kv[name] != '=')
		name++;
	for (i = 0; env[i]; i++) {
		unsigned long k = 0;

		while (k < name && env[i][k] == kv[k])
			k++;
		if (k == name && env[i][k] == '=')
			break;
	}
	if (i >= max)
		return -1;
	if (!env[i])
		env[i + 1] = 0;
	env[i] = kv;
	return 0;
}

long spawn(void (*f)(void *), void *arg, void *top)
{
	long pid;

	__asm__ volatile("syscall\n\t"
			 "test %0, %0\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %[arg], %%rdi\n\t"
			 "call *%[f]\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(pid)
			 : "0"((long)__NR_clone), "D"((long)(CLONE_VM | CLONE_VFORK | SIGCHLD)), "S"(top), "d"(0L),
			   [f] "r"(f), [arg] "r"(arg)
			 : "rcx", "r11", "memory");
	return pid;
}
