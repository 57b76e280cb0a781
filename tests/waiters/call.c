// SPDX-License-Identifier: GPL-2.0-only
/* Calls of waiters, and the record of them. */
#include <errno.h>
#include <stdlib.h>

#include "call.h"

struct type1p_emulated_order call_order(unsigned int *seed, enum type1p_emulated_op op,
					unsigned int range)
{
	unsigned int first = rand_r(seed) % RANGE_PAGES;
	unsigned int pages = 1 + rand_r(seed) % (RANGE_PAGES - first);

	return (struct type1p_emulated_order){
		.op = op, .prot = EMULATED_READ | EMULATED_WRITE, .stamp = STAMP,
		.flags = op == TYPE1P_EMULATED_READ ? TYPE1P_EMULATED_CHECK :
			 op == TYPE1P_EMULATED_WRITE ? TYPE1P_EMULATED_STAMP : 0,
		.iova = range_iova(range) + first * PAGE_4K, .npages = pages,
		.size = pages * PAGE_4K,
	};
}

unsigned int call_begin(struct stress *s, struct waiter *waiter, unsigned int *seed)
{
	for (;;) {
		waiter->range = rand_r(seed) % s->ranges;
		waiter->began_ms = now_ms();
		waiter->turn++;
		if (!s->quiet[waiter->range])
			return waiter->range;
		waiter->turn++;
		pause_us(seed, 1000);
	}
}

static void record(struct waiter *waiter, enum ending ending, double ms)
{
	waiter->calls[ending]++;
	if (ms >= WAIT_MS)
		waiter->waits[ending]++;
	if (ms > waiter->longest_ms)
		waiter->longest_ms = ms;
	waiter->turn++;
}

void call_end(struct stress *s, struct waiter *waiter, int ret, double ms)
{
	switch (ret) {
	case 0 ... RANGE_PAGES:
		return record(waiter, BY_REPLACE, ms);
	case -EINVAL:
		return record(waiter, BY_UNMAP, ms);
	case -EINTR:
		return record(waiter, BY_STOP, ms);
	case -ENODEV:
		return record(waiter, BY_CLOSE, ms);
	case -EAGAIN:
		record(waiter, BY_TIME, ms);
		return fail(s, "a %s has waited to the module's time limit",
			    waiter_name(waiter->kind));
	default:
		record(waiter, BY_REPLACE, ms);
		return fail(s, "a %s got error %d", waiter_name(waiter->kind), ret);
	}
}

void call_killed(struct waiter *waiter)
{
	if (waiter->turn % 2)
		record(waiter, BY_KILL, now_ms() - waiter->began_ms);
}
