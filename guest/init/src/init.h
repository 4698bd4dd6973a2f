// PID 1 of terem's default guest: what each file offers to the others. Read init.c first.
#ifndef TEREM_INIT_H
#define TEREM_INIT_H

#include "agent.h"

enum {
	CMDLINE_MAX = 2048, // COMMAND_LINE_SIZE, arch/x86/include/asm/setup.h
	RELAY_CHUNK = 4096, // bytes that are carried at a time, and of input that the host sends ahead
	RELAY_MORE = 2048,  // bytes of input that the host is asked for each time
	RELAY_SPARE = 64,   // room for the host's commands behind so much input
	WORDS_MAX = 128,    // words of terem.cmd, variables of the environment
};

// relay is the state of relay.c.
struct relay {
	int on;			 // the pipes are there
	int in, out;		 // init's ends of them, or -1
	int child_in, child_out; // the command's
	int escaped;		 // the last byte was an escape
	int ended;		 // the host's input has ended
	unsigned long passed;	 // bytes that the command has taken since the host was last asked for more
	unsigned long from, to;	 // what the command has not taken yet: buf[from] to buf[to]
	char buf[RELAY_CHUNK + RELAY_SPARE];
};

// options is what the host asked for on the kernel command line (options.c).
struct options {
	char text[CMDLINE_MAX + 1]; // holds the strings that the fields below point to
	const char *hostname;	    // terem.hostname=, or 0
	char *net;		    // terem.net=, decoded, or 0
	long net_size;
	int pipe;		    // terem.pipe=1 or terem.stdio=agent: the host's stdin is no terminal
	int stdio;		    // terem.stdio=agent: the command's streams are not on the console
	int idle;		    // terem.stdio=none: there is no command
	int shell;		    // the command is a shell that PID 1 has chosen
	int listen;		    // terem.agent=1: the host may start programs
	int loglevel;		    // loglevel= is there: the kernel's messages are wanted
	unsigned rows, cols;	    // terem.rows=, terem.cols=: size of the terminal, 0 if unknown
	const char *file;		 // what to execute, if it is not argv[0]
	const char **argv;		 // the command; argv[0] is 0 for a shell, and before it is room for one more
	const char *words[1 + WORDS_MAX + 1]; // of terem.cmd=
	const char *env[WORDS_MAX + 2];	 // defaults, then terem.env=
	const char *root, *root_type, *root_flags; // root=, rootfstype=, rootflags=, or 0
	int root_ro;				   // ro
	int root_try;				   // it was terem.root=
	const char *data;			   // the disk that it named, if that is for data
	const char *init;			   // init=, or 0
	char *shares, *shares_end;		   // words of terem.share=, or 0
	int bad;			 // a terem.cmd, terem.cmdfile, terem.env or terem.share that cannot be read
	struct agent agent;
	int streams[3];	     // the command's, if stdio
	int signals;	     // signalfd, or 0
	int ended, status;   // the command has, and how
	struct relay relay; // last: its buffer need not be zero
};

// SAY writes a line to the console.
#define SAY(...) PRINT(2, __VA_ARGS__)

// options.c
void options_read(struct options *o);

// mounts.c
void mount_proc(void);
void mount_rest(void);

// rootfs.c
void rootfs_make(void);
unsigned long rootfs_applet(unsigned long at);

// root.c
int root_enter(struct options *o);	 // 1: the disk is the root now, or is for data and root is 0
void root_init(struct options *o); // becomes the disk's own PID 1; returns if it has none

// shares.c
int shares_mount(const struct options *o);

// net.c
void loopback_up(void);
const char *net_up(const struct options *o); // what cannot be done, or 0

// console.c
void console_setup(const struct options *o);
void console_reopen(void);
void console_greet(const struct options *o);
void console_own(void);
void console_foreground(void);
void console_drain(void);

// relay.c
enum { RELAY_POLLS = 3 };

int relay_open(struct relay *r); // 1: the command is to have pipes
void relay_connect(const struct relay *r);
void relay_began(const struct relay *r);
void relay_polls(const struct relay *r, struct pollfd p[RELAY_POLLS]);
void relay_serve(struct relay *r, const struct pollfd p[RELAY_POLLS]);
void relay_drain(void);

// loop.c
const char *loop_open(struct options *o, const unsigned long *watched); // what cannot be made, or 0
void loop_connect(const struct options *o);
void loop_began(struct options *o, int pid);
int loop(struct options *o, int wait);

// child.c
int child_start(struct options *o); // pid, or a negative errno

// host.c
void host_began(void);
void host_executing(void);
void host_listen(void);
__attribute__((noreturn)) void host_exit(int status);
__attribute__((noreturn)) void host_power_off(void);
__attribute__((noreturn)) void host_reset(void);

#endif
