// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which backend would serve a container that is set up now. The vfio core asks the one
 * that was registered last first, and takes the first that answers.
 */
#include <stdio.h>
#include <string.h>

#include "backend.h"
#include "ctl.h"
#include "text.h"

const char *loads_name(enum loads by)
{
	static const char * const names[] = {
		[LOADS_NONE] = "none",
		[LOADS_INTREE] = "in-tree",
		[LOADS_TYPE1P] = "type1p",
	};

	return names[by];
}

bool module_loaded(const char *name)
{
	return file_exists("/sys/module/%s", name);
}

bool parameter_set(const char *module, const char *name)
{
	char text[4];

	return !read_line(text, sizeof(text), "/sys/module/%s/parameters/%s", module, name) &&
	       text[0] == 'Y';
}

/*
 * /proc/modules has the module that was loaded last first. One that is part of the
 * kernel is not in it, and was there before all others.
 */
static bool loaded_after_intree(void)
{
	char line[256], name[64] = "";
	FILE *f = fopen("/proc/modules", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s", name) == 1 &&
		    (!strcmp(name, MODULE) || !strcmp(name, MODULE_INTREE)))
			break;
	}
	if (f)
		fclose(f);
	return !strcmp(name, MODULE);
}

static void by_load_order(struct serving *s)
{
	const bool ours = module_loaded(MODULE), intree = module_loaded(MODULE_INTREE);

	s->now = true;
	if (ours && !parameter_set(MODULE, "claim_type1")) {
		s->by = intree ? LOADS_INTREE : LOADS_NONE;
		s->why = "claim_type1 is N: type1p serves only who asks for it by name";
	} else if (ours && (!intree || loaded_after_intree())) {
		s->by = LOADS_TYPE1P;
		s->why = intree ? "loaded after the in-tree driver, and so asked first" :
			"the only backend that is loaded";
	} else if (intree) {
		s->by = LOADS_INTREE;
		s->why = ours ? "type1p was loaded before it, and so is asked second" :
			"type1p is not loaded";
	} else {
		s->by = LOADS_NONE;
		s->why = "vfio is loaded, but no backend";
	}
}

void serving_read(struct serving *s)
{
	static const char * const why[] = {
		[LOADS_NONE] = "\"modprobe vfio-pci\" would load no backend",
		[LOADS_INTREE] = "\"modprobe vfio-pci\" would load it last",
		[LOADS_TYPE1P] = "\"modprobe vfio-pci\" would load it last",
	};

	if (module_loaded("vfio") || module_loaded(MODULE) || module_loaded(MODULE_INTREE)) {
		by_load_order(s);
		return;
	}
	s->now = false;
	s->by = modprobe_would_load();
	s->why = why[s->by];
}
