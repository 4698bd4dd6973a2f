// The file systems that programs expect.
//
// A failed mount is not fatal: a kernel that lacks one of them still gives a shell, which shows it best.
#include <linux/fcntl.h>
#include <linux/mount.h>

#include "init.h"

struct mount {
	const char *type, *dir, *data;
	unsigned long flags;
	int make; // the directory lies on a file system mounted just before
};

#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static const struct mount rest[] = {
	{"devtmpfs", "/dev", "mode=0755", MS_NOSUID, 0},
	{"devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666", MS_NOSUID | MS_NOEXEC, 1},
	{"tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, 1},
	{"sysfs", "/sys", 0, SAFE, 0},
	{"cgroup2", "/sys/fs/cgroup", 0, SAFE, 0},
	{"tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV, 0},
	{"tmpfs", "/tmp", "mode=1777", MS_NOSUID | MS_NODEV, 0},
};

static const char *const links[][2] = {
	{"/proc/self/fd", "/dev/fd"},
	{"fd/0", "/dev/stdin"},
	{"fd/1", "/dev/stdout"},
	{"fd/2", "/dev/stderr"},
};

static void mount(const struct mount *m)
{
	long err;

	if (m->make)
		sys2(__NR_mkdir, m->dir, 0755);
	err = sys5(__NR_mount, m->type, m->dir, m->type, m->flags, m->data);
	if (err == -ENOENT) { // an initramfs of somebody else's may lack the directory
		sys2(__NR_mkdir, m->dir, 0755);
		sys5(__NR_mount, m->type, m->dir, m->type, m->flags, m->data);
	}
}

void mount_proc(void)
{
	static const struct mount proc = {"proc", "/proc", 0, SAFE, 0};

	mount(&proc);
}

void mount_rest(void)
{
	for (unsigned i = 0; i < LEN(rest); i++)
		mount(&rest[i]);
	for (unsigned i = 0; i < LEN(links); i++)
		sys2(__NR_symlink, links[i][0], links[i][1]);
}
