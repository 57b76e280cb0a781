/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether the vfio core that runs is the one that we were built for.
 */
#ifndef TYPE1P_GUARD_H
#define TYPE1P_GUARD_H

int t1p_guard(void);

#endif /* TYPE1P_GUARD_H */
