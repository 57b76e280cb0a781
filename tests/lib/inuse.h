/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether taking a device away from its driver would hurt somebody. */
#ifndef TYPE1P_INUSE_H
#define TYPE1P_INUSE_H

#include "pci.h"

#define USE_LEN		96
#define DISK_NAME_LEN	32

/* Returns whether it is, and says in @use by what; "" if not. */
bool device_in_use(const char *bdf, char use[USE_LEN]);

/* The nth whole disk of the device, by its name below /dev; -ENODEV past the last. */
int device_disk(const char *bdf, int nth, char name[DISK_NAME_LEN]);

#endif
