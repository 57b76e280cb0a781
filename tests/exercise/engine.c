// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's edu device copies from memory and to memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/edu.h"
#include "../lib/interrupt.h"
#include "engine.h"
#include "session.h"

#define LEN		EDU_MAX_TRANSFER
#define MAX_WINDOW	(32UL << 20)	/* two of them fit in what edu can address */
#define SPOTS		5

struct window {
	u8 *mem;
	u64 iova;
	u64 size;
};

struct engine {
	struct session *session;
	const char *bdf;
	struct edu edu;
	struct window from;
	struct window to;
	u64 seed;
};

static int place(struct session *s, struct window *w, u64 from)
{
	int ret = container_find_iova(&s->info, from, EDU_IOVA_LIMIT, w->size, &w->iova);

	return ret ? ret : iova_map(s->container, w->mem, w->iova, w->size);
}

/* Both ends, across the first and the last page boundary, and across the middle. */
static u64 spot(const struct window *w, int i)
{
	const u64 spots[SPOTS] = {
		0, PAGE_4K - 1000, w->size / 2 - LEN / 2, w->size - PAGE_4K - 24, w->size - LEN,
	};

	return spots[i];
}

static u64 max(u64 a, u64 b)
{
	return a > b ? a : b;
}

static u64 min(u64 a, u64 b)
{
	return a < b ? a : b;
}

/*
 * The device fetches LEN bytes and puts them down elsewhere: there they are,
 * and a page before and after them nothing else has changed.
 */
static int copy(struct engine *e, struct check *c, u64 src, u64 dst)
{
	const u64 start = max(dst, PAGE_4K) - PAGE_4K;
	const u64 end = min(dst + LEN + PAGE_4K, e->to.size);
	u8 *expected = malloc(end - start);
	int ret;

	if (!expected)
		return -ENOMEM;
	mem_fill(e->from.mem + src, LEN, ++e->seed);
	mem_fill(e->to.mem + start, end - start, ++e->seed);
	memcpy(expected, e->to.mem + start, end - start);
	memcpy(expected + (dst - start), e->from.mem + src, LEN);

	ret = edu_from_memory(&e->edu, e->from.iova + src, LEN);
	if (!ret)
		ret = edu_to_memory(&e->edu, e->to.iova + dst, LEN);
	if (!ret && memcmp(expected, e->to.mem + start, end - start))
		ret = -EILSEQ;
	free(expected);
	c->to_device += LEN;
	c->from_device += LEN;
	return ret;
}

static const char *reason(int ret)
{
	return ret == -EILSEQ ? "WRONG DATA" : strerror(-ret);
}

static void copy_all(struct engine *e, const char *name)
{
	struct check c = check_begin(e->session->report, e->bdf, name);
	u64 src, dst;
	int i, ret;

	for (i = 0; i < SPOTS; i++) {
		if (interrupted())
			return;
		src = spot(&e->from, i);
		dst = spot(&e->to, SPOTS - 1 - i);
		ret = copy(e, &c, src, dst);
		if (ret) {
			check_end(&c, false, "from iova %#llx to %#llx: %s", e->from.iova + src,
				  e->to.iova + dst, reason(ret));
			return;
		}
	}
	check_end(&c, true, "%d from iova %#llx to %#llx (ends, middle, across pages): all right",
		  SPOTS, e->from.iova, e->to.iova);
}

/* The device writes where it may not: the memory must stay as it is. */
static void must_not_land(struct engine *e, const char *name)
{
	struct check c = check_begin(e->session->report, e->bdf, name);
	const u64 wrong_seed = ++e->seed;
	int ret;

	mem_fill(e->from.mem, LEN, ++e->seed);
	mem_fill(e->to.mem, 2 * PAGE_4K, wrong_seed);
	ret = edu_from_memory(&e->edu, e->from.iova, LEN);
	if (!ret)
		ret = edu_to_memory(&e->edu, e->to.iova, LEN);
	if (!ret && mem_check(e->to.mem, 2 * PAGE_4K, wrong_seed) != 2 * PAGE_4K)
		ret = -EILSEQ;
	check_end(&c, !ret, "writing to iova %#llx: %s", e->to.iova,
		  ret == -EILSEQ ? "IT REACHED THE MEMORY" : ret ? strerror(-ret) :
		  "did not reach the memory");
}

static void faults(struct engine *e)
{
	int container = e->session->container;

	iova_unmap(container, e->to.iova, e->to.size, NULL);
	must_not_land(e, "not mapped");
	if (!iova_map_flags(container, e->to.mem, e->to.iova, e->to.size, VFIO_DMA_MAP_FLAG_READ))
		must_not_land(e, "mapped read-only");
}

static void run(struct engine *e)
{
	struct session *s = e->session;

	copy_all(e, "copies");
	if (interrupted())
		return;
	/* Both again elsewhere: nothing of the old translation may linger. */
	iova_unmap(s->container, e->from.iova, e->from.size, NULL);
	iova_unmap(s->container, e->to.iova, e->to.size, NULL);
	if (!place(s, &e->to, e->from.iova) && !place(s, &e->from, e->to.iova + 2 * e->to.size))
		copy_all(e, "copies, remapped");
	if (s->options->faults && !interrupted())
		faults(e);
}

void engine_exercise(struct session *s, struct target *t)
{
	struct check c = check_begin(s->report, t->dev.bdf, "start");
	const u64 size = min(s->options->size / 2, MAX_WINDOW);
	struct engine e = {
		.session = s,
		.bdf = t->dev.bdf,
		.from = { .mem = s->mem, .size = size },
		.to = { .mem = s->mem + s->options->size / 2, .size = size },
	};
	int ret;

	ret = place(s, &e.from, PAGE_2M);
	if (!ret)
		ret = place(s, &e.to, e.from.iova + size);
	if (!ret)
		ret = edu_open(t->fd, &e.edu);
	if (ret) {
		check_end(&c, false, "cannot set it up: %s", strerror(-ret));
	} else {
		run(&e);
		edu_close(&e.edu);
	}
	iova_unmap_flags(s->container, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, NULL);
}
