/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Windows: the stretches of iova that a container's IOMMUs can translate.
 *
 * Apertures of the domains, less the reserved regions of the groups. Pure
 * arithmetic on inclusive ends; tests/unit builds it in user space.
 */
#ifndef TYPE1P_WINDOWS_H
#define TYPE1P_WINDOWS_H

#include <linux/types.h>

struct t1p_window {
	u64 start;
	u64 last;
};

/**
 * struct t1p_windows - disjoint windows in rising order
 * @window: the windows, or NULL
 * @nr: how many there are
 *
 * No windows at all means that nothing limits the iova: so it is in a container
 * that has only emulated groups.
 */
struct t1p_windows {
	struct t1p_window *window;
	unsigned int nr;
};

int t1p_windows_copy(struct t1p_windows *to, const struct t1p_windows *from);
int t1p_windows_clip(struct t1p_windows *windows, u64 start, u64 last);
int t1p_windows_exclude(struct t1p_windows *windows, u64 start, u64 last);
bool t1p_windows_allow(const struct t1p_windows *windows, u64 start, u64 last);
void t1p_windows_free(struct t1p_windows *windows);

#endif /* TYPE1P_WINDOWS_H */
