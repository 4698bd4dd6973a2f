// Directories of the host's (terem.share=, options.c): each a virtiofs, by the tag of its device.
#include <linux/mount.h>

#include "init.h"

// make_dirs makes a directory and those above it, as far as they are missing.
static void make_dirs(char *path)
{
	for (char *p = path + 1;; p++) {
		char c = *p;

		if (c != '/' && c != 0)
			continue;
		*p = 0;
		sys2(__NR_mkdir, path, 0755);
		*p = c;
		if (c == 0)
			return;
	}
}

// shares_mount mounts them in their order; 0: one of them cannot be.
int shares_mount(const struct options *o)
{
	unsigned long n = 0;

	for (char *w = o->shares; w && w < o->shares_end; w += length(w) + 1, n++) {
		unsigned long flags = MS_NOSUID | MS_NODEV | (*w == 'r' ? MS_RDONLY : 0);
		char tag[24 + 8] = "share", number[24];
		char *digits = decimal(number, n), *path = w + 1;

		memcpy(tag + 5, digits, length(digits) + 1);
		make_dirs(path);
		long err = sys5(__NR_mount, tag, path, "virtiofs", flags, 0);

		if (err != 0) {
			SAY("terem: share ", path, ": the guest cannot mount it (errno ", decimal(number, (unsigned long)-err), ")");
			return 0;
		}
	}
	return 1;
}
