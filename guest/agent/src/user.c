// A user by name or number: /etc/passwd and /etc/group, of whatever is the root file system. Both are whatever somebody
// in the guest has written there.

#include "agent.h"

enum { NOBODY = 0xffffffff };

// contents reads the first TEXT_MAX bytes of a file; nothing of one that is not there. It does not wait for a pipe's
// other end.
static char *contents(const char *name, char *text)
{
	long n, fd = sys3(__NR_open, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
	unsigned long size = 0;

	while (fd >= 0 && size < TEXT_MAX && (n = sys3(__NR_read, fd, text + size, TEXT_MAX - size)) > 0)
		size += (unsigned long)n;
	if (fd >= 0)
		sys1(__NR_close, fd);
	text[size] = 0;
	return text;
}

// cut takes what is before a character, or all there is, off the front of a text.
static char *cut(char **rest, char at)
{
	char *s = *rest, *p = s;

	while (*p && *p != at)
		p++;
	if (*p)
		*p++ = 0;
	*rest = p;
	return s;
}

// number reads a user's or a group's; NOBODY if it is none.
static unsigned number(const char *s)
{
	unsigned long n = 0;

	if (!*s)
		return NOBODY;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return NOBODY;
		n = n * 10 + (unsigned long)(*s - '0');
		if (n >= NOBODY)
			return NOBODY;
	}
	return (unsigned)n;
}

// user looks for name:password:uid:gid:comment:home:shell.
static int user(const char *wanted, struct who *w, char *text)
{
	unsigned uid = number(wanted);

	while (*text) {
		char *line = cut(&text, '\n'), *name = cut(&line, ':');

		cut(&line, ':');
		const char *its = cut(&line, ':'), *gid = cut(&line, ':');

		cut(&line, ':');
		if (number(its) == NOBODY || !(same(name, wanted) || (uid != NOBODY && number(its) == uid)))
			continue;
		w->uid = number(its);
		w->gid = number(gid) == NOBODY ? w->uid : number(gid);
		w->name = name;
		w->home = cut(&line, ':');
		if (!*w->home)
			w->home = "/";
		return 1;
	}
	if (uid == NOBODY)
		return 0;
	w->uid = uid;
	w->gid = 0;
	w->name = "";
	w->home = "/";
	return 1;
}

// member says whether a list with commas has a name.
static int member(char *list, const char *name)
{
	while (*list)
		if (same(cut(&list, ','), name))
			return *name != 0;
	return 0;
}

// groups looks for name:password:gid:members. It returns the group that is wanted; without one it collects those of which
// the user is a member.
static unsigned groups(const char *wanted, struct who *w, char *text)
{
	while (*text) {
		char *line = cut(&text, '\n'), *name = cut(&line, ':');

		cut(&line, ':');
		unsigned gid = number(cut(&line, ':'));

		if (gid == NOBODY)
			continue;
		if (wanted && same(name, wanted))
			return gid;
		if (!wanted && w->n < GROUPS_MAX && member(cut(&line, ':'), w->name))
			w->groups[w->n++] = gid;
	}
	return wanted ? number(wanted) : NOBODY;
}

long who_find(char *spec, struct who *w, char *passwd, char *group)
{
	char *rest = spec, *name = cut(&rest, ':');
	int with_group = rest > name + length(name);

	if (!user(name, w, contents("/etc/passwd", passwd)))
		return -ENOENT;
	contents("/etc/group", group);
	if (!with_group) {
		groups(0, w, group);
		return 0;
	}
	w->gid = groups(rest, w, group);
	return w->gid == NOBODY ? -ENOENT : 0;
}
