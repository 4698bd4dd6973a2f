// A disk as the root file system: what root= asks for.
//
//   root=/dev/vda          the device; nothing or "none": stay in the initial RAM file system
//   rootfstype=ext4,xfs    types to try, in order
//   rootflags=noatime      options for the file system
//   ro                     mount it read-only; it is also done where it cannot be written
//   init=/sbin/init        what becomes PID 1 if the host gave no command
//
// The words are the kernel's own (admin-guide/kernel-parameters.rst), which leaves them to an initrd.
#include <asm/signal.h>
#include <linux/mount.h>

#include "init.h"

enum { EROFS_ = 30, EACCES_ = 13 };

static const char place[] = "/mnt"; // the initial root file system has it, and nobody needs it there

static const char *const inits[] = {"/sbin/init", "/etc/init", "/bin/init"}; // where a kernel looks, too

static const char *const moved[] = {"/dev", "/proc", "/sys", "/run", "/tmp"};

// mount_as mounts the disk as one type; where it cannot be written, read-only.
static long mount_as(const struct options *o, const char *type)
{
	unsigned long flags = o->root_ro ? MS_RDONLY : 0;
	long err = sys5(__NR_mount, o->root, place, type, flags, o->root_flags);

	if (err == -EROFS_ || err == -EACCES_)
		err = sys5(__NR_mount, o->root, place, type, flags | MS_RDONLY, o->root_flags);
	return err;
}

// mount_root tries the types in a list with commas, and returns the last one's error.
static long mount_root(const struct options *o)
{
	const char *list = o->root_type ? o->root_type : "ext4,squashfs";
	long err = -ENOENT;
	char type[32];

	while (*list) {
		unsigned long n = 0;

		while (list[n] && list[n] != ',')
			n++;
		if (n < sizeof type) {
			memcpy(type, list, n);
			type[n] = 0;
			err = mount_as(o, type);
			if (err == 0)
				return 0;
		}
		list += n + (list[n] == ',');
	}
	return err;
}

// enter makes the mounted disk the root, and takes along what is mounted for programs.
static long enter(void)
{
	char to[32];

	for (unsigned i = 0; i < LEN(moved); i++) {
		memcpy(to, place, sizeof place);
		memcpy(to + sizeof place - 1, moved[i], length(moved[i]) + 1);
		sys2(__NR_mkdir, to, 0755); // a read-only disk without it does not get it
		sys5(__NR_mount, moved[i], to, 0, MS_MOVE, 0);
	}
	sys1(__NR_chdir, place);
	long err = sys5(__NR_mount, ".", "/", 0, MS_MOVE, 0);

	if (err == 0)
		err = sys1(__NR_chroot, ".");
	sys1(__NR_chdir, "/");
	return err;
}

// words says what an error of mount(2) means here.
static const char *words(long err)
{
	switch (-err) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return "the guest has no such device";
	case EINVAL:
		return "it holds no file system that the guest's kernel knows";
	case EIO:
		return "it cannot be read";
	case EUCLEAN:
		return "its file system is damaged";
	}
	return "the kernel refuses";
}

int root_enter(const struct options *o)
{
	char n[24];
	long err = mount_root(o);

	if (err == 0)
		err = enter();
	if (err != 0)
		SAY("terem: root ", o->root, ": ", words(err), " (errno ", decimal(n, (unsigned long)-err),
		    "); --root none leaves it out");
	return err == 0;
}

void root_init(const struct options *o)
{
	const char *argv[2] = {0, 0};
	unsigned long none = 0, old;

	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &none, &old, sizeof none);
	host_executing();
	for (unsigned i = 0; i <= LEN(inits); i++) {
		argv[0] = i == 0 ? o->init : inits[i - 1];
		if (argv[0])
			sys3(__NR_execve, argv[0], argv, o->env);
	}
	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &old, 0, sizeof old);
}
