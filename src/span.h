/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Spans: stretches of iova that stand in a tree and can be cut into pieces.
 *
 * Pure arithmetic on inclusive ends; tests/unit builds it in user space.
 */
#ifndef TYPE1P_SPAN_H
#define TYPE1P_SPAN_H

#include <linux/bits.h>
#include <linux/minmax.h>
#include <linux/rbtree.h>
#include <linux/types.h>

/**
 * struct t1p_span - a stretch of iova
 * @node: in a tree of spans
 * @iova: the first one
 * @last: the last one
 * @shift: where it is cut: at multiples of so much iova, as a shift
 */
struct t1p_span {
	struct rb_node node;
	u64 iova;
	u64 last;
	unsigned int shift;
};

static inline u64 t1p_span_size(const struct t1p_span *span)
{
	return span->last - span->iova + 1;
}

void t1p_span_insert(struct rb_root *tree, struct t1p_span *span);
struct t1p_span *t1p_span_first(const struct rb_root *tree, u64 iova, u64 last);
struct t1p_span *t1p_span_next(const struct t1p_span *span, u64 last);

/* Which piece of a span an iova of it is in. */
static inline unsigned long t1p_span_index(const struct t1p_span *span, u64 iova)
{
	return (iova >> span->shift) - (span->iova >> span->shift);
}

/* How many pieces a span is cut into. */
static inline unsigned long t1p_span_pieces(const struct t1p_span *span)
{
	return t1p_span_index(span, span->last) + 1;
}

/* Where a piece lies: its first iova, and its size in bytes. */
static inline u64 t1p_span_piece(const struct t1p_span *span, unsigned long index,
				 u64 *iova)
{
	u64 start = ((span->iova >> span->shift) + index) << span->shift;
	u64 last = start + (BIT_ULL(span->shift) - 1);

	*iova = max(span->iova, start);
	return min(span->last, last) - *iova + 1;
}

#endif /* TYPE1P_SPAN_H */
