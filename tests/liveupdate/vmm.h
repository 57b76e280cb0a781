/* SPDX-License-Identifier: GPL-2.0-only */
/* A virtual machine monitor that is replaced while its devices work. */
#ifndef LIVEUPDATE_VMM_H
#define LIVEUPDATE_VMM_H

#include "state.h"

/* How a process is told its part: an option and a descriptor. */
#define ROLE_START	"start"		/* the first one; the state */
#define ROLE_CONTINUE	"continue"	/* the same process after exec; the state */
#define ROLE_RECEIVE	"receive"	/* a fresh one; the socket that brings all */

/* The first process: up to the handing over, from which it returns only to fail. */
int vmm_start(struct state *s);
/* The second one, from there on. */
int vmm_continue(struct state *s);

/* Hands all over as s->mode says. */
int handover(struct state *s);
/* What the socket brings, or NULL with errno set. */
struct state *handover_receive(int socket);
/* This program again, in this process, with one descriptor kept. */
int become(const char *role, int fd);

#endif
