/* SPDX-License-Identifier: GPL-2.0-only */
/* Locked memory: how much there is, and how much there may be. */
#ifndef TYPE1P_FUZZ_LIMIT_H
#define TYPE1P_FUZZ_LIMIT_H

#include "ktypes.h"

/* What there is now does not count: an earlier sequence may have left it. */
void locked_begin(void);
/* Bytes of locked memory of this process, besides that. */
s64 locked_now(void);
/*
 * @limit bytes for one side, besides what the other one has, and no privilege to
 * exceed that; ~0: as much as it likes.
 */
void limit_set(u64 limit, s64 other);

#endif
