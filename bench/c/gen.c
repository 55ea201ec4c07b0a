// gen writes LINES lines of 100 bytes to standard output.
//
//   gen block LINES         in pieces of 64 KiB, whose borders cut lines
//   gen line  LINES         one write(2) for each line
//   gen paced LINES RATE    one write(2) for each line, RATE lines a second; a line
//                           begins with CLOCK_MONOTONIC (ns, 19 digits) and its number
//
// Arguments after these are ignored, so that GNU parallel may add one.
#include "bench.h"

// A whole number of lines; small enough to stay in a core's own cache, so that
// the generators leave the machine to the reader.
enum { RING_LINES = 1000, RING = RING_LINES * LINE };

static const char filler[] = " the quick brown fox jumps over the lazy dog and goes on until the line is a hundred bytes long..";

static void put_digits(char *to, int width, long long n)
{
	for (int i = width - 1; i >= 0; i--, n /= 10)
		to[i] = '0' + n % 10;
}

static void make_line(char *to, long long number)
{
	put_digits(to, 10, number);
	memcpy(to + 10, filler, LINE - 11);
	to[LINE - 1] = '\n';
}

// Numbers repeat after RING_LINES here: making each line anew would measure gen.
static void blocks(long long lines)
{
	static char ring[RING + PIECE];
	for (int i = 0; i < (RING + PIECE) / LINE + 1; i++) {
		char line[LINE];
		make_line(line, i % RING_LINES);
		long at = (long)i * LINE;
		long n = RING + PIECE - at < LINE ? RING + PIECE - at : LINE;
		memcpy(ring + at, line, n);
	}
	long at = 0;
	for (long long left = lines * LINE; left > 0;) {
		long n = left < PIECE ? left : PIECE;
		write_all(1, ring + at, n);
		left -= n;
		at = (at + n) % RING;
	}
}

static void each_line(long long lines)
{
	char line[LINE];
	for (long long i = 0; i < lines; i++) {
		make_line(line, i);
		write_all(1, line, LINE);
	}
}

static void paced(long long lines, long rate)
{
	char line[LINE];
	long long due = now_ns(), period = 1000000000LL / rate;
	for (long long i = 0; i < lines; i++, due += period) {
		struct timespec t = {due / 1000000000LL, due % 1000000000LL};
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
		make_line(line, i);
		memcpy(line + 20, line, 10);
		line[19] = ' ';
		put_digits(line, 19, now_ns());
		write_all(1, line, LINE);
	}
}

int main(int argc, char **argv)
{
	alarm(SECONDS_TO_LIVE);
	long long lines = argc > 2 ? atoll(argv[2]) : 0;
	if (lines > 0 && strcmp(argv[1], "block") == 0)
		blocks(lines);
	else if (lines > 0 && strcmp(argv[1], "line") == 0)
		each_line(lines);
	else if (lines > 0 && strcmp(argv[1], "paced") == 0 && argc > 3 && atol(argv[3]) > 0)
		paced(lines, atol(argv[3]));
	else {
		fprintf(stderr, "usage: gen block|line LINES, gen paced LINES RATE\n");
		return 2;
	}
	return 0;
}
