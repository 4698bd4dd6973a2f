// The measured program: what each file offers to the others. Read probe.c first.
#ifndef TEREM_PROBE_H
#define TEREM_PROBE_H

#include "sys.h"
#include "text.h"

#define NS_PER_MS 1000000UL

enum { MS_MAX = 3600 * 1000 }; // the longest that a mode may be asked to work

// The work of a mode: n operations, 1 or more. It returns how many it has done, which may be more, or a
// negative errno.
typedef long work(void *with, unsigned long n);

// probe.c
unsigned long now(void); // CLOCK_MONOTONIC in nanoseconds
int measure(const char *mode, unsigned long ms, work *w, void *with, work *last);
int failed(const char *mode, const char *what, long err); // says so; status 1
int number(const char *s, unsigned long max, unsigned long *n); // 0: s is no decimal number up to max

// loops.c
work compute, syscalls, faults, forks, sleeps;

// file.c
int file_measure(const char *mode, const char *const *argv); // -1: it does not understand argv

#endif
