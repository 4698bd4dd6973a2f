// Reads and writes of a file or a block device, within the size that it has.
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mman.h>

#include "probe.h"

enum { LARGEST = 64 << 20 }; // bytes of one operation

struct file {
	long fd;
	char *buf;
	unsigned long size;   // bytes of one operation
	unsigned long blocks; // how many of them the file holds
	unsigned long next;   // of the sequential order
	unsigned long random; // state of xorshift64, 0: the order is sequential
	long call;	      // __NR_pread64 or __NR_pwrite64
};

// place is the offset of the next operation.
static unsigned long place(struct file *f)
{
	unsigned long x = f->random;

	if (!x) {
		unsigned long at = f->next;

		f->next = at + 1 < f->blocks ? at + 1 : 0;
		return at * f->size;
	}
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	f->random = x;
	return x % f->blocks * f->size;
}

static long transfer(void *with, unsigned long n)
{
	struct file *f = with;

	for (unsigned long i = 0; i < n; i++) {
		long got = sys4(f->call, f->fd, f->buf, f->size, place(f));

		if (got < 0)
			return got;
		if ((unsigned long)got != f->size)
			return -EIO;
	}
	return (long)n;
}

static long sync_data(void *with, unsigned long n)
{
	struct file *f = with;

	(void)n;
	return sys1(__NR_fdatasync, f->fd);
}

// prepare makes the buffer, with content that no file system takes for a hole, and looks how long the file is.
static long prepare(struct file *f)
{
	long at = sys6(__NR_mmap, 0, f->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at < 0 && at > -4096)
		return at;
	f->buf = (char *)at;
	memset(f->buf, 0x5a, f->size);
	at = sys3(__NR_lseek, f->fd, 0, SEEK_END);
	if (at < 0)
		return at;
	f->blocks = (unsigned long)at / f->size;
	return f->blocks ? 0 : -ENODATA; // the file is shorter than one operation
}

int file_measure(const char *mode, const char *const *argv)
{
	struct file f = {.call = __NR_pread64};
	int writes = same(mode, "write");
	long flags = writes ? O_WRONLY : O_RDONLY;
	unsigned long ms;

	if (!writes && !same(mode, "read"))
		return -1;
	if (!argv[0] || !argv[1] || !argv[2])
		return -1;
	if (!number(argv[1], LARGEST, &f.size) || !f.size || !number(argv[2], MS_MAX, &ms))
		return -1;
	for (const char *const *a = argv + 3; *a; a++) {
		if (same(*a, "direct"))
			flags |= O_DIRECT;
		else if (same(*a, "random"))
			f.random = 88172645463325252UL;
		else
			return -1;
	}
	if (writes)
		f.call = __NR_pwrite64;
	f.fd = sys3(__NR_open, argv[0], flags | O_CLOEXEC, 0);
	if (f.fd < 0)
		return failed(mode, argv[0], f.fd);
	long err = prepare(&f);

	if (err < 0)
		return failed(mode, argv[0], err);
	return measure(mode, ms, transfer, &f, writes ? sync_data : 0);
}
