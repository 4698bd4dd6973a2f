// Writes numbered blocks into a file for ever, over each other from the 65th on, and says each number once
// the block is flushed.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { SLOTS = 64, WORDS = 512 };

int main(void)
{
	static long block[WORDS];
	char line[24];
	int fd = open("/blocks", O_RDWR | O_CREAT, 0644);

	for (long i = 0; fd >= 0; i++) {
		for (int w = 0; w < WORDS; w++)
			block[w] = i;
		if (pwrite(fd, block, sizeof block, i % SLOTS * sizeof block) != sizeof block || fdatasync(fd) != 0)
			break;
		int n = sprintf(line, "%ld\n", i);

		if (write(1, line, n) != n)
			break;
	}
	perror("blocks");
	return 1;
}
