// SPDX-License-Identifier: GPL-2.0-only
/* type1pctl check: the machine, its firmware and what its users may. */
#include <dirent.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "backend.h"
#include "check.h"
#include "ctl.h"
#include "debugfs.h"
#include "modules.h"
#include "text.h"

#define ACPI_TABLES	"/sys/firmware/acpi/tables"
#define SECURE_BOOT	"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define MEMLOCK_ENOUGH	(1ULL << 30)

static bool file_has(const char *path, const char *text)
{
	char *all = read_file(path);
	bool has = all && strstr(all, text);

	free(all);
	return has;
}

static int count_entries(const char *path)
{
	struct dirent *e;
	int count = 0;
	DIR *dir = opendir(path);

	while (dir && (e = readdir(dir)))
		count += e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

static const char *iommu_advice(void)
{
	if (file_exists(ACPI_TABLES "/DMAR"))
		return "add intel_iommu=on to the kernel command line (/etc/default/grub)";
	if (file_exists(ACPI_TABLES "/IVRS"))
		return "remove amd_iommu=off or iommu=off from the kernel command line";
	if (file_has("/proc/cpuinfo", "GenuineIntel"))
		return "turn on VT-d in the firmware, and boot with intel_iommu=on";
	if (file_has("/proc/cpuinfo", "AuthenticAMD"))
		return "turn on IOMMU (AMD-Vi) in the firmware setup";
	return "turn on the IOMMU in the firmware setup, or in this machine's hypervisor";
}

void check_iommu(void)
{
	const int units = count_entries("/sys/class/iommu");
	const int groups = count_entries("/sys/kernel/iommu_groups");

	if (groups)
		answer(LEVEL_OK, "IOMMU", NULL, "%d unit%s, %d groups", units,
		       units == 1 ? "" : "s", groups);
	else
		answer(LEVEL_FAIL, "IOMMU", iommu_advice(), "no IOMMU groups: the IOMMU is off");
	if (parameter_set("vfio", "enable_unsafe_noiommu_mode"))
		answer(LEVEL_WARN, "no-IOMMU mode",
		       "remove enable_unsafe_noiommu_mode from modprobe's configuration",
		       "vfio also serves devices that no IOMMU holds back");
}

/* The kernel says it in the names of interrupt chips: IR-PCI-MSI and the like. */
void check_interrupts(void)
{
	static const char name[] = "interrupts";

#if defined(__x86_64__)
	if (file_has("/proc/interrupts", " IR-"))
		answer(LEVEL_OK, name, NULL, "interrupt remapping is on");
	else if (parameter_set(MODULE, "allow_unsafe_interrupts"))
		answer(LEVEL_WARN, name, NULL,
		       "no interrupt remapping; allow_unsafe_interrupts is set: a device can send any interrupt to the host");
	else
		answer(LEVEL_FAIL, name,
		       "turn it on in the firmware, or, if you trust who uses devices: allow_unsafe_interrupts=1",
		       "no interrupt remapping: attaching a group will be refused (EPERM)");
#else
	answer(LEVEL_OK, name, NULL, "as a rule, this platform isolates them");
#endif
}

static bool secure_boot(void)
{
	FILE *f = fopen(SECURE_BOOT, "re");
	unsigned char state[5] = { };

	/* Four bytes of attributes come first. */
	if (f) {
		if (fread(state, 1, sizeof(state), f) != sizeof(state))
			state[4] = 0;
		fclose(f);
	}
	return state[4] == 1;
}

void check_secure_boot(void)
{
	static const char name[] = "Secure Boot";
	struct module_file file;
	char taint[8];

	module_file_read(NULL, &file);
	if (!secure_boot()) {
		answer(LEVEL_OK, name, NULL, "off: signatures do not matter");
	} else if (file.found && !file.signer[0]) {
		answer(LEVEL_FAIL, name,
		       "have dkms sign it: dkms remove and install it again; mokutil --import /var/lib/dkms/mok.pub; reboot",
		       "on, and the module is not signed: it will not load");
	} else if (!read_line(taint, sizeof(taint), "/sys/module/" MODULE "/taint") &&
		   !strchr(taint, 'E')) {
		answer(LEVEL_OK, name, NULL, "on, and the kernel has accepted the module");
	} else if (file.found) {
		answer(LEVEL_WARN, name,
		       "if it does not load: mokutil --import /var/lib/dkms/mok.pub; reboot",
		       "on; the module is signed by \"%s\", whose key must be enrolled",
		       file.signer);
	}
}

/* What systemd gives to those it starts, if somebody has said so. */
static void systemd_limit(const char *which, char text[TEXT_LEN])
{
	static const char key[] = "DefaultLimitMEMLOCK=";
	char pattern[128];
	glob_t found = { };
	size_t i;

	text[0] = '\0';
	snprintf(pattern, sizeof(pattern), "/etc/systemd/%s.conf", which);
	glob(pattern, 0, NULL, &found);
	snprintf(pattern, sizeof(pattern), "/etc/systemd/%s.conf.d/*.conf", which);
	glob(pattern, GLOB_APPEND, NULL, &found);
	for (i = 0; i < found.gl_pathc; i++) {
		FILE *f = fopen(found.gl_pathv[i], "re");
		char line[256];

		while (f && fgets(line, sizeof(line), f))
			if (!strncmp(line, key, sizeof(key) - 1))
				sscanf(line + sizeof(key) - 1, "%31s", text);
		if (f)
			fclose(f);
	}
	globfree(&found);
}

void check_memlock(void)
{
	static const char name[] = "locked memory";
	char text[TEXT_LEN], system[TEXT_LEN], user[TEXT_LEN];
	struct rlimit limit;

	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (limit.rlim_cur == RLIM_INFINITY)
		answer(LEVEL_OK, name, NULL, "RLIMIT_MEMLOCK of this shell: unlimited");
	else
		answer(limit.rlim_cur >= MEMLOCK_ENOUGH ? LEVEL_OK : LEVEL_WARN, name,
		       limit.rlim_cur >= MEMLOCK_ENOUGH ? NULL :
		       "for programs that are not root's: LimitMEMLOCK=infinity in their unit, or \"USER - memlock unlimited\" in /etc/security/limits.d; libvirt does it by itself",
		       "RLIMIT_MEMLOCK of this shell: %s; without CAP_IPC_LOCK, a program can map no more",
		       bytes_text(limit.rlim_cur, text));
	systemd_limit("system", system);
	systemd_limit("user", user);
	if (system[0] || user[0])
		answer(LEVEL_OK, name, NULL, "systemd's DefaultLimitMEMLOCK: system %s, user %s",
		       system[0] ? system : "not set", user[0] ? user : "not set");
}

void check_debugfs(void)
{
	if (debugfs_mounted())
		answer(LEVEL_OK, "debugfs", NULL, "mounted: type1pctl list and top work");
	else
		answer(LEVEL_WARN, "debugfs", "mount -t debugfs none " DEBUGFS_MOUNT,
		       "not mounted: type1pctl list and top cannot look inside");
}
