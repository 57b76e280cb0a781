// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arithmetic on windows of valid iova. Every end is inclusive, so that the last
 * byte of the address space needs no special case.
 */
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "windows.h"

/**
 * t1p_windows_copy() - make a copy to work on
 * @to: where to put it; holds nothing yet
 * @from: what to copy
 *
 * Return: 0 or -ENOMEM.
 */
int t1p_windows_copy(struct t1p_windows *to, const struct t1p_windows *from)
{
	unsigned int i;

	*to = (struct t1p_windows){};
	if (!from->nr)
		return 0;
	to->window = kmalloc_array(from->nr, sizeof(*to->window),
				   GFP_KERNEL_ACCOUNT);
	if (!to->window)
		return -ENOMEM;
	for (i = 0; i < from->nr; i++)
		to->window[i] = from->window[i];
	to->nr = from->nr;
	return 0;
}

/**
 * t1p_windows_clip() - narrow all windows to an aperture
 * @windows: what to narrow; without any, the aperture becomes the only window
 * @start: first iova of the aperture
 * @last: last iova of the aperture
 *
 * Return: 0; -ENOMEM; -EINVAL when no window would be left, and then @windows
 * is of no further use.
 */
int t1p_windows_clip(struct t1p_windows *windows, u64 start, u64 last)
{
	unsigned int from, to = 0;

	if (!windows->nr) {
		windows->window = kmalloc_array(1, sizeof(*windows->window),
						GFP_KERNEL_ACCOUNT);
		if (!windows->window)
			return -ENOMEM;
		windows->window[0] = (struct t1p_window){ start, last };
		windows->nr = 1;
		return 0;
	}

	for (from = 0; from < windows->nr; from++) {
		struct t1p_window w = windows->window[from];

		w.start = max(w.start, start);
		w.last = min(w.last, last);
		if (w.start <= w.last)
			windows->window[to++] = w;
	}
	windows->nr = to;
	return to ? 0 : -EINVAL;
}

/**
 * t1p_windows_exclude() - cut a reserved region out of all windows
 * @windows: at least one window
 * @start: first iova of the region
 * @last: last iova of the region
 *
 * Return: 0; -ENOMEM; -EINVAL when no window would be left. After an error
 * @windows is as it was.
 */
int t1p_windows_exclude(struct t1p_windows *windows, u64 start, u64 last)
{
	struct t1p_window *cut;
	unsigned int i, nr = 0;

	/* A region inside one window makes two of it: one more at the most. */
	cut = kmalloc_array(windows->nr + 1, sizeof(*cut), GFP_KERNEL_ACCOUNT);
	if (!cut)
		return -ENOMEM;

	for (i = 0; i < windows->nr; i++) {
		const struct t1p_window *w = &windows->window[i];

		if (start > w->last || last < w->start) {
			cut[nr++] = *w;
			continue;
		}
		if (start > w->start)
			cut[nr++] = (struct t1p_window){ w->start, start - 1 };
		if (last < w->last)
			cut[nr++] = (struct t1p_window){ last + 1, w->last };
	}
	if (!nr) {
		kfree(cut);
		return -EINVAL;
	}
	kfree(windows->window);
	windows->window = cut;
	windows->nr = nr;
	return 0;
}

/**
 * t1p_windows_allow() - whether one window holds a whole stretch of iova
 * @windows: the windows
 * @start: first iova
 * @last: last iova
 */
bool t1p_windows_allow(const struct t1p_windows *windows, u64 start, u64 last)
{
	unsigned int i;

	for (i = 0; i < windows->nr; i++)
		if (start >= windows->window[i].start &&
		    last <= windows->window[i].last)
			return true;
	return !windows->nr;
}

/**
 * t1p_windows_free() - forget all windows
 * @windows: holds nothing afterwards
 */
void t1p_windows_free(struct t1p_windows *windows)
{
	kfree(windows->window);
	*windows = (struct t1p_windows){};
}
