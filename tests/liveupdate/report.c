// SPDX-License-Identifier: GPL-2.0-only
/* What came of it: a table, line by line as it happens, or JSON at the end. */
#include <stdio.h>
#include <sys/utsname.h>

#include "../lib/jsonc.h"
#include "report.h"
#include "translators.h"

static struct json_object *results;
static unsigned int total, failed;

const char *way_name(enum way way)
{
	static const char * const names[WAYS] = {
		"a: IOMMU's pages", "b: shared file", "c: must wait",
	};

	return names[way];
}

const char *mode_name(enum mode mode)
{
	return mode == MODE_EXEC ? "exec" : "socket";
}

void report_begin(const struct options *o, const struct setting *setting)
{
	struct utsname uts;
	int i;

	if (o->json) {
		results = json_object_new_array();
		return;
	}
	uname(&uts);
	printf("Kernel %s, containers served by the type1p driver\n", uts.release);
	for (i = 0; i < setting->devices; i++)
		printf("  %s  %04x:%04x  IOMMU group %d\n", setting->device[i].bdf,
		       setting->device[i].vendor, setting->device[i].device, setting->group[i]);
	printf("\n%-16s %-6s %8s | %-30s | %-31s |\n", "", "", "vaddr",
	       "calls of drivers in the kernel", "transfers of real devices");
	printf("%-16s %-6s %8s | %8s %10s %10s | %9s %10s %10s | %5s %6s\n", "way", "mode",
	       "invalid", "number", "longest", "before", "number", "gap", "before", "wrong",
	       "errors");
	fflush(stdout);
}

static void print_ms(u64 ns)
{
	printf(" %7.1f ms", ns / 1e6);
}

/* All together; the longest gap of any. */
static void print_devices(const struct state *s)
{
	u64 transfers = 0, during = 0, before = 0;
	u32 i;

	if (!s->devices) {
		printf(" | %9s %10s %10s", "-", "-", "-");
		return;
	}
	for (i = 0; i < s->devices; i++) {
		const struct traffic *t = &s->traffic[i];

		transfers += t->transfers[PHASE_INVALID];
		if (during < result_gap(t))
			during = result_gap(t);
		if (before < t->longest_ns[PHASE_BEFORE])
			before = t->longest_ns[PHASE_BEFORE];
	}
	printf(" | %9llu", transfers);
	print_ms(during);
	print_ms(before);
}

static void print_result(const struct result *r)
{
	const struct state *s = &r->state;
	const struct pauses *p = s->pauses;

	printf("%-16s %-6s %6.2f s |", way_name(s->way), mode_name(s->mode),
	       s->valid_at ? (s->valid_at - s->invalid_at) / 1e9 : 0.0);
	printf(" %9llu", translators_calls(&p[PHASE_INVALID]));
	print_ms(result_pause(s));
	print_ms(p[PHASE_BEFORE].longest_ns);
	print_devices(s);
	printf(" | %5llu %6llu  %s%s\n", result_wrong(r), result_errors(r),
	       r->good ? "ok" : "FAILED: ", r->good ? r->waited ? ", waits" : "" : r->reason);
	fflush(stdout);
}

/* A time that half of the calls did not exceed. */
static u64 median(const struct pauses *p)
{
	const u64 calls = translators_calls(p);
	u64 sum = 0;
	int i;

	for (i = 0; i < TYPE1P_EMULATED_TIMES - 1; i++) {
		sum += p->times[i];
		if (2 * sum >= calls)
			break;
	}
	return 1ULL << i;
}

static struct json_object *translators_object(const struct state *s, enum phase phase)
{
	const struct pauses *p = &s->pauses[phase];
	struct json_object *object = json_object_new_object();

	put_number(object, "calls", translators_calls(p));
	put_number(object, "longest_ns", p->longest_ns);
	put_number(object, "median_below_ns", median(p));
	put_number(object, "wrong_pages", p->wrong);
	put_number(object, "errors", p->errors);
	put_number(object, "echoes", s->echoes[phase]);
	return object;
}

static struct json_object *device_object(const struct state *s, u32 i)
{
	const struct traffic *t = &s->traffic[i];
	struct json_object *object = json_object_new_object();

	put_text(object, "address", s->device[i].bdf);
	put_number(object, "bytes", t->bytes);
	put_number(object, "transfers_during", t->transfers[PHASE_INVALID]);
	put_number(object, "longest_gap_during_ns", result_gap(t));
	put_number(object, "longest_gap_before_ns", t->longest_ns[PHASE_BEFORE]);
	put_number(object, "wrong", t->wrong);
	put_number(object, "errors", t->errors);
	return object;
}

static struct json_object *result_object(const struct result *r)
{
	static const char * const phases[PHASES] = {
		"setup", "before", "during", "replaced", "after",
	};
	struct json_object *object = json_object_new_object();
	struct json_object *translators = json_object_new_object();
	struct json_object *devices = json_object_new_array();
	const struct state *s = &r->state;
	u32 i;

	put_bool(object, "good", r->good);
	put_text(object, "reason", r->good ? NULL : r->reason);
	put_text(object, "way", way_name(s->way));
	put_text(object, "mode", mode_name(s->mode));
	put_bool(object, "waited", r->waited);
	put_number(object, "invalid_ns", s->valid_at ? s->valid_at - s->invalid_at : 0);
	put_number(object, "wrong", result_wrong(r));
	put_number(object, "errors", result_errors(r));
	for (i = PHASE_BEFORE; i < PHASES; i++)
		json_object_object_add(translators, phases[i], translators_object(s, i));
	json_object_object_add(object, "translators", translators);
	for (i = 0; i < s->devices; i++)
		json_object_array_add(devices, device_object(s, i));
	json_object_object_add(object, "devices", devices);
	return object;
}

void report_result(const struct options *o, const struct result *r)
{
	total++;
	failed += !r->good;
	if (o->json)
		json_object_array_add(results, result_object(r));
	else
		print_result(r);
}

void report_end(const struct options *o, enum exit_code code, const char *error)
{
	struct json_object *document;
	struct utsname uts;

	if (!o->json) {
		if (error)
			fprintf(stderr, "type1p-live-update: %s\n", error);
		if (total)
			printf("\n%s: %u live updates, %u failed.\n",
			       code ? "NOT GOOD" : "ALL GOOD", total, failed);
		return;
	}
	uname(&uts);
	document = json_object_new_object();
	put_bool(document, "good", !code);
	put_number(document, "exit_status", code);
	put_text(document, "error", error);
	put_text(document, "kernel", uts.release);
	json_object_object_add(document, "updates",
			       results ? results : json_object_new_array());
	print_and_free(document);
}
