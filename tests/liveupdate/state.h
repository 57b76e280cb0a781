/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the processes of one live update share, in a memfd that each of them maps:
 * what is to be done, what the next one has to know, and what was seen.
 */
#ifndef LIVEUPDATE_STATE_H
#define LIVEUPDATE_STATE_H

#include <sys/types.h>

#include "../lib/emulated.h"
#include "../lib/pci.h"

#define MAX_DEVICES	4
#define MAX_JOBS	8
#define ERROR_LEN	160

/* How a translator can do without the vaddr, best first. */
enum way {
	WAY_PAGES,			/* they are pinned for an IOMMU */
	WAY_FILE,			/* they can be found through the file */
	WAY_WAIT,			/* it cannot */
	WAYS,
};

enum mode {
	MODE_EXEC,
	MODE_SOCKET,
	MODES,
};

enum phase {
	PHASE_SETUP,
	PHASE_BEFORE,			/* as long as the update, for comparison */
	PHASE_INVALID,			/* the vaddr is */
	PHASE_REPLACED,			/* a moment, for those who had to wait */
	PHASE_AFTER,
	PHASES,
};

/* What is handed over. An absent one is -1. */
enum {
	FD_STATE,
	FD_MEMORY,
	FD_CONTAINER,
	FD_EMULATED_GROUP,
	FD_EMULATED,
	FD_GROUPS,
	FD_DEVICES = FD_GROUPS + MAX_DEVICES,
	FDS = FD_DEVICES + MAX_DEVICES,
};

/* A real device's DMA, as its driver process sees it. */
struct traffic {
	u64 transfers[PHASES];
	u64 longest_ns[PHASES];		/* from the end of one transfer to that of the next */
	u64 bytes;
	u64 wrong;			/* transfers that brought something else */
	u64 errors;
	s32 error;			/* the first one */
	u32 ended;
	u64 last;			/* time of the last transfer's end */
	u32 last_phase;
};

/* What drivers in the kernel saw, all of them together. */
struct pauses {
	u64 calls[MAX_JOBS];
	u64 longest_ns;
	u64 wrong;
	u64 errors;
	s32 error;			/* one of them */
	u64 times[TYPE1P_EMULATED_TIMES];
};

struct state {
	enum way way;
	enum mode mode;
	u32 hold_ms;
	u32 devices;
	struct pci_dev device[MAX_DEVICES];
	s32 group[MAX_DEVICES];

	s32 fds[FDS];
	s32 jobs[MAX_JOBS];
	u64 vaddr;			/* where the first process had the memory */
	u32 avail;			/* mappings that could be made at first */

	u32 phase;
	u64 phase_at[PHASES];		/* when it began */
	u32 stop;			/* drivers are to end */
	u64 invalid_at;
	u64 valid_at;

	pid_t driver[MAX_DEVICES];
	struct traffic traffic[MAX_DEVICES];
	struct pauses pauses[PHASES];
	u64 echoes[PHASES];		/* see translators.h */
	u64 unheard[MAX_JOBS];		/* calls while invalid, before anybody listened to echoes */
	u64 wrong_pages;		/* of those that nobody was to write to */
	s64 locked_before;
	s64 locked_after;
	s64 locked_left;
	u64 pinned_left;
	u32 avail_left;
	u32 finished;
	char error[ERROR_LEN];
};

/* A new one, all zero but the descriptors; NULL with errno set. */
struct state *state_create(int *fd);
struct state *state_attach(int fd);
void state_detach(struct state *s);

/* Notes why it ends here, if nobody has yet. Returns @ret. */
int state_fail(struct state *s, int ret, const char *what);

enum phase state_phase(const struct state *s);
void state_enter(struct state *s, enum phase phase);

u64 now_ns(void);
void nap_ms(unsigned int ms);

#endif
