// The kernel command line, as far as it speaks to init:
//
//   terem.cmd=B       argv of the command to run, each word ended by a NUL, in base64url without padding
//   terem.cmdfile=1   or argv in a file of the initial file system, as it is, each word ended by a NUL
//   terem.env=B       more environment, K=V words in the same form; overrides the defaults
//   terem.share=B     where to mount the shared directories share0, share1 ..., in the same form: each a letter, r if it is
//                     read-only and otherwise w, and a path
//   terem.hostname=S  host name, if it is not the kernel's default
//   terem.net=B       the network card: net.c
//   terem.agent=1     the host may start programs, over vsock (agent.c)
//   terem.stdio=agent the same as terem.pipe=1, but the command's streams go over vsock, too
//   terem.stdio=none  no command: what the host starts by the agent is all
//   terem.pipe=1      the host's standard input is no terminal: no echo, no prompt, no banner, and no
//                     message of the kernel's but its last words (unless there is a loglevel=)
//   terem.rows=N      size of the host's terminal
//   terem.cols=N
//   terem.term=S      its type, for TERM
//
// and the kernel's own words root=, rootfstype=, rootflags=, ro, rw and init= (root.c).
//
// The kernel hands words with a dot to nobody (they would be module parameters), so they are read from
// /proc/cmdline. Go's side of this contract is package guest/cmdline.
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mman.h>

#include "init.h"

static const char command_file[] = "/terem.cmd";

static const char *const default_env[] = {
	"HOME=/root",
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"SHELL=/bin/sh",
	"TERM=linux",
	"USER=root",
	"LOGNAME=root",
	"PS1=\\h:\\w\\$ ",
};

static unsigned number(const char *s)
{
	unsigned n = 0;

	while (*s >= '0' && *s <= '9' && n < 100000)
		n = n * 10 + (unsigned)(*s++ - '0');
	return n;
}

static int sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

// decode turns base64url at s into bytes at the same place; it returns how many, or -1.
static long decode(char *s)
{
	unsigned char *out = (unsigned char *)s;
	unsigned bits = 0, have = 0;
	long n = 0;

	for (; *s; s++) {
		int v = sextet(*s);

		if (v < 0)
			return -1;
		bits = bits << 6 | (unsigned)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (unsigned char)(bits >> have);
		}
	}
	return n;
}

// mapped gives n bytes of a file, or of nothing.
static char *mapped(long n, long fd)
{
	long at = sys6(__NR_mmap, 0, n, PROT_READ | PROT_WRITE, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_PRIVATE, fd, 0);

	return at < 0 && at > -4096 ? 0 : (char *)at;
}

// long_command takes a command that is too long for the kernel's command line.
static void long_command(struct options *o)
{
	long fd = sys3(__NR_open, command_file, O_RDONLY | O_CLOEXEC, 0), n, count = 0;
	const char **list;
	char *text;

	o->bad = 1;
	n = sys3(__NR_lseek, fd, 0, SEEK_END);
	if (n <= 0 || !(text = mapped(n, fd)) || text[n - 1] != 0)
		return;
	sys1(__NR_close, fd);
	sys1(__NR_unlink, command_file);
	for (long i = 0; i < n; i++)
		count += text[i] == 0;
	list = (const char **)mapped((1 + count + 1) * (long)sizeof *list, -1);
	if (!list)
		return;
	o->argv = list + 1;
	for (const char *w = text; w < text + n; w += length(w) + 1)
		*++list = w;
	o->bad = 0;
}

// words gives each NUL-ended word of the base64url value v to argv (or to env, where a name counts).
static void words(struct options *o, char *v, const char **list, int is_env)
{
	long n = decode(v), count = 0;

	if (n <= 0 || v[n - 1] != 0) {
		o->bad = 1;
		return;
	}
	for (const char *w = v; w < v + n; w += length(w) + 1) {
		if (is_env ? env_put(list, WORDS_MAX, w) < 0 : count >= WORDS_MAX) {
			o->bad = 1;
			return;
		}
		if (!is_env)
			list[count++] = w;
	}
}

// shares keeps the value of terem.share=, whose words shares.c takes.
static void shares(struct options *o, char *v)
{
	long n = decode(v);

	if (n <= 0 || v[n - 1] != 0) {
		o->bad = 1;
		return;
	}
	o->shares = v;
	o->shares_end = v + n;
}

// root_option takes the words about the root file system. The last of a kind counts.
static void root_option(struct options *o, const char *word)
{
	const char *v;

	if ((v = after(word, "root="))) {
		o->root = *v && !same(v, "none") ? v : 0;
		o->root_try = 0;
	} else if ((v = after(word, "rootfstype=")))
		o->root_type = v;
	else if ((v = after(word, "rootflags=")))
		o->root_flags = v;
	else if ((v = after(word, "init=")))
		o->init = v;
	else if (after(word, "loglevel="))
		o->loglevel = 1;
	else if (same(word, "ro") || same(word, "rw"))
		o->root_ro = word[1] == 'o';
}

static void option(struct options *o, char *word)
{
	const char *v;
	char *t;

	t = (char *)after(word, "terem.");
	if (!t) {
		root_option(o, word);
		return;
	}
	if ((v = after(t, "cmd=")))
		words(o, (char *)v, o->argv, 0);
	else if (after(t, "cmdfile=1"))
		long_command(o);
	else if ((v = after(t, "env=")))
		words(o, (char *)v, o->env, 1);
	else if ((v = after(t, "share=")))
		shares(o, (char *)v);
	else if ((v = after(t, "hostname=")))
		o->hostname = v;
	else if ((v = after(t, "net="))) {
		o->net = (char *)v;
		o->net_size = decode(o->net);
	} else if ((v = after(t, "root="))) {
		o->root = v;
		o->root_try = 1;
	} else if ((v = after(t, "pipe=")))
		o->pipe = *v == '1';
	else if (after(t, "agent=1"))
		o->listen = 1;
	else if (after(t, "stdio=agent"))
		o->pipe = o->stdio = 1;
	else if (after(t, "stdio=none"))
		o->pipe = o->idle = 1;
	else if ((v = after(t, "rows=")))
		o->rows = number(v);
	else if ((v = after(t, "cols=")))
		o->cols = number(v);
	else if ((v = after(t, "term="))) {
		memcpy(t, "TERM=", 5); // "term=" has the same length
		env_put(o->env, WORDS_MAX, t);
	}
}

void options_read(struct options *o)
{
	long fd, n = 0;

	o->argv = o->words + 1;
	for (unsigned i = 0; i < LEN(default_env); i++)
		o->env[i] = default_env[i];
	fd = sys3(__NR_open, "/proc/cmdline", O_RDONLY | O_CLOEXEC, 0);
	if (fd >= 0) {
		n = sys3(__NR_read, fd, o->text, CMDLINE_MAX);
		sys1(__NR_close, fd);
	}
	if (n < 0)
		n = 0;
	for (char *p = o->text, *end = p + n; p < end;) {
		char *word = p;

		while (p < end && *p != ' ' && *p != '\n')
			p++;
		*p++ = 0;
		option(o, word);
	}
}
