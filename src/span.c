// SPDX-License-Identifier: GPL-2.0-only
/*
 * Spans of iova: look-up by overlap.
 */
#include "span.h"

static struct t1p_span *span_of(struct rb_node *node)
{
	return rb_entry_safe(node, struct t1p_span, node);
}

/**
 * t1p_span_insert() - put a span into a tree
 * @tree: a tree of spans, of which none overlaps it
 * @span: the span
 */
void t1p_span_insert(struct rb_root *tree, struct t1p_span *span)
{
	struct rb_node **link = &tree->rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = span->iova < span_of(parent)->iova ?
			&parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&span->node, parent, link);
	rb_insert_color(&span->node, tree);
}

/**
 * t1p_span_first() - find the lowest span that overlaps a stretch of iova
 * @tree: the tree
 * @iova: first iova of the stretch
 * @last: last iova of the stretch
 *
 * Return: the span, or NULL if none overlaps.
 */
struct t1p_span *t1p_span_first(const struct rb_root *tree, u64 iova, u64 last)
{
	struct rb_node *node = tree->rb_node;
	struct t1p_span *span, *first = NULL;

	while (node) {
		span = span_of(node);
		if (span->last >= iova) {
			first = span;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return first && first->iova <= last ? first : NULL;
}

/**
 * t1p_span_next() - the next span, if it still overlaps a stretch of iova
 * @span: the present one
 * @last: last iova of the stretch
 *
 * Return: the span, or NULL.
 */
struct t1p_span *t1p_span_next(const struct t1p_span *span, u64 last)
{
	struct t1p_span *next = span_of(rb_next(&span->node));

	return next && next->iova <= last ? next : NULL;
}
