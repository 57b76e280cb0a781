// SPDX-License-Identifier: GPL-2.0-only
/* Drivers of an emulated device in the kernel, that translate all the time. */
#include <assert.h>

#include "guest.h"
#include "translators.h"

/* Divides no range, so that every now and then a call spans two of them. */
#define STRIDE		(3 * PAGE_4K)
#define PAUSE_US	2000
#define ECHO_NAP_MS	2
/* Four drivers write, each in a part of its own, and not long before they begin anew. */
#define PART		((GUEST_DMA - GUEST_STAMPED) / 4)
#define PART_USED	(40 * STRIDE)

static const struct job {
	enum type1p_emulated_op op;
	enum type1p_emulated_by by;
	u64 at;
	u64 span;
	u32 flags;
} jobs[] = {
#define CHECKS(op, by) { TYPE1P_EMULATED_##op, TYPE1P_EMULATED_##by, \
			 GUEST_CHECKED, GUEST_STAMPED - GUEST_CHECKED, TYPE1P_EMULATED_CHECK }
#define STAMPS(op, by, part) { TYPE1P_EMULATED_##op, TYPE1P_EMULATED_##by, \
			       GUEST_STAMPED + (part) * PART, PART_USED, TYPE1P_EMULATED_STAMP }
	CHECKS(PIN, KTHREAD),
	CHECKS(PIN, WORK),
	CHECKS(READ, KTHREAD),
	CHECKS(READ, WORK),
	STAMPS(PIN, KTHREAD, 0),
	STAMPS(PIN, WORK, 1),
	STAMPS(WRITE, KTHREAD, 2),
	STAMPS(WRITE, WORK, 3),
};

#define NJOBS	(sizeof(jobs) / sizeof(*jobs))

static_assert(NJOBS <= MAX_JOBS, "there is room for their ids");

int translators_start(struct state *s)
{
	unsigned int i;

	for (i = 0; i < NJOBS; i++) {
		const struct type1p_emulated_order order = {
			.op = jobs[i].op,
			.by = jobs[i].by,
			.flags = jobs[i].flags | TYPE1P_EMULATED_LOOP,
			.prot = EMULATED_READ |
				(jobs[i].flags & TYPE1P_EMULATED_STAMP ? EMULATED_WRITE : 0),
			.iova = GUEST_IOVA + jobs[i].at,
			.npages = STRIDE / PAGE_4K,
			.size = STRIDE,
			.stamp = GUEST_STAMP,
			.span = jobs[i].span,
			.pause_us = PAUSE_US,
		};
		int ret = emulated_start(s->fds[FD_EMULATED], &order);

		if (ret < 0)
			return ret;
		s->jobs[i] = ret;
	}
	return 0;
}

static void add(struct pauses *p, unsigned int job, const struct type1p_emulated_status *status)
{
	int i;

	p->calls[job] += status->calls;
	p->wrong += status->wrong;
	if (p->longest_ns < status->longest_ns)
		p->longest_ns = status->longest_ns;
	for (i = 0; i < TYPE1P_EMULATED_TIMES; i++)
		p->times[i] += status->times[i];
	for (i = 0; i < TYPE1P_EMULATED_ERRNOS; i++) {
		p->errors += status->errors[i];
		if (status->errors[i])
			p->error = -i;
	}
}

int translators_sample(struct state *s, enum phase phase)
{
	struct type1p_emulated_status status;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < NJOBS && !ret; i++) {
		ret = emulated_sample(s->fds[FD_EMULATED], s->jobs[i], &status);
		if (!ret)
			add(&s->pauses[phase], i, &status);
	}
	return ret;
}

int translators_stop(struct state *s)
{
	struct type1p_emulated_status status;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < NJOBS && !ret; i++) {
		ret = emulated_stop(s->fds[FD_EMULATED], s->jobs[i], &status);
		if (!ret)
			add(&s->pauses[PHASE_AFTER], i, &status);
	}
	return ret;
}

u64 translators_calls(const struct pauses *p)
{
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < NJOBS; i++)
		sum += p->calls[i];
	return sum;
}

u64 translators_fewest(const struct pauses *p)
{
	u64 fewest = p->calls[0];
	unsigned int i;

	for (i = 1; i < NJOBS; i++)
		if (fewest > p->calls[i])
			fewest = p->calls[i];
	return fewest;
}

u64 translators_circuits(const struct state *s)
{
	u64 calls, fewest = ~0ULL;
	unsigned int i;

	for (i = 0; i < NJOBS; i++) {
		if (!(jobs[i].flags & TYPE1P_EMULATED_STAMP))
			continue;
		calls = s->pauses[PHASE_INVALID].calls[i] - s->unheard[i];
		if (fewest > calls)
			fewest = calls;
	}
	return fewest / (PART_USED / STRIDE);
}

static u64 *word(const struct echo *e, u64 at)
{
	return (u64 *)(e->mem + at);
}

static bool back(const struct echo *e, const struct job *job)
{
	u64 at;

	for (at = job->at; at < job->at + job->span; at += PAGE_4K)
		if (__atomic_load_n(word(e, at), __ATOMIC_RELAXED) !=
		    TYPE1P_EMULATED_WORD(GUEST_STAMP, GUEST_IOVA + at))
			return false;
	return true;
}

static bool all_back(const struct echo *e)
{
	unsigned int i;

	for (i = 0; i < NJOBS; i++)
		if (jobs[i].flags & TYPE1P_EMULATED_STAMP && !back(e, &jobs[i]))
			return false;
	return true;
}

static void wipe(const struct echo *e)
{
	u64 at;

	for (at = GUEST_STAMPED; at < GUEST_DMA; at += PAGE_4K)
		__atomic_store_n(word(e, at), 0, __ATOMIC_RELAXED);
}

void echo_listen(struct echo *e)
{
	wipe(e);
	e->listening = true;
}

void echo_for(struct state *s, struct echo *e, unsigned int ms)
{
	const u64 end = now_ns() + ms * 1000000ULL;
	bool last;

	do {
		last = now_ns() >= end;
		if (e->listening && all_back(e)) {
			s->echoes[state_phase(s)]++;
			e->listening = false;
		}
		if (!e->listening)
			echo_listen(e);
		nap_ms(ECHO_NAP_MS);
	} while (!last);
}
