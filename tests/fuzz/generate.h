/* SPDX-License-Identifier: GPL-2.0-only */
/* What random sequences are made with. */
#ifndef TYPE1P_FUZZ_GENERATE_H
#define TYPE1P_FUZZ_GENERATE_H

#include "guess.h"
#include "step.h"

struct span {
	u64 iova;
	u64 size;
};

struct generator {
	u64 state;
	const struct setup *setup;
	struct guess guess;
};

u64 draw64(struct generator *g);
u32 draw(struct generator *g, u32 below);
bool percent(struct generator *g, u32 p);

/* A number that is at the edge of something. */
u64 strange(struct generator *g);
/* A page of the space in which most happens. */
u64 some_iova(struct generator *g);
struct span any_span(struct generator *g);
/* Of what is mapped, or nearly so. */
struct span known_span(struct generator *g);
/* Where nothing is, if that is easily found. */
struct span free_span(struct generator *g);

/* Fill in a step of which @op is given. */
void make_map(struct generator *g, struct step *step);
void make_replace(struct generator *g, struct step *step);
void make_unmap(struct generator *g, struct step *step);
void make_dirty(struct generator *g, struct step *step);
void make_number(struct generator *g, struct step *step);
void make_member(struct generator *g, struct step *step);
void make_device(struct generator *g, struct step *step);
void make_memory(struct generator *g, struct step *step);
void make_limit(struct generator *g, struct step *step);
void make_check(struct generator *g, struct step *step);

#endif
