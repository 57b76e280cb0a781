/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernels that are installed here, and what dkms made of each. */
#ifndef TYPE1PCTL_KERNELS_H
#define TYPE1PCTL_KERNELS_H

#include "modules.h"

#define RELEASE_LEN	128

enum build {
	BUILD_THERE,			/* a module file is installed */
	BUILD_NOT_INSTALLED,		/* dkms has built one, and no more */
	BUILD_FAILED,			/* dkms has tried */
	BUILD_NO_HEADERS,		/* nothing to build with */
	BUILD_NOT_TRIED,
};

/* What the check of the vfio core's private struct came to. */
enum layout {
	LAYOUT_UNKNOWN,			/* no log of a build */
	LAYOUT_VERIFIED,
	LAYOUT_UNCHECKED,		/* built with TYPE1P_UNCHECKED_OPS=1 */
	LAYOUT_REFUSED,
};

struct kernel {
	char release[RELEASE_LEN];
	bool running;
	enum build build;
	enum layout layout;
	struct module_file file;
	char *detail;			/* why there is none: lines; NULL if there is */
};

const char *build_name(enum build build);
const char *layout_name(enum layout layout);

/* All kernels with modules here, the running one first; returns how many. */
int kernels_read(struct kernel **kernels);
void kernels_free(struct kernel *kernels, int count);

#endif
