/* SPDX-License-Identifier: GPL-2.0-only */
/* A sign of life on stderr during anything that takes more than two seconds. */
#ifndef TYPE1P_PROGRESS_H
#define TYPE1P_PROGRESS_H

#include "ktypes.h"

/* @total in bytes; 0 if there is no telling how far it is. */
void progress_begin(const char *what, u64 total);
void progress_add(u64 bytes);
void progress_end(void);

#endif
