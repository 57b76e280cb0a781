// SPDX-License-Identifier: GPL-2.0-only
/*
 * The differential fuzzer: random sequences of everything that can be asked of a
 * container, side by side with the in-tree driver.
 */
#include <argp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exceptions.h"
#include "shrink.h"
#include "stats.h"

#define DEFAULT_STEPS	10000
#define DEFAULT_LENGTH	250
#define PROGRESS_EVERY	2	/* seconds */
#define STUCK_AFTER	120

enum exit_code {
	EXIT_SAME,
	EXIT_DIFFERENT,
	EXIT_UNUSABLE,
};

struct options {
	u64 seed;
	long steps;
	int length;
	bool show;
	bool no_shrink;
};

enum {
	OPT_EXCEPTIONS = 256,
	OPT_NO_SHRINK,
};

static const struct argp_option argp_options[] = {
	{ "seed", 's', "N", 0, "of the first sequence; the next has N+1 (default: the time)" },
	{ "steps", 'n', "N", 0, "in all (default 10000)" },
	{ "length", 'l', "N", 0, "of a sequence (default 250)" },
	{ "show", 'v', NULL, 0, "print every sequence before it is run" },
	{ "no-shrink", OPT_NO_SHRINK, NULL, 0, "print a sequence that differs as it is" },
	{ "exceptions", OPT_EXCEPTIONS, NULL, 0, "print which differences are meant, and why" },
	{ }
};

static bool parse_number(const char *text, u64 *number)
{
	char *end;

	*number = strtoull(text, &end, 0);
	return end != text && !*end;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	u64 number;

	switch (key) {
	case 's':
	case 'n':
	case 'l':
		if (!parse_number(arg, &number) ||
		    (key == 'l' && (!number || number > SEQUENCE_MAX)))
			argp_error(state, "cannot make sense of '%s'", arg);
		if (key == 's')
			o->seed = number;
		else if (key == 'n')
			o->steps = number;
		else
			o->length = number;
		return 0;
	case 'v':
		o->show = true;
		return 0;
	case OPT_NO_SHRINK:
		o->no_shrink = true;
		return 0;
	case OPT_EXCEPTIONS:
		exceptions_print(stdout);
		exit(EXIT_SAME);
	case ARGP_KEY_ARG:
		argp_error(state, "what is '%s'?", arg);
	}
	return ARGP_ERR_UNKNOWN;
}

static const char doc[] =
"Makes random sequences of container ioctls, hostile ones included, and of what\n"
"goes on around them, and does each step to a container of the in-tree driver\n"
"and to one of type1p. Any difference that is not on the list is a failure: its\n"
"sequence is shrunk and printed.\v\n"
"Needs vfio_iommu_type1, vfio_iommu_type1p, type1p_emulated with devices=4, and\n"
"4 edu devices: scripts/fuzz runs it where these are.\n\n"
"Exit status: 0 no difference; 1 a difference; 2 wrong usage, or not set up.";

static const struct argp argp = {
	.options = argp_options,
	.parser = parse_option,
	.doc = doc,
};

/* What the thread that shows progress looks at. */
static struct {
	volatile u64 seed;
	volatile int now;
	volatile long steps;
	long goal;
} progress;

/* A step that never returns can only be told of from outside. */
static void *show_progress(void *unused)
{
	time_t start = time(NULL), moved = start;
	u64 seed = 0;
	int now = 0;

	for (;;) {
		sleep(PROGRESS_EVERY);
		if (seed != progress.seed || now != progress.now)
			moved = time(NULL);
		seed = progress.seed;
		now = progress.now;
		fprintf(stderr, "... %ld of %ld steps, %ld s, seed %llu\n", stats_steps(),
			progress.goal, (long)(time(NULL) - start), seed);
		if (time(NULL) - moved > STUCK_AFTER) {
			printf("STUCK in step %d of seed %llu\n", now, seed);
			fflush(stdout);
			_exit(EXIT_DIFFERENT);
		}
	}
	return unused;
}

static void start_progress(long goal)
{
	pthread_t thread;

	progress.goal = goal;
	pthread_create(&thread, NULL, show_progress, NULL);
}

static void print_sequence(const struct sequence *q, const bool *keep)
{
	int i;

	printf("  ");
	setup_print(stdout, &q->setup);
	for (i = 0; i < q->count; i++) {
		if (keep && !keep[i])
			continue;
		printf("  %4d  ", i);
		step_print(stdout, &q->steps[i]);
	}
}

static void print_diff(const struct sequence *q, const struct diff *diff)
{
	printf("%s differs: %s\n", aspect_name(diff->aspect), diff->text);
	if (diff->at < q->count) {
		printf("  at step %d: ", diff->at);
		step_print(stdout, &q->steps[diff->at]);
	} else {
		puts("  at the end");
	}
}

static void print_repeat(const struct sequence *q, int steps)
{
	printf("  repeat: type1p-fuzz --seed %llu --steps %d", q->seed, steps);
	if (steps > DEFAULT_LENGTH)
		printf(" --length %d", steps);
	putchar('\n');
}

/* What matters most comes last. */
static void report(struct world *w, const struct sequence *q, struct diff *diff,
		   const struct options *o)
{
	int i, left, steps = diff->at < q->count ? diff->at + 1 : q->count;
	static bool keep[SEQUENCE_MAX];

	printf("DIFFERENCE after %ld steps: seed %llu: ", stats_steps(), q->seed);
	print_diff(q, diff);
	print_repeat(q, steps);
	fflush(stdout);
	for (i = 0; i < q->count; i++)
		keep[i] = i < steps;
	left = o->no_shrink ? steps : shrink(w, q, keep, diff, &progress.now);
	stats_print(stdout);
	if (left)
		printf("DIFFERENCE, with %d steps of seed %llu: ", left, q->seed);
	else
		printf("DIFFERENCE that did not come again: ");
	print_diff(q, diff);
	print_sequence(q, keep);
	print_repeat(q, steps);
}

static enum exit_code fuzz(struct world *w, const struct options *o)
{
	static struct sequence q;
	struct diff diff;
	long left;
	u64 seed;
	int ret;

	for (seed = o->seed, left = o->steps; left > 0; seed++, left -= q.count) {
		progress.seed = seed;
		sequence_make(&q, seed, o->length);
		if (left < q.count)
			q.count = left;
		if (o->show) {
			printf("seed %llu\n", seed);
			print_sequence(&q, NULL);
			fflush(stdout);
		}
		ret = run_sequence(w, &q, NULL, &stats_watcher, &diff, &progress.now);
		if (ret < 0) {
			printf("seed %llu: cannot set up: %s\n  ", seed, strerror(-ret));
			setup_print(stdout, &q.setup);
			return EXIT_UNUSABLE;
		}
		if (ret) {
			report(w, &q, &diff, o);
			return EXIT_DIFFERENT;
		}
	}
	return EXIT_SAME;
}

int main(int argc, char **argv)
{
	struct options o = {
		.seed = time(NULL), .steps = DEFAULT_STEPS, .length = DEFAULT_LENGTH,
	};
	static struct world world;
	enum exit_code code;

	argp_err_exit_status = EXIT_UNUSABLE;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (world_open(&world))
		return EXIT_UNUSABLE;
	printf("seed %llu, %ld steps\n", o.seed, o.steps);
	fflush(stdout);
	start_progress(o.steps);
	code = fuzz(&world, &o);
	if (code == EXIT_SAME)
		stats_print(stdout);
	return code;
}
