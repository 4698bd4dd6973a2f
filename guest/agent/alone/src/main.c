// The agent for a guest whose PID 1 is not terem's: a static program that its init starts.
//
//	agent            serves the host, over vsock
//	agent PATH       serves whoever may open a unix socket that it makes at PATH
#include <linux/un.h>

#include "agent.h"

static const char *const env[] = {
	"HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SHELL=/bin/sh", "TERM=linux", "USER=root", "LOGNAME=root", 0,
};

// rootfs_has_applet: here every program has a file.
int rootfs_has_applet(const char *name)
{
	(void)name;
	return 0;
}

static long unix_socket(const char *path)
{
	struct sockaddr_un here = {.sun_family = AF_UNIX_};
	long fd = sys3(__NR_socket, AF_UNIX_, SOCK_STREAM_ | SOCK_CLOEXEC_ | SOCK_NONBLOCK_, 0);

	if (fd < 0 || length(path) >= sizeof here.sun_path)
		return -1;
	memcpy(here.sun_path, path, length(path) + 1);
	sys1(__NR_umask, 0077);
	if (sys3(__NR_bind, fd, &here, sizeof here) < 0)
		return -1;
	sys1(__NR_umask, 0022);
	return fd;
}

int agent_main(int argc, char **argv)
{
	struct agent a = {0};
	long fd;

	while ((fd = sys3(__NR_open, "/dev/null", 2, 0)) >= 0 && fd <= 2) // streams that are closed
		;
	sys1(__NR_close, fd);
	fd = argc > 1 ? unix_socket(argv[1]) : agent_vsock();
	if (argc > 2 || fd < 0 || !agent_open(&a, env) || !agent_listen(&a, fd)) {
		PRINT(2, "agent: cannot listen ", argc > 1 ? argv[1] : "on its vsock port");
		return 1;
	}
	agent_alone(&a);
}

#ifndef HOSTED
__attribute__((noreturn, used)) static void begin(long *stack)
{
	int status = agent_main((int)*stack, (char **)(stack + 1));

	for (;;)
		sys1(__NR_exit_group, status);
}

__asm__(".globl _start\n"
	"_start:\n\t"
	"xor %ebp, %ebp\n\t"
	"mov %rsp, %rdi\n\t"
	"and $-16, %rsp\n\t"
	"call begin\n\t"
	"hlt\n");
#endif
