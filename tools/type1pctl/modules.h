/* SPDX-License-Identifier: GPL-2.0-only */
/* What libkmod knows: module files, modprobe's configuration, what it would load. */
#ifndef TYPE1PCTL_MODULES_H
#define TYPE1PCTL_MODULES_H

#include <limits.h>

#include "ktypes.h"

struct module_file {
	bool found;
	char path[PATH_MAX];
	char version[32];
	char srcversion[32];
	char signer[128];		/* "" if it is not signed */
	char vermagic[128];
};

enum loads {
	LOADS_NONE,
	LOADS_INTREE,
	LOADS_TYPE1P,
};

enum snippet {
	SNIPPET_NONE,
	SNIPPET_PREFER,
	SNIPPET_EXCLUSIVE,
};

/* Our module's file for a kernel release; NULL: the running one. */
void module_file_read(const char *release, struct module_file *file);

/* The backend that "modprobe vfio-pci" would load last, and so be asked first. */
enum loads modprobe_would_load(void);
/* Loads a module as modprobe does; -errno. */
int module_load(const char *name);
/* Whether a module is part of the kernel itself. */
bool module_builtin(const char *name);

bool module_there(const char *name);

/* What modprobe's configuration, wherever it stands, comes to. */
enum snippet snippet_in_effect(void);
const char *snippet_name(enum snippet snippet);
/* Whether modprobe is told not to load it by an alias. */
bool module_blacklisted(const char *name);
/* Whether modprobe is told to run something instead. */
bool module_replaced(const char *name);
/* Whether modprobe's configuration has it load others before or after. */
bool module_has_softdep(const char *name);

#endif
