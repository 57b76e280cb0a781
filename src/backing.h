/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file behind user memory, and its pages without a vaddr.
 */
#ifndef TYPE1P_BACKING_H
#define TYPE1P_BACKING_H

#include <linux/kref.h>
#include <linux/types.h>

#include "runs.h"

struct file;
struct mem_cgroup;
struct mm_struct;

/* What a device driver wants a page for. */
enum t1p_want {
	T1P_WANT_PIN,		/* to keep */
	T1P_WANT_COPY,		/* to look at, or change, for a moment */
};

/**
 * struct t1p_backing - a stretch of a memory file: memfd, tmpfs or hugetlbfs
 * @ref: held by the range, and by each use of it
 * @file: the file, with a reference; constant, as are the rest but @serves
 * @offset: of the stretch in it, in bytes
 * @writable: it was mapped for writing. Like such a mapping, this keeps the file
 *	from being sealed against writing
 * @memcg: who pays for pages that the file has not got yet
 * @serves: what may be done with its pages without a vaddr: bits by enum t1p_want
 */
struct t1p_backing {
	struct kref ref;
	struct file *file;
	u64 offset;
	bool writable;
	struct mem_cgroup *memcg;
	u8 serves;
};

struct t1p_backing *t1p_backing_find(struct mm_struct *mm, unsigned long vaddr,
				     u64 size);
void t1p_backing_get(struct t1p_backing *b);
void t1p_backing_put(struct t1p_backing *b);
int t1p_backing_is_at(const struct t1p_backing *b, struct mm_struct *mm,
		      unsigned long vaddr, u64 size);
int t1p_backing_hold(struct t1p_backing *b, u64 offset, bool write,
		     enum t1p_want want, struct t1p_run *run);

static inline bool t1p_backing_serves(const struct t1p_backing *b,
				      enum t1p_want want)
{
	return b && READ_ONCE(b->serves) & BIT(want);
}

#endif /* TYPE1P_BACKING_H */
