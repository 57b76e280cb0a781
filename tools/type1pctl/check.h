/* SPDX-License-Identifier: GPL-2.0-only */
/* The questions that type1pctl check asks. */
#ifndef TYPE1PCTL_CHECK_H
#define TYPE1PCTL_CHECK_H

#include "ktypes.h"

enum level {
	LEVEL_OK,
	LEVEL_WARN,			/* works, but not all or not for everybody */
	LEVEL_FAIL,			/* type1p or VFIO does not work */
};

/* One answer; @advice is what to do, NULL if nothing. */
void answer(enum level level, const char *name, const char *advice, const char *format, ...)
	__printf(4, 5);

/* check_host.c: the machine, its firmware and what its users may */
void check_iommu(void);
void check_interrupts(void);
void check_secure_boot(void);
void check_memlock(void);
void check_debugfs(void);

/* check_kernel.c: the kernel's modules and configuration, modprobe's, and dkms */
void check_module(void);
void check_config(void);
void check_load_order(void);
void check_conflicts(void);
void check_tools(void);

#endif
