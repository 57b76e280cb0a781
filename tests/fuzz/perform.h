/* SPDX-License-Identifier: GPL-2.0-only */
/* One step, done to one side. */
#ifndef TYPE1P_FUZZ_PERFORM_H
#define TYPE1P_FUZZ_PERFORM_H

#include "side.h"

#define REQUEST_MAX	320

/**
 * struct outcome - what came of it
 * @ret: the result, or -errno
 * @charged: bytes by which locked memory grew
 * @len: bytes in the side's data
 * @before: the request as it was
 * @after: the request as it is now; bytes that were not there are as before
 */
struct outcome {
	int ret;
	s64 charged;
	size_t len;
	u8 before[REQUEST_MAX];
	u8 after[REQUEST_MAX];
};

/* All locked memory of this process is one side's or the other's. */
void perform(struct side *side, const struct side *other, const struct setup *setup,
	     struct model *model, const struct step *step, struct outcome *out);

/* Whether the step hands a bitmap to the kernel. */
bool step_has_bits(const struct step *step);

/* GET_INFO with all that it has, the rest painted. */
#define INFO_SIZE	192
void read_info(struct side *side, u8 info[INFO_SIZE]);
/* Mappings that could still be made, -1 if that is not told. */
int info_avail(const u8 info[INFO_SIZE]);

#endif
