/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One of the two sides: a backend, the container that it serves, its groups and
 * devices, and memory at addresses of its own, with holes around.
 */
#ifndef TYPE1P_FUZZ_SIDE_H
#define TYPE1P_FUZZ_SIDE_H

#include "container.h"
#include "edu.h"
#include "emulated.h"
#include "model.h"
#include "pci.h"

#define ARGS_SIZE	PAGE_4K
#define DATA_SIZE	(64 * PAGE_4K)

struct member {
	char bdf[PCI_BDF_LEN];	/* of the edu device; "" of emulated ones */
	int nth;		/* of the emulated devices */
	int group_fd;
	int device;		/* the emulated device, -1 unless open */
	bool attached;
};

struct side {
	enum backend backend;
	struct member member[MEMBERS];
	int container;
	char *mem;		/* the buffer */
	char *bits;		/* for bitmaps */
	char *args;		/* for requests, the end of which is the end of the page */
	char *scratch;		/* a page for the device to copy to and from */
	char *data;		/* what came out of a step, besides */
	int memfd;
	s64 locked;		/* bytes charged for it */
};

/* Takes the nth pair of devices and so on. Says itself what is missing. */
int side_open(struct side *side, enum backend backend);

/* A container as the setup says, all memory as it is at the beginning. */
int side_begin(struct side *side, const struct setup *setup);
/* Closes what side_begin() and all steps have opened. */
void side_end(struct side *side);

int side_attach(struct side *side, int nth);
int side_detach(struct side *side, int nth);
int side_set_iommu(struct side *side, int type);
/* Opens the emulated device if it is not; a descriptor. */
int side_device(struct side *side, int nth);
void side_close_device(struct side *side, int nth);

/* The pages of the buffer from @first on, one after the other. */
int side_memory(struct side *side, const struct setup *setup, const struct model *model,
		const struct step *step);
/* What an address of a step means here. */
u64 side_place(const struct side *side, const struct place *place);

#endif
