/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading, and if allowed writing, an NVMe disk by the disk's own DMA. */
#ifndef EXERCISE_DISK_H
#define EXERCISE_DISK_H

struct session;
struct target;

void disk_exercise(struct session *s, struct target *t);

#endif
