// SPDX-License-Identifier: GPL-2.0-only
/* type1pctl check: is this host ready, and what is to be done if not? */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "ctl.h"
#include "jsonc.h"

static struct json_object *answers;
static int counts[LEVEL_FAIL + 1];

void answer(enum level level, const char *name, const char *advice, const char *format, ...)
{
	static const char * const levels[] = { "ok", "warn", "fail" };
	struct json_object *o;
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	counts[level]++;
	if (!want_json) {
		printf("%-4s  %-13s  %s\n", levels[level], name, text);
		if (advice)
			printf("      %-13s  -> %s\n", "", advice);
		return;
	}
	o = json_object_new_object();
	put_text(o, "name", name);
	put_text(o, "level", levels[level]);
	put_text(o, "text", text);
	put_text(o, "advice", advice);
	json_object_array_add(answers, o);
}

static void json_check(void)
{
	struct json_object *o = json_object_new_object();

	put_bool(o, "ready", !counts[LEVEL_FAIL]);
	put_number(o, "warnings", counts[LEVEL_WARN]);
	put_number(o, "failures", counts[LEVEL_FAIL]);
	json_object_object_add(o, "checks", answers);
	print_and_free(o);
}

static const char doc[] =
"Checks whether this host is ready for type1p: IOMMU, interrupt remapping,\n"
"kernel, modules, modprobe's configuration, Secure Boot, limits on locked\n"
"memory, debugfs, and what dkms needs. Says what to do where something is\n"
"missing.\n"
"\vExit status: 0 ready, perhaps with warnings; 1 something must be done.";

int cmd_check(int argc, char **argv)
{
	static const struct argp argp = { .doc = doc, .children = json_child };

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	answers = json_object_new_array();
	check_iommu();
	check_interrupts();
	check_config();
	check_module();
	check_load_order();
	check_conflicts();
	check_secure_boot();
	check_memlock();
	check_debugfs();
	check_tools();
	if (want_json) {
		json_check();
	} else {
		json_object_put(answers);
		printf("\n%s: %d good, %d to think about, %d to be done.\n",
		       counts[LEVEL_FAIL] ? "Not ready" : "Ready", counts[LEVEL_OK],
		       counts[LEVEL_WARN], counts[LEVEL_FAIL]);
	}
	return counts[LEVEL_FAIL] > 0;
}
