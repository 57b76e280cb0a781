/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's words, as far as the pure logic in src/ uses them.
 *
 * Here and in the headers beside this one: just enough of the kernel for a user
 * space program. Memory comes from slab.h, which can be told to run out.
 */
#ifndef UNIT_LINUX_TYPES_H
#define UNIT_LINUX_TYPES_H

#include_next <linux/types.h>

#include <stdbool.h>
#include <stddef.h>

typedef __u8 u8;
typedef __u32 u32;
typedef __u64 u64;

#define U64_MAX		(~(u64)0)
#define PAGE_SHIFT	12
#define PAGE_SIZE	(1UL << PAGE_SHIFT)

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#define min(a, b) ({ typeof(a) _a = (a); typeof(b) _b = (b); \
		     _a < _b ? _a : _b; })
#define max(a, b) ({ typeof(a) _a = (a); typeof(b) _b = (b); \
		     _a > _b ? _a : _b; })

#endif /* UNIT_LINUX_TYPES_H */
