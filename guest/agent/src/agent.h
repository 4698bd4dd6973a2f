// The agent: programs that somebody outside starts, and their streams. docs/agent.md has the protocol.
#ifndef TEREM_AGENT_H
#define TEREM_AGENT_H

#include <asm/poll.h>
#include <linux/fcntl.h>
#include <linux/time_types.h>

#include "exec.h"

enum {
	AGENT_PORT = 1020, // below 1024, where the kernel lets root alone listen
	CONNS_MAX = 512,
	CONN_POLLS = 4, // entries for ppoll(2) that each connection has

	FRAME_HEADER = 5,  // its kind, and its length
	FRAME_MAX = 32768, // bytes that follow
	WINDOW = 16384,	   // bytes of input that may be on their way
	TAKEN_STEP = 4096, // bytes that have been taken before that is worth a frame
	OUT_MAX = 16384,   // bytes of output in a frame
	CONTROL_ROOM = 96, // behind them, for the other frames
};

// Sockets, of which the kernel's headers say nothing that does not need a C library's (include/linux/socket.h, linux/net.h).
enum { AF_UNIX_ = 1, AF_VSOCK_ = 40, SOCK_STREAM_ = 1, SOCK_NONBLOCK_ = O_NONBLOCK, SOCK_CLOEXEC_ = O_CLOEXEC };

// limit is struct rlimit64 (linux/resource.h).
struct limit {
	unsigned long now, most;
};

enum { LIMIT_FILES = 7 }; // RLIMIT_NOFILE

// vsock_address is struct sockaddr_vm (linux/vm_sockets.h).
struct vsock_address {
	unsigned short family, reserved;
	unsigned port, cid;
	unsigned char flags, zero[3];
};

enum { CID_ANY = -1, CID_HOST = 2 };

enum { START = 1, STDIN, STDIN_EOF, RESIZE, SIGNAL, SIGNAL_ALL, GO };

enum { STDOUT = 16, STDERR, EXIT, ERROR, STARTED, TAKEN, HELD };

enum { TTY = 1, DETACH = 2, HOLD = 4 }; // flags of START

enum { STOPS = 1, STANDS }; // conn.hold

// buffers are a connection's; pages that nobody touches cost nothing.
struct buffers {
	unsigned char in[FRAME_HEADER + FRAME_MAX]; // what has come and is no whole frame yet
	unsigned char kept[WINDOW];		    // input that the process has not taken yet
	unsigned char out[FRAME_HEADER + OUT_MAX + CONTROL_ROOM];
};

// conn is a connection and its process. No descriptor of these is ever 0.
struct conn {
	int sock;	   // 0: the place is free
	int in, out, err;  // our ends of the process's streams, or 0; with a terminal, in and out are its master
	int starting;	   // until its program is executed: a pipe by which the process says what failed
	int pid;	   // 0: there is none yet, or it is nobody's concern any more
	unsigned char main;	 // the run connection
	unsigned char began;	 // START has come
	unsigned char tty;
	unsigned char detach;	 // the process outlives the connection
	unsigned char hold;	 // STOPS: the process will stand still at its first instruction; STANDS: it does, and its host is to say GO
	unsigned char calling;	 // sock is not connected yet: the agent calls, and nobody has answered (hold.c)
	unsigned char quiet;	 // nobody had the terminal open at the last look
	unsigned char input_ended;
	unsigned char ended;	 // the process has: kind and value say how
	unsigned char closing;	 // the last frame is in out
	unsigned char spare;	 // its memory is not kept for the next
	unsigned char kind, value;
	unsigned got;		 // bytes in buffers.in
	unsigned from, to;	 // the part of buffers.kept that is in use
	unsigned flight, taken;	 // input that the host counts as on its way; of that, taken by the process
	unsigned sent, fill;	 // the part of buffers.out that is still to be sent
	int out_left, err_left;	 // what an ended process has left in its streams
	unsigned long random;	 // of a process that stands still: where it finds its random bytes (AT_RANDOM), or 0
	unsigned long late;	 // signals that its host has for it then: bit n is signal n + 1
	struct buffers *b;
};

struct scratch;

struct agent {
	int listener;	       // 0: nobody may call
	int deaf;	       // a call could not be taken: not now
	struct conn *run;      // the run connection, while its place says main
	unsigned used;	       // places up to the last that is taken
	unsigned long patience; // when the host should have closed the run connection, in seconds; 0: not yet
	const char *const *env; // what a process has before its host adds to it
	struct conn *conns;
	struct pollfd *fds; // room for all that init polls: OTHER_POLLS of others first
	struct scratch *scratch;
	struct limit limit; // what processes may open, if that was raised for the agent
	int raised;
};

enum { OTHER_POLLS = 5 };

// agent.c
int agent_open(struct agent *a, const char *const *env); // 1: it has its memory
int agent_listen(struct agent *a, long fd);		 // takes calls at that socket; 1: it does
long agent_vsock(void);					 // such a socket, for the calls of the host
unsigned agent_polls(struct agent *a, const struct __kernel_timespec **patience);
void agent_serve(struct agent *a, unsigned polls);
int agent_reaped(struct agent *a, int pid, int status); // 1: it was a process of the agent's
struct conn *agent_take(struct agent *a, long fd);
int agent_finished(const struct agent *a);

// run.c
int agent_call(struct agent *a); // makes the run connection; 1: it is there
int run_again(struct conn *c); // 1: the connection is a new one
long run_call(int flags);      // a socket that is connected with the host, or with SOCK_NONBLOCK_ is going to be
void run_anew(struct conn *c); // its socket is another one
int agent_pipes(struct agent *a, int fds[3]);
void agent_began(struct agent *a, int fds[3], int pid);
void agent_drain(struct agent *a);

// conn.c
void conn_polls(struct conn *c, struct pollfd p[CONN_POLLS]);
void conn_serve(struct agent *a, struct conn *c, const struct pollfd p[CONN_POLLS]);
void conn_ended(struct conn *c, int status);
void conn_forget(struct conn *c);
void conn_close(struct conn *c);
void shut(int *fd);

// frame.c
void frame_receive(struct agent *a, struct conn *c);
void frame_obey(struct agent *a, struct conn *c);
void frame_refuse(struct conn *c, int err, const char *step);
int frame_put(struct conn *c, int kind, const void *p, unsigned n);
void frame_flush(struct conn *c);
void frame_started(struct conn *c, int pid);
void frame_exit(struct conn *c);
void frame_taken(struct conn *c);
void frame_again(struct conn *c);

// input.c
void input_take(struct conn *c, const unsigned char *p, unsigned n);
void input_feed(struct conn *c);

// start.c
long pipes_open(struct conn *c, int fds[3]); // a negative errno, or 0
void start(struct agent *a, struct conn *c, char *p, unsigned n);
void start_settle(struct conn *c); // hears whether the program is being executed, if that is known

// hold.c
long hold_me(void); // the calling process will stop when it has executed its program
void hold_stopped(struct conn *c, int status);
void hold_release(struct conn *c);
int hold_again(struct conn *c); // 1: the connection will be a new one
void hold_called(struct conn *c); // hears whether it is

// alone.c
__attribute__((noreturn)) void agent_alone(struct agent *a);

// user.c
enum { GROUPS_MAX = 32, TEXT_MAX = 256 << 10 };

struct who {
	unsigned uid, gid;
	unsigned groups[GROUPS_MAX];
	unsigned n; // of groups
	const char *name, *home;
};

// who_find finds a user. The names are in passwd, which has room for TEXT_MAX bytes, as group has.
long who_find(char *spec, struct who *w, char *passwd, char *group);

#endif
