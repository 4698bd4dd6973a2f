// The file systems that programs expect.
//
// A failed mount is not fatal: a kernel that lacks one of them still gives a shell, which shows it best.
#include <linux/fcntl.h>
#include <linux/mount.h>

#include "init.h"

struct mount {
	const char *type, *dir, *data;
	unsigned long flags;
};

#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static const struct mount rest[] = {
	{"devtmpfs", "/dev", "mode=0755", MS_NOSUID},
	{"devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666", MS_NOSUID | MS_NOEXEC},
	{"tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV},
	{"sysfs", "/sys", 0, SAFE},
	{"cgroup2", "/sys/fs/cgroup", 0, SAFE},
	{"tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV},
	{"tmpfs", "/tmp", "mode=1777", MS_NOSUID | MS_NODEV},
};

static const char *const links[][2] = {
	{"/proc/self/fd", "/dev/fd"},
	{"fd/0", "/dev/stdin"},
	{"fd/1", "/dev/stdout"},
	{"fd/2", "/dev/stderr"},
};

static void mount(const struct mount *m)
{
	sys2(__NR_mkdir, m->dir, 0755);
	sys5(__NR_mount, m->type, m->dir, m->type, m->flags, m->data);
}

void mount_proc(void)
{
	static const struct mount proc = {"proc", "/proc", 0, SAFE};

	mount(&proc);
}

void mount_rest(void)
{
	for (unsigned i = 0; i < LEN(rest); i++)
		mount(&rest[i]);
	for (unsigned i = 0; i < LEN(links); i++)
		sys2(__NR_symlink, links[i][0], links[i][1]);
}
