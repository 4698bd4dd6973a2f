// System calls from a page of a file that another thread drops all the time.
#include "hostile.h"

#include <pthread.h>

static const unsigned char code[] = {0xb8, SYS_getppid, 0, 0, 0, 0x0f, 0x05, 0xc3}; // mov eax, n; syscall; ret
static unsigned char *page;
static volatile int done;

static void *dropper(void *unused)
{
	while (!done)
		madvise(page, 4096, MADV_DONTNEED);
	return unused;
}

static void fault(int sig, siginfo_t *info, void *context)
{
	(void)info, (void)context;
	printf("signal %d\n", sig);
	fflush(stdout);
	_exit(1);
}

void lost_page(int calls)
{
	int fd = memfd_create("lost", 0), wrong = 0;
	pid_t parent = getppid();
	pthread_t thread;

	if (fd < 0 || ftruncate(fd, 4096) || pwrite(fd, code, sizeof code, 0) != sizeof code) {
		perror("lost-page");
		exit(1);
	}
	page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED) {
		perror("lost-page: mmap");
		exit(1);
	}
	catch_all(fault);
	pthread_create(&thread, NULL, dropper, NULL);
	for (int i = 0; i < calls; i++)
		wrong += ((pid_t(*)(void))page)() != parent;
	done = 1;
	pthread_join(thread, NULL);
	printf("%d calls, %d wrong\n", calls, wrong);
}
