// The first root file system beyond what the kernel unpacks.
//
// An entry of the initramfs costs the kernel 20,000 instructions, a system call some hundred: so the archive
// holds four files, and the rest is made here. Nothing that exists is touched.
#include <linux/fcntl.h>

#include "init.h"

enum kind { DIR_, LINK_, FILE_ };

static const struct entry {
	enum kind kind;
	const char *name, *text; // text of a file, target of a link
} entries[] = {
#define DIR(name) {DIR_, name, 0},
#define LINK(name, to) {LINK_, name, to},
#define FILE(name, text) {FILE_, name, text},
#include "rootfs.h"
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
	for (unsigned i = 0; i < LEN(entries); i++) {
		const struct entry *e = &entries[i];

		switch (e->kind) {
		case DIR_:
			sys2(__NR_mkdir, e->name, 0755);
			break;
		case LINK_:
			sys2(__NR_symlink, e->text, e->name);
			break;
		case FILE_:
			write_file(e->name, e->text);
			break;
		}
	}
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
