// peak runs a program and writes its peak resident memory (KiB) to a file.
//
//   peak FILE PROG ARGS...
//
// The figure is that of wait4(2). Linux carries the peak of the parent's memory over an
// exec, so a large parent, such as the driver, would be measured in the program's place:
// hence this small one. It is a bound on every descendant the program waited for, too.
#include "bench.h"
#include <sys/resource.h>

int main(int argc, char **argv)
{
	struct rusage u;
	int status;
	if (argc < 3) {
		fprintf(stderr, "usage: peak FILE PROG ARGS...\n");
		return 2;
	}
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		execv(argv[2], argv + 2);
		die(argv[2]);
	}
	close(0);
	close(1); // the reader must see the end when the program ends
	if (wait4(pid, &status, 0, &u) < 0)
		die("wait4");
	FILE *f = fopen(argv[1], "w");
	if (!f || fprintf(f, "%ld\n", u.ru_maxrss) < 0 || fclose(f) != 0)
		die(argv[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
