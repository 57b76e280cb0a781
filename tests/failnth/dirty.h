/* SPDX-License-Identifier: GPL-2.0-only */
/* Dirty bits of the parts. */
#ifndef TYPE1P_FAILNTH_DIRTY_H
#define TYPE1P_FAILNTH_DIRTY_H

#include "failnth.h"

int dirty_call(struct world *w, u32 flags);
/* The world's bitmap has no bits. */
int dirty_clear(struct world *w, const struct op *op);
/* A driver writes to a page of each part; and whether the world's bitmap says so. */
int dirty_write(struct world *w, const struct op *op);
bool dirty_written(struct world *w, const struct op *op);
bool dirty_all(struct world *w, const struct op *op);

#endif
