// SPDX-License-Identifier: GPL-2.0-only
/* type1pctl check: the kernel's modules and configuration, modprobe's, and dkms. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "backend.h"
#include "check.h"
#include "ctl.h"
#include "kernels.h"
#include "modules.h"
#include "text.h"

static const char *release(void)
{
	static struct utsname uts;

	uname(&uts);
	return uts.release;
}

static char *kernel_config(void)
{
	static const char * const places[] = { "/boot/config-%s", "/lib/modules/%s/build/.config" };
	char path[PATH_MAX], *text = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places) && !text; i++) {
		snprintf(path, sizeof(path), places[i], release());
		text = read_file(path);
	}
	return text;
}

/* 'y' or 'm'; 'n' if it is said not to be set; 0 if nothing is said of it. */
static char config_value(const char *config, const char *option)
{
	char line[96];
	const char *at;

	snprintf(line, sizeof(line), "\n%s=", option);
	at = strstr(config, line);
	if (at)
		return at[strlen(line)];
	snprintf(line, sizeof(line), "\n# %s is not set", option);
	return strstr(config, line) ? 'n' : 0;
}

void check_config(void)
{
	/* The second and third came with 6.2 and 6.7: before, what they choose was always there. */
	static const struct {
		const char *option;
		bool always;
	} needed[] = {
		{ "CONFIG_VFIO", true },
		{ "CONFIG_VFIO_CONTAINER", false },
		{ "CONFIG_VFIO_GROUP", false },
		{ "CONFIG_VFIO_PCI", true },
		{ "CONFIG_IOMMU_API", true },
	};
	static const char name[] = "kernel";
	char *config = kernel_config();
	int missing = 0;
	size_t i;

	if (!config) {
		answer(LEVEL_WARN, name, NULL, "%s: its configuration is not in /boot", release());
		return;
	}
	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		const char value = config_value(config, needed[i].option);

		if (value == 'y' || value == 'm' || (!value && !needed[i].always))
			continue;
		missing++;
		answer(LEVEL_FAIL, name, "use a kernel that has it, such as Debian's",
		       "%s: %s is not set", release(), needed[i].option);
	}
	if (config_value(config, "CONFIG_IOMMUFD_VFIO_CONTAINER") == 'y') {
		missing++;
		answer(LEVEL_FAIL, name, "use a kernel without CONFIG_IOMMUFD_VFIO_CONTAINER",
		       "%s: IOMMUFD takes /dev/vfio/vfio, and no type1 backend is ever asked",
		       release());
	}
	if (!missing)
		answer(LEVEL_OK, name, NULL, "%s has VFIO containers, groups and PCI", release());
	free(config);
}

void check_module(void)
{
	static const char name[] = "module";
	struct module_file file;

	module_file_read(NULL, &file);
	if (!file.found)
		answer(LEVEL_FAIL, name, "type1pctl status says why; dkms autoinstall",
		       MODULE " is not there for the running kernel, %s", release());
	else
		answer(LEVEL_OK, name, NULL, "version %s for the running kernel, %s", file.version,
		       release());
	if (!module_there("vfio-pci"))
		answer(LEVEL_FAIL, name, "install the kernel's package of modules",
		       "vfio-pci is not there for the running kernel");
}

void check_load_order(void)
{
	static const char name[] = "load order";
	const enum snippet snippet = snippet_in_effect();
	struct serving s;

	serving_read(&s);
	if (snippet == SNIPPET_NONE)
		answer(LEVEL_WARN, name, "type1pctl enable",
		       "modprobe does not load type1p by itself");
	else if (snippet == SNIPPET_EXCLUSIVE && module_builtin(MODULE_INTREE))
		answer(LEVEL_WARN, name, "type1pctl enable prefer",
		       "exclusive, but the in-tree driver is part of this kernel");
	else
		answer(LEVEL_OK, name, NULL, "%s", snippet_name(snippet));
	if (s.by == LOADS_TYPE1P)
		answer(LEVEL_OK, "backend", NULL, "type1p %s: %s", s.now ? "serves" : "would serve",
		       s.why);
	else
		answer(LEVEL_WARN, "backend",
		       s.now ? "reload the vfio modules, or reboot" : NULL, "%s %s: %s",
		       loads_name(s.by), s.now ? "serves" : "would serve", s.why);
}

void check_conflicts(void)
{
	static const char * const ours[] = { MODULE, "vfio", "vfio_pci" };
	static const char name[] = "conflicts";
	const enum snippet snippet = snippet_in_effect();
	char command_line[4096];
	int found = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ours); i++) {
		if (!module_blacklisted(ours[i]))
			continue;
		found++;
		answer(LEVEL_WARN, name, "grep -r blacklist /etc/modprobe.d /proc/cmdline",
		       "%s is blacklisted: it does not load by itself", ours[i]);
	}
	if (module_replaced(MODULE) || module_replaced("vfio_pci") || module_replaced("vfio")) {
		found++;
		answer(LEVEL_FAIL, name, "look in /etc/modprobe.d (grep -r install)",
		       "an install line of modprobe's has something else run in place of a vfio module");
	}
	if (module_replaced(MODULE_INTREE) && snippet != SNIPPET_EXCLUSIVE) {
		found++;
		answer(LEVEL_WARN, name, "look in /etc/modprobe.d (grep -r install)",
		       "an install line has something else run in place of " MODULE_INTREE
		       ", and type1p is not loaded after it");
	} else if (module_has_softdep(MODULE_INTREE) && snippet == SNIPPET_NONE) {
		found++;
		answer(LEVEL_WARN, name, "look in /etc/modprobe.d (grep -r softdep)",
		       "another softdep of " MODULE_INTREE
		       " comes first, and modprobe looks at no second one");
	}
	read_line(command_line, sizeof(command_line), "/proc/cmdline");
	if (strstr(command_line, "module_blacklist=") && strstr(command_line, MODULE)) {
		found++;
		answer(LEVEL_FAIL, name, "remove it from the kernel command line",
		       "module_blacklist= forbids " MODULE);
	}
	if (!found)
		answer(LEVEL_OK, name, NULL, "no blacklist, softdep or install line in the way");
}

static bool in_path(const char *tool)
{
	static const char * const dirs[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin",
					     "/usr/local/sbin", "/usr/local/bin" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(dirs); i++)
		if (file_exists("%s/%s", dirs[i], tool))
			return true;
	return false;
}

void check_tools(void)
{
	static const char name[] = "building";
	char advice[256] = "";

	if (!in_path("dkms"))
		strcat(advice, " dkms");
	if (!in_path("bpftool"))
		strcat(advice, " bpftool");
	if (!file_exists("/lib/modules/%s/build/Makefile", release()))
		snprintf(advice + strlen(advice), sizeof(advice) - strlen(advice),
			 " linux-headers-%s", release());
	if (advice[0]) {
		char install[sizeof(advice) + 16];

		snprintf(install, sizeof(install), "apt install%s", advice);
		answer(LEVEL_WARN, name, install, "cannot build the module: missing%s", advice);
	} else {
		answer(LEVEL_OK, name, NULL, "dkms, bpftool and the headers of %s are there",
		       release());
	}
}
