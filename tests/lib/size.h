/* SPDX-License-Identifier: GPL-2.0-only */
/* Sizes as people write them. */
#ifndef TYPE1P_SIZE_H
#define TYPE1P_SIZE_H

#include "ktypes.h"

#define SIZE_LEN	16

/* "64M", "4G", "0x1000": bytes, up to 64 TiB; -EINVAL for anything else. */
int size_parse(const char *text, u64 *size);
/* The other way around, if it is a whole number of something. */
const char *size_text(u64 size, char text[SIZE_LEN]);

#endif
