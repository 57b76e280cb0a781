/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI devices as sysfs shows them: finding, IOMMU groups, driver binding.
 *
 * Functions of this library print nothing and never exit; int results are
 * 0 or a count on success and -errno on failure.
 */
#ifndef TYPE1P_PCI_H
#define TYPE1P_PCI_H

#include "ktypes.h"
#define PCI_BDF_LEN		16
#define PCI_NAME_LEN		64
#define PCI_GROUP_MAX		64

#define PCI_CLASS_NVME		0x010802

struct pci_dev {
	char bdf[PCI_BDF_LEN];
	u16 vendor;
	u16 device;
	u32 class;			/* base class, subclass, interface */
};

/* What to undo after pci_take(). */
struct pci_binding {
	char bdf[PCI_BDF_LEN];
	char driver[PCI_NAME_LEN];	/* former driver, "" if none */
	char override[PCI_NAME_LEN];	/* former driver_override, "" if none */
};

/* "4:0.0", "04:00.0" and "0000:04:00.0" all give the last form. */
int pci_parse_bdf(const char *text, char bdf[PCI_BDF_LEN]);
int pci_dev_read(const char *bdf, struct pci_dev *dev);
bool pci_is_bridge(const struct pci_dev *dev);

/* Every device, in ascending order of address; returns how many. */
int pci_list(struct pci_dev *devs, int max);
/* The nth device that matches, -ENODEV if there are not so many. */
int pci_find_id(u16 vendor, u16 device, int nth, struct pci_dev *dev);
int pci_find_class(u32 class, int nth, struct pci_dev *dev);

/* IOMMU group number; -ENODEV if no IOMMU translates the device. */
int pci_group(const char *bdf);
/*
 * The same, but makes the group if need be: below an IOMMU whose driver came
 * late (virtio-iommu), a device has none until a driver has been tried on it.
 */
int pci_group_make(const char *bdf);
int pci_group_members(int group, struct pci_dev *devs, int max);

/* Name of the bound driver, "" if none. */
int pci_driver(const char *bdf, char name[PCI_NAME_LEN]);
/* How it is bound now; pci_take() does that too. */
int pci_binding_read(const char *bdf, struct pci_binding *b);
int pci_take(const char *bdf, const char *driver, struct pci_binding *b);
int pci_restore(const struct pci_binding *b);

/*
 * Binds every device of the group that VFIO wants bound (all but bridges) to
 * vfio-pci. Returns the number of bindings to restore; on failure, none is
 * left. pci_group_restore() goes on after an error and returns the first one.
 */
int pci_group_take(int group, struct pci_binding *b, int max);
int pci_group_restore(const struct pci_binding *b, int count);

#endif
