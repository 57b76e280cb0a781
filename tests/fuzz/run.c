// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "compare.h"
#include "exceptions.h"
#include "limit.h"
#include "run.h"

/* Whole buffers are compared that often, besides after whatever writes to them. */
#define MEMORY_EVERY	64

static const char * const aspects[] = {
	[SAME] = "nothing",
	[IN_RESULT] = "the result",
	[IN_REQUEST] = "what is written back",
	[IN_BITMAP] = "the bitmap",
	[IN_DATA] = "what is read through an iova",
	[IN_CHARGE] = "the locked memory (VmLck)",
	[IN_INFO] = "GET_INFO afterwards",
	[IN_MEMORY] = "the memory",
	[IN_CALLBACKS] = "what the drivers of emulated devices are told",
	[IN_END] = "what is left at the end",
	[IN_MODEL] = "the number of mappings expected",
};

const char *aspect_name(enum aspect aspect)
{
	return aspects[aspect];
}

int world_open(struct world *world)
{
	int ret = side_open(&world->side[0], BACKEND_INTREE);

	return ret ? ret : side_open(&world->side[1], BACKEND_TYPE1P);
}

static int begin(struct world *w, const struct sequence *q)
{
	int ret;

	w->setup = q->setup;
	model_begin(&w->model, &q->setup);
	w->pins = pins_held();
	locked_begin();
	ret = side_begin(&w->side[0], &q->setup);
	if (!ret)
		ret = side_begin(&w->side[1], &q->setup);
	w->model.type = q->setup.type;
	w->model.attached = q->setup.members;
	w->side[0].locked = 0;
	w->side[1].locked = 0;
	return ret;
}

/* Everything is given back. */
static void end(struct world *w, struct diff *diff)
{
	s64 locked, pins;

	side_end(&w->side[0]);
	side_end(&w->side[1]);
	locked = locked_now();
	pins = pins_held() - w->pins;
	if (diff->aspect != SAME || (!locked && !pins))
		return;
	diff->aspect = IN_END;
	snprintf(diff->text, sizeof(diff->text), "%lld pages locked, %lld pages pinned, by either",
		 locked / (s64)PAGE_4K, pins);
}

static bool needs_memory(const struct step *step, int i)
{
	return step->op == OP_WRITE || step->op == OP_DMA || i % MEMORY_EVERY == 0;
}

static void update(struct world *w, const struct step *step)
{
	struct effect effect = { .ret = w->out[0].ret };
	int left = info_avail(w->info[0]);

	effect.left = left < 0 ? -1 : (int)w->model.entries - left;
	model_step(&w->model, step, &effect);
}

/* Whether to go on; a difference is in @diff. */
static bool judge(struct world *w, const struct step *step, const struct watcher *watcher,
		  struct diff *diff)
{
	const struct exception *e;

	if (diff->aspect == SAME)
		return true;
	e = excepted(w, step, diff);
	if (!e)
		return false;
	if (watcher)
		watcher->excepted(e);
	diff->aspect = SAME;
	return !e->ends;
}

static bool one_step(struct world *w, const struct step *step, int i,
		     const struct watcher *watcher, struct diff *diff)
{
	perform(&w->side[0], &w->side[1], &w->setup, &w->model, step, &w->out[0]);
	perform(&w->side[1], &w->side[0], &w->setup, &w->model, step, &w->out[1]);
	if (watcher)
		watcher->done(step, w->out[0].ret);
	compare_outcomes(w, step, diff);
	if (!judge(w, step, watcher, diff))
		return false;

	/* What an UNMAP that failed has left is known by GET_INFO alone. */
	compare_info(w, diff);
	update(w, step);
	if (diff->aspect == SAME)
		compare_model(w, diff);
	if (diff->aspect == SAME && needs_memory(step, i))
		compare_memory(w, diff);
	if (diff->aspect == SAME && step->op == OP_SWEEP)
		compare_callbacks(w, diff);
	return diff->aspect == SAME;
}

int run_sequence(struct world *w, const struct sequence *q, const bool *keep,
		 const struct watcher *watcher, struct diff *diff, volatile int *now)
{
	const struct avoidance *a;
	int i, ret;

	*diff = (struct diff){};
	ret = begin(w, q);
	for (i = 0; i < q->count && !ret; i++) {
		if (keep && !keep[i])
			continue;
		*now = i;
		a = avoided(w, &q->steps[i]);
		if (a && watcher)
			watcher->avoided(a);
		if (!a && !one_step(w, &q->steps[i], i, watcher, diff))
			break;
	}
	diff->at = i;
	end(w, diff);
	if (ret)
		return ret;
	return diff->aspect != SAME;
}
