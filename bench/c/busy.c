// busy keeps a core busy for SECONDS, or until it is killed.
#include "bench.h"

int main(int argc, char **argv)
{
	alarm(argc > 1 ? atoi(argv[1]) : 10);
	for (volatile unsigned long i = 0;; i++)
		;
}
