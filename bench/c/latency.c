// latency tells how long a line takes from write(2) to a bare blocking read(2).
//
//   latency N WARM LINES GEN paced LINES RATE
//
// One thread for each pipe. Lines numbered below WARM are read and not counted.
// It prints one latency a row, in ns.
#include "bench.h"
#include <pthread.h>

static int warm;
static long capacity;

struct stream {
	int fd;
	long n, seen;
	long long *ns;
};

static void take(struct stream *s, const char *line, long long now)
{
	s->seen++;
	if (s->n < capacity && atol(line + 20) >= warm)
		s->ns[s->n++] = now - atoll(line);
}

static void *follow(void *arg)
{
	struct stream *s = arg;
	static __thread char buf[640 * LINE + 1]; // lines are written whole, so they are read whole
	ssize_t k;
	while ((k = read(s->fd, buf, sizeof buf - 1)) > 0) {
		long long now = now_ns();
		for (ssize_t at = 0; at + LINE <= k; at += LINE)
			take(s, buf + at, now);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct stream s[MAX_GENERATORS];
	pthread_t t[MAX_GENERATORS];
	alarm(SECONDS_TO_LIVE);
	int n = argc > 4 ? atoi(argv[1]) : 0;
	if (n < 1 || n > MAX_GENERATORS) {
		fprintf(stderr, "usage: latency N WARM LINES GEN paced LINES RATE\n");
		return 2;
	}
	warm = atoi(argv[2]);
	capacity = atol(argv[3]);
	for (int i = 0; i < n; i++) {
		s[i].ns = calloc(capacity, sizeof *s[i].ns);
		s[i].fd = spawn(argv + 4);
		if (pthread_create(&t[i], NULL, follow, &s[i]))
			die("pthread_create");
	}
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	reap();
	for (int i = 0; i < n; i++) {
		if (s[i].seen != capacity) {
			fprintf(stderr, "stream %d has %ld lines, not %ld\n", i, s[i].seen, capacity);
			return 1;
		}
		for (long j = 0; j < s[i].n; j++)
			printf("%lld\n", s[i].ns[j]);
	}
	return 0;
}
