// Executing a program by name, and a process for it that does not copy init.
#ifndef TEREM_EXEC_H
#define TEREM_EXEC_H

#include "sys.h"
#include "text.h"

enum { ENV_MAX = 640 }; // variables of an environment

struct program {
	const char *file;  // what to execute, if it is not argv[0]
	const char **argv; // before it is room for one more
	const char **env;
};

long program_execute(const struct program *p); // returns only with an error: a negative errno
int has_slash(const char *s);

// env_put sets a variable of an environment that ends with a 0, and has room for max and that; -1: there is none left.
int env_put(const char **env, unsigned max, const char *kv);

// spawn calls f in a new process that shares this one's memory until it executes a program or exits (as vfork does): there
// is no page table to copy, which is most of what a fork costs. f must not return. The stack ends at top.
long spawn(void (*f)(void *), void *arg, void *top);

// applets.c, or whoever has none
int rootfs_has_applet(const char *name);

#endif
