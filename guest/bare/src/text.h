// Strings and numbers, as few as small programs need.
#ifndef TEREM_TEXT_H
#define TEREM_TEXT_H

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

void *memcpy(void *dst, const void *src, unsigned long n);
void *memset(void *dst, int c, unsigned long n);
unsigned long length(const char *s);
int same(const char *a, const char *b);
const char *after(const char *s, const char *prefix); // rest of s, or 0 if it does not begin so
char *decimal(char buf[24], unsigned long n);
void print(int fd, const char *const *parts, int n); // one line of at most 256 bytes, in one write

#define PRINT(fd, ...) print(fd, (const char *const[]){__VA_ARGS__}, LEN(((const char *const[]){__VA_ARGS__})))

#endif
