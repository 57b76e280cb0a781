// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <string.h>

#include "compare.h"

static __printf(3, 4) void differ(struct diff *diff, enum aspect aspect, const char *format, ...)
{
	va_list args;

	diff->aspect = aspect;
	va_start(args, format);
	vsnprintf(diff->text, sizeof(diff->text), format, args);
	va_end(args);
}

static size_t first_difference(const void *a, const void *b, size_t len)
{
	size_t i;

	for (i = 0; i < len && ((const u8 *)a)[i] == ((const u8 *)b)[i]; i++)
		;
	return i;
}

static void differ_at(struct diff *diff, enum aspect aspect, const void *a, const void *b,
		      size_t len)
{
	size_t at = first_difference(a, b, len) & ~7UL;
	u64 x = 0, y = 0;
	size_t n = len - at < 8 ? len - at : 8;

	memcpy(&x, (const char *)a + at, n);
	memcpy(&y, (const char *)b + at, n);
	differ(diff, aspect, "byte %zu and on: in-tree %#llx, type1p %#llx", at, x, y);
}

/* Addresses in a request differ, but no kernel writes these. */
static void compare_request(const struct outcome *out, struct diff *diff)
{
	int i;

	for (i = 0; i < REQUEST_MAX; i++) {
		if (out[0].after[i] == out[1].after[i] ||
		    (out[0].before[i] == out[0].after[i] && out[1].before[i] == out[1].after[i]))
			continue;
		differ(diff, IN_REQUEST, "%d bytes before its end: in-tree %#x, type1p %#x",
		       REQUEST_MAX - i, out[0].after[i], out[1].after[i]);
		return;
	}
}

void compare_outcomes(struct world *w, const struct step *step, struct diff *diff)
{
	const struct outcome *out = w->out;
	const char *data[2] = { w->side[0].data, w->side[1].data };

	diff->aspect = SAME;
	if (out[0].ret != out[1].ret)
		differ(diff, IN_RESULT, "in-tree %d, type1p %d", out[0].ret, out[1].ret);
	else if (out[0].charged != out[1].charged)
		differ(diff, IN_CHARGE, "in-tree %+lld pages, type1p %+lld",
		       out[0].charged / (s64)PAGE_4K, out[1].charged / (s64)PAGE_4K);
	else if (out[0].len && memcmp(data[0], data[1], out[0].len))
		differ_at(diff, IN_DATA, data[0], data[1], out[0].len);
	else if (step_has_bits(step) && memcmp(w->side[0].bits, w->side[1].bits, BITS_SIZE))
		differ_at(diff, IN_BITMAP, w->side[0].bits, w->side[1].bits, BITS_SIZE);
	else if (step->op <= OP_NUMBER && step->op != OP_EXTENSION)
		compare_request(out, diff);
}

void compare_info(struct world *w, struct diff *diff)
{
	diff->aspect = SAME;
	read_info(&w->side[0], w->info[0]);
	read_info(&w->side[1], w->info[1]);
	if (memcmp(w->info[0], w->info[1], INFO_SIZE))
		differ_at(diff, IN_INFO, w->info[0], w->info[1], INFO_SIZE);
}

void compare_model(struct world *w, struct diff *diff)
{
	int left = info_avail(w->info[0]);

	diff->aspect = SAME;
	if (left >= 0 && left + w->model.count != (int)w->model.entries)
		differ(diff, IN_MODEL, "%d mappings are to be there, but %d are",
		       w->model.count, (int)w->model.entries - left);
}

void compare_memory(struct world *w, struct diff *diff)
{
	u32 i;

	diff->aspect = SAME;
	for (i = 0; i < w->setup.pages; i++) {
		const char *a = w->side[0].mem + i * PAGE_4K, *b = w->side[1].mem + i * PAGE_4K;

		if (w->model.page[i] < PAGE_READ || !memcmp(a, b, PAGE_4K))
			continue;
		differ_at(diff, IN_MEMORY, a, b, PAGE_4K);
		snprintf(diff->text + strlen(diff->text), 32, " in page %u", i);
		return;
	}
}

void compare_callbacks(struct world *w, struct diff *diff)
{
	struct type1p_emulated_unmaps unmaps[2];
	int i, k;

	diff->aspect = SAME;
	for (i = EMULATED_0; i < MEMBERS; i++) {
		memset(unmaps, 0, sizeof(unmaps));
		for (k = 0; k < 2; k++)
			if (w->side[k].member[i].device >= 0)
				emulated_unmaps(w->side[k].member[i].device, &unmaps[k]);
		if (!memcmp(&unmaps[0], &unmaps[1], sizeof(unmaps[0])))
			continue;
		differ(diff, IN_CALLBACKS,
		       "device %d: in-tree %llu calls for %llu bytes, %llu pins held, type1p %llu for %llu, %llu",
		       i, unmaps[0].calls, unmaps[0].total, unmaps[0].pinned, unmaps[1].calls,
		       unmaps[1].total, unmaps[1].pinned);
		return;
	}
}
