// slow reads standard input in reads of 256 KiB with irregular pauses, and prints
// how many lines and bytes came.
//
//   slow PAUSE_US   after each read it sleeps up to twice so long; after one read in
//                   256 it sleeps 200 times so long
#include "bench.h"

static unsigned long long seed = 88172645463325252ULL;

// xorshift64, after G. Marsaglia, "Xorshift RNGs", 2003: the same pauses in each run.
static unsigned long long next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static long long count_lines(const char *p, size_t n)
{
	long long lines = 0;
	for (size_t i = 0; i < n; i++)
		lines += p[i] == '\n';
	return lines;
}

int main(int argc, char **argv)
{
	static char buf[READ];
	alarm(SECONDS_TO_LIVE);
	unsigned long long pause_us = argc > 1 ? atoi(argv[1]) : 300;
	long long lines = 0, bytes = 0;
	ssize_t n;
	while ((n = read(0, buf, READ)) > 0) {
		lines += count_lines(buf, n);
		bytes += n;
		usleep(next() % 256 == 0 ? pause_us * 200 : next() % (2 * pause_us + 1));
	}
	if (n < 0)
		die("read");
	printf("%lld %lld\n", lines, bytes);
	return 0;
}
