// limit reads from N generators as fast as it can and does nothing with the bytes.
//
//   limit poll    N GEN ARGS...   one thread: poll, then one read of each ready pipe
//   limit threads N GEN ARGS...   one thread for each pipe, in a blocking read
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

static void with_threads(int n)
{
	pthread_t t[MAX_GENERATORS];
	for (long i = 0; i < n; i++)
		if (pthread_create(&t[i], NULL, read_one, (void *)i))
			die("pthread_create");
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
}

int main(int argc, char **argv)
{
	alarm(SECONDS_TO_LIVE);
	int n = argc > 3 ? atoi(argv[2]) : 0;
	if (n < 1 || n > MAX_GENERATORS) {
		fprintf(stderr, "usage: limit poll|threads N GEN ARGS...\n");
		return 2;
	}
	for (int i = 0; i < n; i++) {
		fds[i] = spawn(argv + 3);
		enlarge(fds[i]);
	}
	if (strcmp(argv[1], "poll") == 0)
		with_poll(n);
	else
		with_threads(n);
	reap();
	long long total = 0;
	for (int i = 0; i < n; i++)
		total += bytes[i];
	printf("%lld\n", total);
	return 0;
}
