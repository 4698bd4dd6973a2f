// A disk as the root file system: what root= asks for.
//
//   root=/dev/vda          the device; nothing or "none": stay in the initial RAM file system
//   terem.root=/dev/vda    the same if there is a program on it; a disk without one is for data and stays beside
//                          the initial file system
//   rootfstype=ext4,xfs    types to try, in order
//   rootflags=noatime      options for the file system
//   ro                     mount it read-only; it is also done where it cannot be written
//   init=/sbin/init        what becomes PID 1 if the host gave no command
//
// But for terem.root= the words are the kernel's own (admin-guide/kernel-parameters.rst), which leaves them to an initrd.
#include <asm/signal.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/prctl.h>

#include "init.h"

enum { EROFS_ = 30, EACCES_ = 13 };

// struct linux_dirent64
enum { ENTRY_LENGTH = 16, ENTRY_NAME = 19 };

enum { PATH_LEN = 4096 }; // PATH_MAX

static const char place[] = "/mnt"; // the initial root file system has it, and nobody needs it there

static const char *const inits[] = {"/sbin/init", "/etc/init", "/bin/init"}; // where a kernel looks, too

static const char *const homes[] = {"bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin"};

static const char *const moved[] = {"/dev", "/proc", "/sys", "/run", "/tmp"};

// unclean says whether an ext4 file system has a journal to replay (its superblock is at 1024: magic number at 0x38,
// s_feature_incompat at 0x60).
static int unclean(const char *disk)
{
	unsigned char s[0x64];
	long n, fd = sys3(__NR_open, disk, O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return 0;
	n = sys4(__NR_pread64, fd, s, sizeof s, 1024);
	sys1(__NR_close, fd);
	return n == sizeof s && s[0x38] == 0x53 && s[0x39] == 0xef && s[0x60] & 4;
}

// mount_as mounts the disk as one type; where it cannot be written, read-only.
static long mount_as(const struct options *o, const char *type, const char *options)
{
	unsigned long flags = o->root_ro || o->root_try ? MS_RDONLY : 0; // a disk that may be for data is only looked at
	long err = sys5(__NR_mount, o->root, place, type, flags, options);

	if (err == -EROFS_ || err == -EACCES_)
		err = sys5(__NR_mount, o->root, place, type, flags | MS_RDONLY, options);
	return err;
}

// mount_root tries the types in a list with commas, and returns the error that says most.
static long mount_root(const struct options *o, const char *options)
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
			long one = mount_as(o, type, options);

			if (one == 0)
				return 0;
			if (err == -ENOENT || one != -EINVAL) // "of another type" says less than all others
				err = one;
		}
		list += n + (list[n] == ',');
	}
	return err;
}

// on_disk gives a path below the place of the mounted disk; 0 if it is too long.
static const char *on_disk(char to[PATH_LEN], const char *path)
{
	unsigned long n = length(path);

	if (sizeof place + n >= PATH_LEN)
		return 0;
	memcpy(to, place, sizeof place - 1);
	to[sizeof place - 1] = '/';
	memcpy(to + sizeof place, path, n + 1);
	return to;
}

// there says whether the disk has a name. Links are not followed: they lead to the initial file system.
static int there(const char *path)
{
	char to[PATH_LEN];

	return on_disk(to, path) && sys4(__NR_faccessat2, AT_FDCWD, to, 0, AT_SYMLINK_NOFOLLOW) == 0;
}

// holds says whether a directory of the disk has a name in it, but for one that may be passed over.
static int holds(const char *dir, const char *but)
{
	char to[PATH_LEN], list[1024];
	long n, fd = on_disk(to, dir) ? sys3(__NR_open, to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0) : -1;
	int found = 0;

	if (fd < 0)
		return 0;
	while (!found && (n = sys3(__NR_getdents64, fd, list, sizeof list)) > 0) {
		for (long at = 0; at < n; at += *(unsigned short *)(list + at + ENTRY_LENGTH)) {
			const char *name = list + at + ENTRY_NAME;

			if (!same(name, ".") && !same(name, "..") && !same(name, but))
				found = 1;
		}
	}
	sys1(__NR_close, fd);
	return found;
}

// has_program says whether there is something to run on the disk: what the host asks for, what may become
// PID 1, or anything at all where programs are.
static int has_program(const struct options *o)
{
	const char *command = o->argv[0] ? o->argv[0] : "";

	if (o->init && there(o->init))
		return 1;
	for (unsigned i = 0; i < LEN(inits); i++)
		if (there(inits[i]))
			return 1;
	for (unsigned i = 0; i < LEN(homes); i++)
		if (holds(homes[i], ""))
			return 1;
	while (*command && *command != '/') // a path, and not a name to look for
		command++;
	return *command && there(o->argv[0]);
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
	case EROFS_:
		return "it has a journal to replay and cannot be written";
	}
	return "the kernel refuses";
}

// settle makes a disk that was looked at the root's. One whose journal is to be replayed is mounted anew.
static long settle(struct options *o, int looked)
{
	o->root_try = 0;
	if (looked) {
		sys2(__NR_umount2, place, 0);
		return mount_root(o, o->root_flags);
	}
	if (!o->root_ro)
		sys5(__NR_mount, 0, place, 0, MS_REMOUNT, o->root_flags); // one that cannot be written stays as it is
	return 0;
}

// choose decides about a disk that is the root only if it has a program: then root is left, or 0. A disk for data is
// let go, and not a byte of it written, not even its journal replayed; on a terminal it is told, unless it is as empty
// as it was made.
static long choose(struct options *o)
{
	int looked = unclean(o->root);
	long err = mount_root(o, looked ? "noload" : o->root_flags);

	if (err != 0)
		return err;
	if (has_program(o))
		return settle(o, looked);
	if (!o->pipe && holds("", "lost+found"))
		SAY("terem: there is no program on ", o->root, ": it is a disk for data, and the root is the guest's own");
	sys2(__NR_umount2, place, 0);
	o->data = o->root;
	o->root = 0;
	return 0;
}

int root_enter(struct options *o)
{
	char n[24];
	long err = o->root_try ? choose(o) : mount_root(o, o->root_flags);

	if (err == 0 && !o->root)
		return 1;
	if (err == 0)
		err = enter();
	if (err != 0)
		SAY("terem: root ", o->root, ": ", words(err), " (errno ", decimal(n, (unsigned long)-err),
		    "); --root none leaves it out");
	return err == 0;
}

// leave_agent has the agent serve in a process of its own, beside the disk's PID 1.
static void leave_agent(struct options *o)
{
	if (!o->listen || !agent_open(&o->agent, o->env) || !agent_listen(&o->agent, agent_vsock()) || sys0(__NR_fork) != 0)
		return;
	sys2(__NR_prctl, PR_SET_NAME, "agent"); // or ps(1) shows an init that is none
	agent_alone(&o->agent);
}

void root_init(struct options *o)
{
	const char *argv[2] = {0, 0};
	unsigned long none = 0, old;

	leave_agent(o);
	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &none, &old, sizeof none);
	host_executing();
	for (unsigned i = 0; i <= LEN(inits); i++) {
		argv[0] = i == 0 ? o->init : inits[i - 1];
		if (argv[0])
			sys3(__NR_execve, argv[0], argv, o->env);
	}
	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &old, 0, sizeof old);
}
