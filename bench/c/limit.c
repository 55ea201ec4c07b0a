// limit reads from N generators as fast as it can and does nothing with the bytes.
//
//   limit poll    N GEN ARGS...   one thread: poll, then one read of each ready pipe
//   limit threads N GEN ARGS...   one thread for each pipe, in a blocking read
//   limit keep    N GEN ARGS...   the same, and all bytes stay in memory
//
// It prints how many bytes came.
#include "bench.h"
#include <poll.h>
#include <pthread.h>

static int fds[MAX_GENERATORS];
static long long bytes[MAX_GENERATORS];

static ssize_t read_some(int i, char *buf)
{
	ssize_t n = read(fds[i], buf, READ);
	if (n < 0)
		die("read");
	bytes[i] += n;
	return n;
}

static void with_poll(int n)
{
	static char buf[READ];
	struct pollfd p[MAX_GENERATORS];
	for (int i = 0; i < n; i++)
		p[i] = (struct pollfd){fds[i], POLLIN, 0};
	for (int open = n; open > 0;) {
		if (poll(p, n, -1) < 0)
			die("poll");
		for (int i = 0; i < n; i++)
			if (p[i].fd >= 0 && p[i].revents && read_some(i, buf) == 0) {
				p[i].fd = -1;
				open--;
			}
	}
}

static void *read_one(void *i)
{
	char *buf = malloc(READ);
	while (read_some((long)i, buf) > 0)
		;
	return NULL;
}

// keep_one reads into memory that nobody has used before, and copies nothing.
static void *keep_one(void *i)
{
	enum { REGION = 8 << 20 };
	for (;;) {
		char *buf = malloc(REGION);
		if (!buf)
			die("malloc");
		for (int used = 0; used + READ <= REGION;) {
			ssize_t n = read_some((long)i, buf + used);
			if (n == 0)
				return NULL;
			used += n;
		}
	}
}

static void with_threads(int n, void *(*read_all)(void *))
{
	pthread_t t[MAX_GENERATORS];
	for (long i = 0; i < n; i++)
		if (pthread_create(&t[i], NULL, read_all, (void *)i))
			die("pthread_create");
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
}

int main(int argc, char **argv)
{
	alarm(SECONDS_TO_LIVE);
	int n = argc > 3 ? atoi(argv[2]) : 0;
	if (n < 1 || n > MAX_GENERATORS) {
		fprintf(stderr, "usage: limit poll|threads|keep N GEN ARGS...\n");
		return 2;
	}
	for (int i = 0; i < n; i++) {
		fds[i] = spawn(argv + 3);
		enlarge(fds[i]);
	}
	if (strcmp(argv[1], "poll") == 0)
		with_poll(n);
	else
		with_threads(n, strcmp(argv[1], "keep") == 0 ? keep_one : read_one);
	reap();
	long long total = 0;
	for (int i = 0; i < n; i++)
		total += bytes[i];
	printf("%lld\n", total);
	return 0;
}
