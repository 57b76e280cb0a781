/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls of waiters, and the record of them. */
#ifndef TYPE1P_WAITERS_CALL_H
#define TYPE1P_WAITERS_CALL_H

#include "stress.h"

/* A call on some of the pages of a range. */
struct type1p_emulated_order call_order(unsigned int *seed, enum type1p_emulated_op op,
					unsigned int range);
/* Chooses a range. */
unsigned int call_begin(struct stress *s, struct waiter *waiter, unsigned int *seed);
/* @ret: of the call; -ENODEV if it went with its device. @ms: how long it took. */
void call_end(struct stress *s, struct waiter *waiter, int ret, double ms);
/* The same for one that was killed, maybe not in a call. */
void call_killed(struct waiter *waiter);

#endif
