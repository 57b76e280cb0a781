// SPDX-License-Identifier: GPL-2.0-only
/* Whether a live update was good. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "guest.h"
#include "judge.h"
#include "translators.h"

/*
 * Who waits for the vaddr makes one call while it is invalid, or a device one transfer;
 * who does not makes thousands, or still some when the machine stands still for seconds.
 */
#define FEW_CALLS	5
#define FEW_TRANSFERS	3
/* In less time nobody may come to do more. */
#define FEW_HOLD_MS	1000
/* So many times round, that what drivers wrote must have come back. */
#define ECHO_CIRCUITS	3

static u64 max(u64 a, u64 b)
{
	return a > b ? a : b;
}

u64 result_pause(const struct state *s)
{
	return max(s->pauses[PHASE_INVALID].longest_ns, s->pauses[PHASE_REPLACED].longest_ns);
}

u64 result_gap(const struct traffic *t)
{
	return max(t->longest_ns[PHASE_INVALID], t->longest_ns[PHASE_REPLACED]);
}

u64 result_wrong(const struct result *r)
{
	u64 sum = r->state.wrong_pages;
	u32 i;

	for (i = 0; i < PHASES; i++)
		sum += r->state.pauses[i].wrong;
	for (i = 0; i < r->state.devices; i++)
		sum += r->state.traffic[i].wrong;
	return sum;
}

u64 result_errors(const struct result *r)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < PHASES; i++)
		sum += r->state.pauses[i].errors;
	for (i = 0; i < r->state.devices; i++)
		sum += r->state.traffic[i].errors;
	return sum;
}

static __printf(3, 4) void expect(struct result *r, bool good, const char *format, ...)
{
	size_t len = strlen(r->reason);
	va_list args;

	if (good)
		return;
	if (len)
		len += snprintf(r->reason + len, sizeof(r->reason) - len, "; ");
	if (len >= sizeof(r->reason))
		return;
	va_start(args, format);
	vsnprintf(r->reason + len, sizeof(r->reason) - len, format, args);
	va_end(args);
}

/* Longer than @before, by more than is the machine's fault. */
static bool too_long(const struct options *o, u64 ns, u64 before)
{
	return ns > o->limit_ms * 1000000ULL && ns > 3 * before;
}

static void judge_translators(const struct options *o, struct result *r)
{
	const struct state *s = &r->state;
	const struct pauses *p = s->pauses;
	u64 wrong = 0, errors = 0;
	int i, error = 0;

	r->waited = too_long(o, result_pause(s), p[PHASE_BEFORE].longest_ns) ||
		    (s->hold_ms >= FEW_HOLD_MS &&
		     translators_fewest(&p[PHASE_INVALID]) < FEW_CALLS);
	for (i = 0; i < PHASES; i++) {
		wrong += p[i].wrong;
		errors += p[i].errors;
		error = p[i].errors ? p[i].error : error;
	}
	expect(r, !wrong, "drivers in the kernel found %llu pages wrong", wrong);
	expect(r, !errors, "%llu of their calls failed, with: %s", errors, strerror(-error));
	expect(r, translators_fewest(&p[PHASE_BEFORE]) && translators_calls(&p[PHASE_REPLACED]),
	       "drivers in the kernel made no calls");
	if (!o->must_not_wait[s->way])
		return;
	expect(r, !r->waited, "drivers in the kernel had to wait");
	expect(r, translators_circuits(s) < ECHO_CIRCUITS || s->echoes[PHASE_INVALID],
	       "what they wrote meanwhile did not arrive");
}

static void judge_devices(const struct options *o, struct result *r)
{
	const u64 few = r->state.hold_ms < FEW_HOLD_MS ? 1 : FEW_TRANSFERS;
	u32 i;

	for (i = 0; i < r->state.devices; i++) {
		const struct traffic *t = &r->state.traffic[i];
		const char *bdf = r->state.device[i].bdf;

		expect(r, !t->wrong, "%s: %llu transfers with WRONG DATA", bdf, t->wrong);
		expect(r, !t->errors, "%s: %s", bdf, strerror(-t->error));
		expect(r, t->transfers[PHASE_INVALID] >= few,
		       "%s: no DMA during the update", bdf);
		expect(r, !too_long(o, result_gap(t), t->longest_ns[PHASE_BEFORE]),
		       "%s: DMA stood still for %llu ms", bdf, result_gap(t) / 1000000);
	}
}

static void judge_remains(struct result *r)
{
	const struct state *s = &r->state;
	const s64 charged = s->way == WAY_PAGES ? GUEST_SIZE : 0;

	expect(r, !s->wrong_pages, "%llu pages CHANGED that nobody was to write to",
	       s->wrong_pages);
	expect(r, s->locked_before == charged,
	       "%lld bytes of locked memory before the update, not %lld", s->locked_before,
	       charged);
	/* Else it is what drivers have pinned at the moment. */
	expect(r, s->way != WAY_PAGES || s->locked_after == charged,
	       "%lld bytes of locked memory after the update, not %lld", s->locked_after, charged);
	expect(r, !s->locked_left, "%lld bytes of locked memory left at the end", s->locked_left);
	expect(r, !s->pinned_left, "%llu pages still pinned by the emulated device",
	       s->pinned_left);
	expect(r, s->avail_left == s->avail, "%u of %u mappings left to make at the end",
	       s->avail_left, s->avail);
	expect(r, !r->pinned_left, "%lld pages pinned that were not before", r->pinned_left);
}

void judge(const struct options *o, struct result *r)
{
	expect(r, !r->state.error[0], "%s", r->state.error);
	judge_devices(o, r);
	if (r->state.finished) {
		judge_translators(o, r);
		judge_remains(r);
	} else {
		expect(r, r->reason[0], "it did not get to its end");
	}
	r->good = !r->reason[0];
}
