// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <string.h>

#include "exceptions.h"
#include "stats.h"

#define ERRNOS	134
#define MAX_NAMED	32

static struct {
	long steps;
	long succeeded[OPS];
	long failed[OPS][ERRNOS];
	long excepted[MAX_NAMED];
	long avoided[MAX_NAMED];
} stats;

static void done(const struct step *step, int ret)
{
	stats.steps++;
	if (ret >= 0)
		stats.succeeded[step->op]++;
	else
		stats.failed[step->op][-ret < ERRNOS ? -ret : 0]++;
}

static void avoided_one(const struct avoidance *avoidance)
{
	stats.avoided[avoidance - next_avoidance(NULL)]++;
}

static void excepted_one(const struct exception *exception)
{
	stats.excepted[exception - next_exception(NULL)]++;
}

const struct watcher stats_watcher = {
	.done = done,
	.avoided = avoided_one,
	.excepted = excepted_one,
};

long stats_steps(void)
{
	return stats.steps;
}

static void print_op(FILE *to, enum op op)
{
	const char *name;
	long total = stats.succeeded[op];
	int e;

	for (e = 0; e < ERRNOS; e++)
		total += stats.failed[op][e];
	fprintf(to, "%-16s %8ld %8ld ", op_name(op), total, stats.succeeded[op]);
	for (e = 0; e < ERRNOS; e++) {
		name = strerrorname_np(e);
		if (stats.failed[op][e])
			fprintf(to, " %s %ld", e && name ? name : "?", stats.failed[op][e]);
	}
	fputc('\n', to);
}

void stats_print(FILE *to)
{
	const struct exception *e = NULL;
	const struct avoidance *a = NULL;
	enum op op;

	fprintf(to, "%-16s %8s %8s  %s\n", "step", "made", "success", "failures");
	for (op = 0; op < OPS; op++)
		print_op(to, op);
	fprintf(to, "%-16s %8ld\nlisted differences:", "all", stats.steps);
	while ((e = next_exception(e)))
		fprintf(to, " %s %ld", e->name, stats.excepted[e - next_exception(NULL)]);
	fputs("\nsteps not made:", to);
	while ((a = next_avoidance(a)))
		fprintf(to, " %s %ld", a->name, stats.avoided[a - next_avoidance(NULL)]);
	fputc('\n', to);
}
