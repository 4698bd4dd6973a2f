// The first root file system beyond what the kernel unpacks.
//
// An entry of the initramfs costs the kernel 20,000 instructions, a system call some hundred: so the archive
// holds init, busybox and the console only, and the rest is made here. Nothing that exists is touched.
#include <linux/fcntl.h>

#include "init.h"

static const char *const dirs[] = {"/etc", "/mnt", "/root", "/usr", "/var"};

static const char *const links[][2] = {
	{"bin", "/sbin"},
	{"../bin", "/usr/bin"},
	{"../bin", "/usr/sbin"},
	{"../run", "/var/run"},
	{"busybox", "/bin/sh"},
	{"busybox", "/bin/env"},
};

static const char *const files[][2] = {
	{"/etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"},
	{"/etc/hosts", "127.0.0.1 localhost terem\n::1 localhost\n"},
	{"/etc/os-release", "NAME=terem\nID=terem\nPRETTY_NAME=\"terem guest\"\n"},
	{"/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"},
	{"/etc/profile", "export PS1='\\h:\\w\\$ '\nalias ll='ls -l'\n"},
};

static void write_file(const char *name, const char *text)
{
	long fd = sys3(__NR_open, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		return;
	sys3(__NR_write, fd, text, length(text));
	sys1(__NR_close, fd);
}

void rootfs_make(void)
{
	for (unsigned i = 0; i < LEN(dirs); i++)
		sys2(__NR_mkdir, dirs[i], 0755);
	for (unsigned i = 0; i < LEN(links); i++)
		sys2(__NR_symlink, links[i][0], links[i][1]);
	for (unsigned i = 0; i < LEN(files); i++)
		write_file(files[i][0], files[i][1]);
}

// applets is what `busybox --list` says, each name ended by a NUL.
static const char applets[] =
#include "applets.h"
	;

// rootfs_applet links the name of busybox that stands at the given place of the list into /bin. It returns
// the next place, or 0 after the last name; begin with 0. The shell finds applets without links, other
// programs look for them in PATH.
unsigned long rootfs_applet(unsigned long at)
{
	char path[64] = "/bin/";
	unsigned long n = length(applets + at);

	if (n > 0 && n < sizeof path - 5) {
		memcpy(path + 5, applets + at, n + 1);
		sys2(__NR_symlink, "busybox", path);
	}
	at += n + 1;
	return at < sizeof applets - 1 ? at : 0;
}

int rootfs_has_applet(const char *name)
{
	for (const char *p = applets; p < applets + sizeof applets - 1; p += length(p) + 1)
		if (same(p, name))
			return 1;
	return 0;
}
