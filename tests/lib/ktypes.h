/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's short names for integers, in user space. */
#ifndef TYPE1P_KTYPES_H
#define TYPE1P_KTYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

#define __printf(fmt, args) __attribute__((	\
	format(printf, fmt, args)))

#endif
