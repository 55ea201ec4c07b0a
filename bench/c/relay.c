// relay copies what N generators write to standard output, as it comes: no tags,
// and lines of several generators meet. It is the ceiling of whatever merges into a pipe.
//
//   relay N GEN ARGS...
#include "bench.h"
#include <poll.h>

int main(int argc, char **argv)
{
	static char buf[READ];
	struct pollfd p[MAX_GENERATORS];
	alarm(SECONDS_TO_LIVE);
	int n = argc > 2 ? atoi(argv[1]) : 0;
	if (n < 1 || n > MAX_GENERATORS) {
		fprintf(stderr, "usage: relay N GEN ARGS...\n");
		return 2;
	}
	for (int i = 0; i < n; i++) {
		p[i] = (struct pollfd){spawn(argv + 2), POLLIN, 0};
		enlarge(p[i].fd);
	}
	enlarge(1);
	for (int open = n; open > 0;) {
		if (poll(p, n, -1) < 0)
			die("poll");
		for (int i = 0; i < n; i++) {
			if (p[i].fd < 0 || !p[i].revents)
				continue;
			ssize_t k = read(p[i].fd, buf, READ);
			if (k < 0)
				die("read");
			if (k == 0) {
				p[i].fd = -1;
				open--;
			}
			write_all(1, buf, k);
		}
	}
	reap();
	return 0;
}
