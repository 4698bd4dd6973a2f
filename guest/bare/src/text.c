#include "text.h"
#include "sys.h"

// The compiler may call these by itself, also in a freestanding program.
void *memcpy(void *dst, const void *src, unsigned long n)
{
	void *ret = dst;

	__asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
	return ret;
}

void *memset(void *dst, int c, unsigned long n)
{
	void *ret = dst;

	__asm__ volatile("rep stosb" : "+D"(dst), "+c"(n) : "a"(c) : "memory");
	return ret;
}

unsigned long length(const char *s)
{
	unsigned long n = 0;

	while (s[n])
		n++;
	return n;
}

int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

const char *after(const char *s, const char *prefix)
{
	while (*prefix)
		if (*s++ != *prefix++)
			return 0;
	return s;
}

char *decimal(char buf[24], unsigned long n)
{
	int i = 23;

	buf[i] = 0;
	do
		buf[--i] = (char)('0' + n % 10);
	while (n /= 10);
	return buf + i;
}

void print(int fd, const char *const *parts, int n)
{
	char line[256];
	unsigned long used = 0;

	for (int i = 0; i < n; i++)
		for (const char *p = parts[i]; *p && used < sizeof line - 1; p++)
			line[used++] = *p;
	line[used++] = '\n';
	sys3(__NR_write, fd, line, used);
}
