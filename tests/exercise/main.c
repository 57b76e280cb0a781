// SPDX-License-Identifier: GPL-2.0-only
/* Exercises a VFIO container: devices do DMA through it, and every byte is checked. */
#include <stdio.h>
#include <string.h>

#include "../lib/edu.h"
#include "../lib/interrupt.h"
#include "candidates.h"
#include "checks.h"
#include "disk.h"
#include "engine.h"
#include "session.h"

static void exercise(struct session *s, struct target *t)
{
	if (t->dev.class == PCI_CLASS_NVME)
		disk_exercise(s, t);
	else if (t->dev.vendor == EDU_VENDOR && t->dev.device == EDU_DEVICE)
		engine_exercise(s, t);
	else
		check_skip(s->report, t->dev.bdf, "DMA", "no idea how to drive it: mappings only");
}

/* When all is unmapped, nothing is charged to us any more. */
static void check_nothing_left(struct session *s, s64 locked_before)
{
	struct check c = check_begin(s->report, NULL, "nothing left");
	const s64 locked = mem_locked() - locked_before;
	struct container_info info;
	int ret = container_info(s->container, &info);

	check_end(&c, !ret && !locked && info.avail == s->info.avail,
		  "%lld bytes still locked, %u of %u mappings left to make", locked, info.avail,
		  s->info.avail);
}

static void run(struct session *s)
{
	const s64 locked = mem_locked();
	int i;

	report_setting(s->report);
	checks_mappings(s);
	for (i = 0; i < s->ntargets && !interrupted(); i++)
		exercise(s, &s->targets[i]);
	if (!interrupted())
		check_nothing_left(s, locked);
}

int main(int argc, char **argv)
{
	static struct session session;
	static struct report report;
	struct options options;
	enum exit_code result;

	result = options_parse(&options, argc, argv);
	if (result)
		return result;
	if (options.help) {
		options_help();
		return RESULT_OK;
	}
	if (options.list)
		return candidates_show(&options);

	interrupt_catch();
	report_init(&report, &options);
	if (!session_open(&session, &options, &report) && !interrupted())
		run(&session);
	session_close(&session);
	if (interrupted())
		report_error(&report, RESULT_SIGNAL + interrupted(), "stopped by signal %d (%s)",
			     interrupted(), strsignal(interrupted()));
	return report_finish(&report);
}
