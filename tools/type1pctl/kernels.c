// SPDX-License-Identifier: GPL-2.0-only
/* The kernels that are installed here, and what dkms made of each. */
#include <dirent.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "ctl.h"
#include "kernels.h"
#include "text.h"

#define MODULES_DIR	"/lib/modules"
#define DKMS_DIR	"/var/lib/dkms/" PACKAGE
#define DETAIL_LINES	8

const char *build_name(enum build build)
{
	static const char * const names[] = {
		[BUILD_THERE] = "installed",
		[BUILD_NOT_INSTALLED] = "not installed",
		[BUILD_FAILED] = "failed",
		[BUILD_NO_HEADERS] = "no headers",
		[BUILD_NOT_TRIED] = "not built",
	};

	return names[build];
}

const char *layout_name(enum layout layout)
{
	static const char * const names[] = {
		[LAYOUT_UNKNOWN] = NULL,
		[LAYOUT_VERIFIED] = "verified",
		[LAYOUT_UNCHECKED] = "unchecked",
		[LAYOUT_REFUSED] = "refused",
	};

	return names[layout];
}

/* The log says in its first line for which kernel it is. */
static bool log_is_for(const char *log, const char *release)
{
	char want[RELEASE_LEN + 16];
	const char *found;

	snprintf(want, sizeof(want), "for kernel %s", release);
	found = strstr(log, want);
	return found && found < log + strcspn(log, "\n") && strchr(" (\n", found[strlen(want)]);
}

/* Text of the log of dkms' last build for a kernel; NULL if there is none. */
static char *build_log(const char *release)
{
	char pattern[PATH_MAX], *log = NULL;
	glob_t found = { };
	size_t i;

	snprintf(pattern, sizeof(pattern), DKMS_DIR "/*/%s/*/log/make.log", release);
	glob(pattern, 0, NULL, &found);
	/* What fails stays where it was built, and is the newest. */
	glob(DKMS_DIR "/*/build/make.log", GLOB_APPEND, NULL, &found);
	for (i = found.gl_pathc; i-- > 0 && !log;) {
		log = read_file(found.gl_pathv[i]);
		if (log && !log_is_for(log, release)) {
			free(log);
			log = NULL;
		}
	}
	globfree(&found);
	return log;
}

static enum layout layout_of_log(const char *log)
{
	if (strstr(log, "type1p: cannot verify struct") ||
	    strstr(log, "type1p does not know the vfio of"))
		return LAYOUT_REFUSED;
	return strstr(log, "is NOT verified") ? LAYOUT_UNCHECKED : LAYOUT_VERIFIED;
}

/* What make says around that: its progress, and that something failed. */
static bool is_said(const char *line)
{
	const bool progress = line[0] == ' ' && line[1] == ' ' && line[2] >= 'A' && line[2] <= 'Z';

	return *line && !progress && strncmp(line, "make", 4) && strncmp(line, "DKMS ", 5) &&
	       strncmp(line, "In file", 7) && !strstr(line, "                 from ");
}

static bool is_error(const char *line)
{
	return is_said(line) && strstr(line, "rror:");
}

/* The last few lines that are @wanted, to be freed; NULL if there are none. */
static char *last_lines(const char *log, bool (*wanted)(const char *line))
{
	char *text = strdup(log), *rest = text, *line, *result = NULL;
	const char *last[DETAIL_LINES];
	int i, count = 0;
	size_t size;
	FILE *out;

	while ((line = strsep(&rest, "\n"))) {
		if (!wanted(line))
			continue;
		if (count == DETAIL_LINES)
			memmove(last, last + 1, --count * sizeof(*last));
		last[count++] = line;
	}
	if (count) {
		out = open_memstream(&result, &size);
		for (i = 0; i < count; i++)
			fprintf(out, "%s%s", i ? "\n" : "", last[i]);
		fclose(out);
	}
	free(text);
	return result;
}

static char *reason_in(const char *log)
{
	const char *refused = strstr(log, "type1p: cannot verify struct");
	const char *differs = strstr(log, "type1p does not know the vfio of");
	char *reason;

	/* The compiler says it at length, and again for each member that follows. */
	if (differs)
		return strndup(differs, strcspn(differs, "\"\n"));
	reason = refused ? last_lines(refused, is_said) : last_lines(log, is_error);

	return reason ? reason : last_lines(log, is_said);
}

static bool is_built(const char *release)
{
	char pattern[PATH_MAX];
	glob_t found = { };
	bool built;

	snprintf(pattern, sizeof(pattern), DKMS_DIR "/*/%s/*/module/" MODULE ".ko*", release);
	built = !glob(pattern, 0, NULL, &found);
	globfree(&found);
	return built;
}

static char *advice(const char *format, const char *release)
{
	char *text;

	return asprintf(&text, format, release) < 0 ? NULL : text;
}

static void look_at_build(struct kernel *k)
{
	char *log = build_log(k->release);

	module_file_read(k->release, &k->file);
	k->layout = log ? layout_of_log(log) : LAYOUT_UNKNOWN;
	if (k->file.found) {
		k->build = BUILD_THERE;
	} else if (is_built(k->release)) {
		k->build = BUILD_NOT_INSTALLED;
		k->detail = advice("dkms autoinstall -k %s", k->release);
	} else if (log) {
		k->build = BUILD_FAILED;
		/* Who knows how far it came. */
		if (k->layout != LAYOUT_REFUSED)
			k->layout = LAYOUT_UNKNOWN;
		k->detail = reason_in(log);
	} else if (!file_exists(MODULES_DIR "/%s/build/Makefile", k->release)) {
		k->build = BUILD_NO_HEADERS;
		k->detail = advice("apt install linux-headers-%s", k->release);
	} else {
		k->build = BUILD_NOT_TRIED;
		k->detail = advice("dkms autoinstall -k %s\n"
				   "A kernel that is newer than this version knows is left out.",
				   k->release);
	}
	free(log);
}

/* A directory that only has what dkms left behind belongs to no kernel any more. */
static int is_kernel(const struct dirent *e)
{
	return e->d_name[0] != '.' &&
	       (file_exists(MODULES_DIR "/%s/kernel", e->d_name) ||
		file_exists(MODULES_DIR "/%s/modules.builtin", e->d_name));
}

int kernels_read(struct kernel **kernels)
{
	struct kernel *list, swap;
	struct dirent **entries;
	struct utsname uts;
	int i, count;

	uname(&uts);
	*kernels = NULL;
	count = scandir(MODULES_DIR, &entries, is_kernel, versionsort);
	if (count < 0)
		return 0;
	list = calloc(count + 1, sizeof(*list));
	for (i = 0; i < count; i++) {
		snprintf(list[i].release, sizeof(list[i].release), "%s", entries[i]->d_name);
		list[i].running = !strcmp(list[i].release, uts.release);
		look_at_build(&list[i]);
		free(entries[i]);
	}
	free(entries);
	for (i = count - 1; i > 0; i--) {
		if (!list[i].running)
			continue;
		swap = list[i];
		memmove(list + 1, list, i * sizeof(*list));
		list[0] = swap;
		break;
	}
	*kernels = list;
	return count;
}

void kernels_free(struct kernel *kernels, int count)
{
	while (count--)
		free(kernels[count].detail);
	free(kernels);
}
