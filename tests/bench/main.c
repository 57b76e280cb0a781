// SPDX-License-Identifier: GPL-2.0-only
/* The bench: what MAP and UNMAP cost, here, in the tree, and at the least. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "interrupt.h"
#include "progress.h"
#include "report.h"

/* What the kernel still has to do after boot takes its share of a lone CPU. */
#define QUIET_SECONDS	5

static void list_rows(void)
{
	const struct row *row;

	for (row = rows; row->name; row++)
		printf("%-8s %-20s %s\n", row->set, row->name, row->text);
}

static bool run_rows(const struct options *options, struct side sides[SIDES],
		     struct report *report)
{
	static struct result result;
	const struct row *row;
	bool good = true;

	for (row = rows; row->name && !interrupted(); row++) {
		if (!row_wanted(row, options->rows))
			continue;
		progress_begin(row->text, 0);
		row_run(sides, options, row, &result);
		progress_end();
		report_add(report, &result);
		good = good && !result.error;
	}
	return good;
}

int main(int argc, char **argv)
{
	struct side sides[SIDES];
	struct options options;
	struct report *report;
	bool good;
	int ret;

	ret = options_parse(&options, argc, argv);
	if (ret)
		return ret;
	if (options.help || options.list) {
		if (options.help)
			options_help();
		else
			list_rows();
		return RESULT_OK;
	}
	interrupt_catch();
	ret = sides_open(sides);
	if (ret) {
		fprintf(stderr, "type1p-bench: cannot open devices and backends: %s\n",
			strerror(-ret));
		return RESULT_SYSTEM;
	}
	sleep(QUIET_SECONDS);
	report = report_begin(&options, sides);
	if (!report)
		return RESULT_SYSTEM;
	good = run_rows(&options, sides, report);
	sides_close(sides);
	if (report_end(report)) {
		fprintf(stderr, "type1p-bench: cannot write %s\n", options.json);
		return RESULT_SYSTEM;
	}
	if (interrupted())
		return RESULT_SIGNAL + interrupted();
	return good ? RESULT_OK : RESULT_FAILED;
}
