/* SPDX-License-Identifier: GPL-2.0-only */
/* Which backend would serve a container that is set up now. */
#ifndef TYPE1PCTL_BACKEND_H
#define TYPE1PCTL_BACKEND_H

#include "modules.h"

struct serving {
	enum loads by;
	bool now;			/* false: once modprobe has loaded vfio-pci */
	const char *why;
};

const char *loads_name(enum loads by);
bool module_loaded(const char *name);
/* Of a loaded module's parameter of type bool. */
bool parameter_set(const char *module, const char *name);
void serving_read(struct serving *s);

#endif
