/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A search tree with the kernel's interface that does not balance itself: what is
 * tested goes by its order only.
 */
#ifndef UNIT_LINUX_RBTREE_H
#define UNIT_LINUX_RBTREE_H

#include <linux/types.h>

struct rb_node {
	struct rb_node *parent;
	struct rb_node *rb_left;
	struct rb_node *rb_right;
};

struct rb_root {
	struct rb_node *rb_node;
};

#define rb_entry_safe(ptr, type, member) ({			\
	struct rb_node *_node = (ptr);				\
	_node ? container_of(_node, type, member) : NULL;	\
})

static inline void rb_link_node(struct rb_node *node, struct rb_node *parent,
				struct rb_node **link)
{
	*node = (struct rb_node){ .parent = parent };
	*link = node;
}

static inline void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	(void)node;
	(void)root;
}

static inline struct rb_node *rb_next(const struct rb_node *node)
{
	struct rb_node *next = node->rb_right;

	if (next) {
		while (next->rb_left)
			next = next->rb_left;
		return next;
	}
	for (next = node->parent; next && node == next->rb_right;) {
		node = next;
		next = next->parent;
	}
	return next;
}

#endif /* UNIT_LINUX_RBTREE_H */
