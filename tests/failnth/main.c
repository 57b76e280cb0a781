// SPDX-License-Identifier: GPL-2.0-only
/* Each operation, failing at each point in turn. */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "failnth.h"

/* More would be an operation that never comes to its end. */
#define MAX_POINTS	4000
#define MAX_ONLY	16
/* Failures to tell of before an operation is left. */
#define MAX_REPORTS	4

struct options {
	const char *only[MAX_ONLY];	/* ends with NULL */
	unsigned int seed;
	unsigned int rounds;
	bool verbose;
};

/**
 * struct counts - what came of an operation's points
 * @points: how many failed
 * @lived: of them, how many let it succeed all the same
 * @late: how many kept its result from user space, no more
 * @partly: how many left it done in part
 * @enomem: how many made it fail so
 * @efault: how many made it fail so
 * @wrong: how many did what must not be
 */
struct counts {
	unsigned int points;
	unsigned int lived;
	unsigned int late;
	unsigned int partly;
	unsigned int enomem;
	unsigned int efault;
	unsigned int wrong;
};

static struct options options = { .rounds = 20 };
static unsigned int tests, failures;
static struct counts sum;
static struct world world;

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("# ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

void result(bool ok, const char *what, const char *skip)
{
	printf("%sok %u - %s%s%s\n", ok ? "" : "not ", ++tests, what, skip ? " # SKIP " : "",
	       skip ? skip : "");
	failures += !ok;
}

/* What the other process tells, and what ends it. */
struct other {
	int ret;
	bool met;
	bool done;
};

static void end_other(void)
{
	if (!world.other)
		return;
	kill(world.other, SIGKILL);
	waitpid(world.other, NULL, 0);
	world.other = 0;
}

static int act_here(const struct op *op, unsigned int nth, bool *met)
{
	int ret;

	if (!nth)
		return op->act(&world, op);
	inject_arm(nth);
	ret = op->act(&world, op);
	*met = inject_disarm();
	return ret;
}

/* It stays till the operation is undone, for its memory is what the range has. */
static int act_there(const struct op *op, unsigned int nth, bool *met)
{
	static struct other *other;

	if (!other)
		other = mmap(NULL, sizeof(*other), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	end_other();
	*other = (struct other){};
	world.other = fork();
	if (!world.other) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		inject_open();
		other->ret = act_here(op, nth, &other->met);
		__atomic_store_n(&other->done, true, __ATOMIC_RELEASE);
		pause();
		_exit(0);
	}
	while (!__atomic_load_n(&other->done, __ATOMIC_ACQUIRE))
		usleep(1000);
	*met = other->met;
	return other->ret;
}

static int act(const struct op *op, unsigned int nth, bool *met)
{
	return op->other ? act_there(op, nth, met) : act_here(op, nth, met);
}

/* How an operation is to begin and to end. */
struct frame {
	const struct op *op;
	struct state before;
	struct state after;
	int ret;
	struct counts counts;
};

static bool __printf(3, 4) wrong(struct frame *f, unsigned int nth, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("# %s: point %u: ", f->op->name, nth);
	vprintf(format, args);
	printf("\n");
	va_end(args);
	f->counts.wrong++;
	return false;
}

static bool is_after(struct frame *f, bool quiet)
{
	struct state now;

	state_take(&now, &world);
	return state_same(&f->after, &now, f->op->vary, quiet);
}

static bool is_before(struct frame *f)
{
	struct state now;

	state_take(&now, &world);
	return state_same(&f->before, &now, f->op->vary, false);
}

static bool undo(struct frame *f, unsigned int nth)
{
	int ret = f->op->undo ? f->op->undo(&world, f->op) : 0;

	end_other();
	if (ret)
		return wrong(f, nth, "cannot be undone: %d", ret);
	return is_before(f) || wrong(f, nth, "cannot be undone");
}

/* It has succeeded: all of it, then. */
static bool judge_success(struct frame *f, unsigned int nth, int ret)
{
	if (ret != f->ret)
		return wrong(f, nth, "gave %d rather than %d", ret, f->ret);
	if (!is_after(f, false))
		return wrong(f, nth, "succeeded, but not as it should");
	if (f->op->check && !f->op->check(&world, f->op))
		return wrong(f, nth, "succeeded with a wrong result");
	return undo(f, nth);
}

static bool again(struct frame *f, unsigned int nth)
{
	bool met;
	int ret = act(f->op, 0, &met);

	if (ret < 0)
		return wrong(f, nth, "fails afterwards: %d", ret);
	if (f->counts.partly && ret == f->ret && f->op->partly)
		return (is_after(f, false) &&
			(!f->op->check || f->op->check(&world, f->op))) ?
			undo(f, nth) : wrong(f, nth, "is not whole afterwards");
	return judge_success(f, nth, ret);
}

static bool judge_failure(struct frame *f, unsigned int nth, int ret)
{
	const struct op *op = f->op;
	struct state now;

	if (ret != -ENOMEM && ret != -EFAULT)
		return wrong(f, nth, "errno %d", -ret);
	f->counts.enomem += ret == -ENOMEM;
	f->counts.efault += ret == -EFAULT;
	if (ret == -EFAULT && op->late && is_after(f, true)) {
		f->counts.late++;
		return undo(f, nth);
	}
	state_take(&now, &world);
	if (!state_same(&f->before, &now, NULL, op->partly && ret == -EFAULT)) {
		if (!op->partly || ret != -EFAULT)
			return wrong(f, nth, "left something behind, with errno %d", -ret);
		f->counts.partly++;
	}
	return again(f, nth);
}

/* One point; returns whether there was one, and all was well. */
static bool do_point(struct frame *f, unsigned int nth, bool *met)
{
	const struct op *op = f->op;
	int ret = op->ready ? op->ready(&world, op) : 0;

	if (ret) {
		*met = false;
		return wrong(f, nth, "cannot be made ready: %d", ret);
	}
	ret = act(op, nth, met);
	f->counts.points += *met;
	if (options.verbose)
		note("%s: point %u: %d", op->name, nth, ret);
	if (ret < 0 && *met)
		return judge_failure(f, nth, ret);
	f->counts.lived += *met;
	return judge_success(f, nth, ret);
}

/* How it goes when nothing fails. */
static bool do_first(struct frame *f)
{
	const struct op *op = f->op;
	bool met;
	int ret;

	world.checks = 0;
	ret = world_open(&world, op->needs);
	if (!ret && op->setup)
		ret = op->setup(&world, op);
	if (ret)
		return wrong(f, 0, "cannot be set up: %d", ret);
	state_take(&f->before, &world);
	ret = op->ready ? op->ready(&world, op) : 0;
	f->ret = ret ? ret : act(op, 0, &met);
	if (f->ret < 0)
		return wrong(f, 0, "fails by itself: %d", f->ret);
	state_take(&f->after, &world);
	return judge_success(f, 0, f->ret);
}

static void add(const struct counts *counts)
{
	sum.points += counts->points;
	sum.lived += counts->lived;
	sum.late += counts->late;
	sum.partly += counts->partly;
	sum.enomem += counts->enomem;
	sum.efault += counts->efault;
	sum.wrong += counts->wrong;
}

struct row {
	const char *name;
	struct counts counts;
};

static struct row table[128];
static unsigned int rows;

static void do_op(const struct op *op)
{
	static struct frame f;
	unsigned int nth;
	bool met = true;

	f = (struct frame){ .op = op };
	inject_ours(op->ours);
	if (do_first(&f)) {
		for (nth = 1; met && nth < MAX_POINTS && f.counts.wrong < MAX_REPORTS; nth++)
			if (!do_point(&f, nth, &met) && !is_before(&f))
				break;
		if (nth == MAX_POINTS)
			wrong(&f, nth, "there is no end of points");
	}
	end_other();
	world_close(&world);
	inject_ours(false);
	result(!f.counts.wrong, op->name, NULL);
	add(&f.counts);
	table[rows++] = (struct row){ op->name, f.counts };
}

static void print_row(const char *name, const struct counts *counts)
{
	note("%-46s %6u %6u %6u %6u %6u %6u", name, counts->points, counts->lived, counts->enomem,
	     counts->efault, counts->late, counts->partly);
}

static void print_table(void)
{
	unsigned int i;

	note("%-46s %6s %6s %6s %6s %6s %6s", "operation", "points", "lived", "ENOMEM", "EFAULT",
	     "late", "partly");
	for (i = 0; i < rows; i++)
		print_row(table[i].name, &table[i].counts);
	print_row("all", &sum);
	note("lived: it succeeded all the same. late: EFAULT when all was done, for the result");
	note("could not be told. partly: EFAULT at the bitmap of one range, others were gone.");
}

static const struct argp_option argp_options[] = {
	{ "only", 'o', "TEXT", 0, "operations whose name begins so; repeatable" },
	{ "seed", 's', "N", 0, "of what is random with helpers (default: the time)" },
	{ "rounds", 'r', "N", 0, "of each long operation with helpers (default 20)" },
	{ "verbose", 'v', NULL, 0, "tell what each point makes of it" },
	{ }
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	unsigned int i;

	switch (key) {
	case 'o':
		for (i = 0; o->only[i]; i++)
			if (i == MAX_ONLY - 2)
				argp_error(state, "that many are all");
		o->only[i] = arg;
		return 0;
	case 's':
		o->seed = strtoul(arg, NULL, 0);
		return 0;
	case 'r':
		o->rounds = strtoul(arg, NULL, 0);
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static bool wanted(const char *name)
{
	const char **only = options.only;

	for (; *only; only++)
		if (!strncmp(name, *only, strlen(*only)))
			return true;
	return !options.only[0];
}

int main(int argc, char **argv)
{
	static const struct op *const lists[] = {
		map_ops, unmap_ops, dirty_ops, vaddr_ops, group_ops, device_ops, access_ops,
		view_ops,
	};
	static const struct argp argp = {
		argp_options, parse_option, NULL,
		"Let each operation fail at each of its allocations and user copies in turn."
	};
	const char *reason;
	const struct op *op;
	unsigned int i;
	int ret;

	options.seed = time(NULL);
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	setvbuf(stdout, NULL, _IOLBF, 0);
	reason = inject_init();
	if (reason) {
		result(true, "fail-nth", reason);
		printf("1..%u\n", tests);
		return 0;
	}
	ret = world_devices(&world);
	if (ret) {
		note("needs two edu devices: %d", ret);
		return 1;
	}
	/* All points are to be this thread's. */
	backend_param(BACKEND_TYPE1P, "max_threads", "1");
	for (i = 0; i < ARRAY_SIZE(lists); i++)
		for (op = lists[i]; op->name; op++)
			if (wanted(op->name))
				do_op(op);
	print_table();
	if (wanted("helpers"))
		helped_run(options.seed, options.rounds);
	backend_param(BACKEND_TYPE1P, "max_threads", "0");
	printf("1..%u\n", tests);
	return failures ? 1 : 0;
}
