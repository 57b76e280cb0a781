/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Real devices' DMA. Each device has a driver process that keeps it busy, and looks
 * at every byte: it stands for the guest, which runs on in a live update, and knows
 * nothing of one. It holds the device and the memory, but no container.
 */
#ifndef LIVEUPDATE_DMA_H
#define LIVEUPDATE_DMA_H

#include "state.h"

/* Whether there is a driver for such a device. */
bool dma_drives(const struct pci_dev *dev);
/* @mem: the guest. Returns when DMA is under way. */
int dma_start(struct state *s, u8 *mem);
/* No transfer for so long, by now, counts for the phase as well. */
void dma_note_gaps(struct state *s);
int dma_stop(struct state *s);

#endif
