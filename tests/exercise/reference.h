/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's own driver reads from a disk, before us and after us. */
#ifndef EXERCISE_REFERENCE_H
#define EXERCISE_REFERENCE_H

#include "../lib/ktypes.h"

struct report;

/* The start of the first disk of a device. */
struct reference {
	u32 nsid;
	u8 *data;
	u64 allocated;
	u64 size;			/* bytes read */
};

/* No disk is read further than this, however much memory is mapped. */
#define REFERENCE_MAX	(256UL << 20)

/* Best effort: without a reference, reads are compared only with one another. */
void reference_read(struct reference *ref, const char *bdf, u64 size);
void reference_free(struct reference *ref);
/* The kernel's driver has the disk again, and reads from it what it read before. */
void reference_check(const struct reference *ref, struct report *r, const char *bdf);

#endif
