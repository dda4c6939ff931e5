/* SPDX-License-Identifier: MIT */
/*
 * Runs commands in turn and says what they took:
 *
 *	measure [-n RUNS] [-w] [-t] NAME PREPARE COMMAND [NAME PREPARE COMMAND]...
 *
 * Every turn runs each COMMAND once, by sh, so that what disturbs the machine disturbs all of them
 *alike; before it, PREPARE, which is not measured ("": nothing). A command that fails ends it all.
 *RUNS: 5. -w: a first turn that does not count, to fill caches.
 *
 * Prints medians of wall time, processor time (user and system, children included) and peak memory,
 *and how the first command compares with each: the median over the turns of the ratio of their wall
 *times. -t: prints only name, wall, processor, peak in KiB, between tabs.
 *
 * In C and small: a process that is started begins with the peak memory of the one that started it.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WALL, CPU, PEAK, FIGURES };

struct command {
	const char *name, *prepare, *command;
	double *figures[FIGURES]; /* one a turn */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* Runs a command to its end; -1 when it failed, which was said. */
static int run(const char *command, struct rusage *u)
{
	int status;
	const pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	if (pid < 0) {
		perror("measure: fork");
		return -1;
	}
	while (wait4(pid, &status, 0, u) < 0) {
		if (errno != EINTR) {
			perror("measure: wait4");
			return -1;
		}
	}
	if (status != 0) {
		fprintf(stderr, "measure: '%s' failed (status %#x)\n", command, (unsigned)status);
		return -1;
	}
	return 0;
}

static int measure(struct command *c, size_t turn)
{
	struct rusage u;
	double from;

	if (c->prepare[0] && run(c->prepare, &u) < 0) {
		return -1;
	}
	from = now();
	if (run(c->command, &u) < 0) {
		return -1;
	}
	c->figures[WALL][turn] = now() - from;
	c->figures[CPU][turn] = seconds(u.ru_utime) + seconds(u.ru_stime);
	c->figures[PEAK][turn] = (double)u.ru_maxrss;
	return 0;
}

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Sorts v. */
static double median(double *v, size_t n)
{
	qsort(v, n, sizeof *v, ascending);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void print(struct command *list, size_t n, size_t runs, bool tabs)
{
	double *ratios = calloc(n * runs, sizeof *ratios);

	if (!ratios) {
		return;
	}
	for (size_t i = 0; i < n * runs; i++) {
		ratios[i] =
			list[0].figures[WALL][i % runs] / list[i / runs].figures[WALL][i % runs];
	}
	if (!tabs) {
		printf("%-40s %9s %19s %9s %9s  %s\n", "", "wall, s", "(least, most)", "cpu, s",
		       "peak, MB", "the first one takes");
	}
	for (size_t i = 0; i < n; i++) {
		double *const *f = list[i].figures;
		const double wall = median(f[WALL], runs), cpu = median(f[CPU], runs);
		const double peak = median(f[PEAK], runs);

		if (tabs) {
			printf("%s\t%.4f\t%.4f\t%.0f\n", list[i].name, wall, cpu, peak);
		} else {
			printf("%-40s %9.3f   (%7.3f %7.3f) %9.3f %9.1f  %.2f times its wall time\n",
			       list[i].name, wall, f[WALL][0], f[WALL][runs - 1], cpu, peak / 1024,
			       median(ratios + i * runs, runs));
		}
	}
	free(ratios);
}

static int usage(void)
{
	fputs("usage: measure [-n RUNS] [-w] [-t] NAME PREPARE COMMAND [NAME PREPARE COMMAND]...\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	bool warm = false, tabs = false;
	size_t runs = 5, n;
	struct command *list;
	int c;

	while ((c = getopt(argc, argv, "+n:wt")) != -1) {
		if (c == '?') {
			return usage();
		}
		runs = c == 'n' ? strtoul(optarg, NULL, 10) : runs;
		warm |= c == 'w';
		tabs |= c == 't';
	}
	n = (size_t)(argc - optind) / 3;
	list = n ? calloc(n, sizeof *list) : NULL;
	if (!list || runs < 1 || (argc - optind) % 3) {
		return usage();
	}
	for (size_t i = 0; i < n; i++) {
		char **word = argv + optind + 3 * i;

		list[i] =
			(struct command){ .name = word[0], .prepare = word[1], .command = word[2] };
		for (int k = 0; k < FIGURES; k++) {
			list[i].figures[k] = calloc(runs, sizeof(double));
			if (!list[i].figures[k]) {
				return 3;
			}
		}
	}
	for (size_t turn = warm ? 0 : 1; turn <= runs; turn++) {
		for (size_t i = 0; i < n; i++) {
			if (measure(&list[i], turn ? turn - 1 : 0) < 0) {
				return 3;
			}
		}
	}
	print(list, n, runs, tabs);
	return 0;
}
