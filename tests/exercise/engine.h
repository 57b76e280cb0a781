/* SPDX-License-Identifier: GPL-2.0-only */
/* QEMU's edu device copies from memory and to memory. */
#ifndef EXERCISE_ENGINE_H
#define EXERCISE_ENGINE_H

struct session;
struct target;

void engine_exercise(struct session *s, struct target *t);

#endif
