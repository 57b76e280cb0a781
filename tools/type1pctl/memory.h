/* SPDX-License-Identifier: GPL-2.0-only */
/* The drivers that devices had before bind, kept in /run until restore. */
#ifndef TYPE1PCTL_MEMORY_H
#define TYPE1PCTL_MEMORY_H

#include "pci.h"

#define MEMORY_DIR	"/run/type1pctl"

/* 0, or -errno. -EEXIST: something is remembered already, and stays. */
int memory_keep(const struct pci_binding *b);
/* -ENOENT if nothing is remembered. */
int memory_recall(const char *bdf, struct pci_binding *b);
void memory_drop(const char *bdf);
/* Addresses of all devices that something is remembered of; returns how many. */
int memory_all(char bdfs[][PCI_BDF_LEN], int max);

#endif
