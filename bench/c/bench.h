// What the C programs of the benchmark share: they end by themselves, and they
// start generators on pipes of their own.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	LINE = 100,          // bytes of a line, its newline included
	PIECE = 64 << 10,    // bytes of one write of a generator
	READ = 256 << 10,    // bytes asked of one read
	PIPE_SIZE = 1 << 20, // bytes of a pipe
	MAX_GENERATORS = 64,
	SECONDS_TO_LIVE = 600, // so that nothing outlives a driver that was killed
};

static inline void die(const char *what)
{
	perror(what);
	exit(1);
}

static inline long long now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static inline void write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = write(fd, p, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			die("write");
		p += k;
		n -= k;
	}
}

// enlarge asks for a pipe of 1 MiB. Who may not have one (EPERM) or has no pipe
// (EBADF) goes on with what there is.
static inline void enlarge(int fd)
{
	if (fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE) < 0 && errno != EPERM && errno != EBADF)
		die("F_SETPIPE_SZ");
}

// spawn starts argv with its standard output on a new pipe and returns the end to read.
static inline int spawn(char **argv)
{
	int p[2];
	if (pipe2(p, O_CLOEXEC) < 0)
		die("pipe2");
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		if (dup2(p[1], 1) < 0)
			die("dup2");
		execv(argv[0], argv);
		die(argv[0]);
	}
	close(p[1]);
	return p[0];
}

// reap waits for every child and ends this program if one failed.
static inline void reap(void)
{
	int status;
	while (wait(&status) > 0)
		if (status != 0) {
			fprintf(stderr, "a generator ended with wait status %d\n", status);
			exit(1);
		}
}
