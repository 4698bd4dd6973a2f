// What an ordinary user may try against the machine that runs it. Each function prints what a CPU answers,
// so that its output in a guest can be compared with that of a process of the host.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

void null_ss(void);
void filters(const char *only);
void jump(uint64_t address);
void lost_page(int calls);
void instructions(void);
void frames(unsigned seed, int count);

// catch_all has signals of faults handled on a stack of their own.
void catch_all(void (*handler)(int, siginfo_t *, void *));

// said prints how a child ended.
void said(const char *name, pid_t child);
