/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drivers of an emulated device in the kernel, that translate all the time:
 * threads and work items that pin, read and write the guest's memory.
 */
#ifndef LIVEUPDATE_TRANSLATORS_H
#define LIVEUPDATE_TRANSLATORS_H

#include "state.h"

int translators_start(struct state *s);
/* Adds what they have seen since the last time to that of a phase. */
int translators_sample(struct state *s, enum phase phase);
int translators_stop(struct state *s);

/* Of all of them; of the slowest. */
u64 translators_calls(const struct pauses *p);
u64 translators_fewest(const struct pauses *p);
/* So often has each that writes been round while the guest listened and the vaddr was invalid. */
u64 translators_circuits(const struct state *s);

/*
 * A guest that watches them write: it wipes out all that they write, and when all
 * has come back that is an echo, and it begins anew.
 */
struct echo {
	u8 *mem;
	bool listening;
};

void echo_listen(struct echo *e);
void echo_for(struct state *s, struct echo *e, unsigned int ms);

#endif
