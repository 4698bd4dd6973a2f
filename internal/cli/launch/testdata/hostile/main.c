// hostile TEST [ARGUMENT...]: one test, as user 65534.
#include "hostile.h"

void catch_all(void (*handler)(int, siginfo_t *, void *))
{
	static char stack[65536];
	static const int faults[] = {SIGSEGV, SIGILL, SIGBUS, SIGFPE, SIGTRAP, SIGSYS};
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

	sigaltstack(&alternate, NULL);
	for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++)
		sigaction(faults[i], &action, NULL);
}

void said(const char *name, pid_t child)
{
	int status;

	fflush(stdout);
	if (waitpid(child, &status, 0) != child)
		printf("%s: no child\n", name);
	else if (WIFSIGNALED(status))
		printf("%s: signal %d\n", name, WTERMSIG(status));
	else
		printf("%s: status %d\n", name, WEXITSTATUS(status));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *test = argc > 1 ? argv[1] : "";

	if (getuid() == 0 && (setgid(65534) || setuid(65534))) {
		perror("hostile");
		return 1;
	}
	if (!strcmp(test, "null-ss"))
		null_ss();
	else if (!strcmp(test, "filters"))
		filters(argc > 2 ? argv[2] : NULL);
	else if (!strcmp(test, "jump") && argc == 3)
		jump(strtoull(argv[2], NULL, 16));
	else if (!strcmp(test, "lost-page"))
		lost_page(argc > 2 ? atoi(argv[2]) : 3000);
	else if (!strcmp(test, "instructions"))
		instructions();
	else if (!strcmp(test, "frames") && argc == 4)
		frames(atoi(argv[2]), atoi(argv[3]));
	else
		return 2;
	puts("still here");
	return 0;
}
