// SPDX-License-Identifier: GPL-2.0-only
/* type1pctl enable, disable: the file that has modprobe load type1p. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "ctl.h"
#include "jsonc.h"
#include "modules.h"
#include "text.h"

#define READY_DIR	DATADIR "/" PACKAGE
#define CONF_DIR	"/etc/modprobe.d"
#define CONF		CONF_DIR "/" PACKAGE ".conf"

static struct {
	enum snippet wanted;
	bool force;
	bool dry_run;
	bool disable;
} options;

/* Next line that is neither empty nor a comment; NULL at the end. */
static const char *next_line(const char *text)
{
	while (text && (*text == '#' || *text == '\n')) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return text && *text ? text : NULL;
}

/* Whether both say the same to modprobe. */
static bool same_lines(const char *a, const char *b)
{
	for (a = next_line(a), b = next_line(b); a && b; a = next_line(a), b = next_line(b)) {
		const size_t len = strcspn(a, "\n");

		if (len != strcspn(b, "\n") || strncmp(a, b, len))
			return false;
		a += len;
		b += len;
	}
	return !a && !b;
}

/* One of the ready files; NULL, with a complaint, if it cannot be read. */
static char *ready_text(enum snippet snippet)
{
	char path[sizeof(READY_DIR) + 32], *text;

	snprintf(path, sizeof(path), READY_DIR "/%s.conf", snippet_name(snippet));
	text = read_file(path);
	if (!text)
		complain(0, "%s: %s", path, strerror(errno));
	return text;
}

/* A file that somebody has changed is his. */
static bool is_ours(const char *text)
{
	enum snippet s;
	bool same = !next_line(text);

	for (s = SNIPPET_PREFER; s <= SNIPPET_EXCLUSIVE && !same; s++) {
		char *ready = ready_text(s);

		same = ready && same_lines(text, ready);
		free(ready);
	}
	return same;
}

/* Whole or not at all: modprobe may read it at any moment. */
static int write_conf(const char *text)
{
	char path[] = CONF_DIR "/." PACKAGE ".XXXXXX";
	const ssize_t len = strlen(text);
	int fd, ret = 0;

	if (mkdir(CONF_DIR, 0755) && errno != EEXIST)
		return -errno;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != len || fchmod(fd, 0644) || fsync(fd) || rename(path, CONF))
		ret = errno ? -errno : -EIO;
	close(fd);
	if (ret)
		unlink(path);
	return ret;
}

static void report(enum snippet before, const char *text, bool changed)
{
	struct json_object *o;

	if (want_json) {
		o = json_object_new_object();
		put_text(o, "action", options.disable ? "disable" : "enable");
		put_text(o, "file", CONF);
		put_text(o, "content", text);
		put_bool(o, "changed", changed);
		put_bool(o, "dry_run", options.dry_run);
		put_text(o, "load_order_before", snippet_name(before));
		put_text(o, "load_order", snippet_name(options.wanted));
		print_and_free(o);
		return;
	}
	if (!changed) {
		printf("%s is that way already.\n", CONF);
		return;
	}
	if (text)
		printf("%s %s:\n%s", options.dry_run ? "Would write" : "Wrote", CONF, text);
	else
		printf("%s %s.\n", options.dry_run ? "Would remove" : "Removed", CONF);
	puts("It counts when the vfio modules are loaded next: after a reboot, or\n"
	     "  modprobe -r vfio_pci " MODULE " " MODULE_INTREE " && modprobe vfio_pci\n"
	     "If the initramfs loads vfio modules: update-initramfs -u");
}

/* Nothing would serve then. */
static bool exclusive_is_sane(void)
{
	struct module_file file;

	module_file_read(NULL, &file);
	if (options.wanted != SNIPPET_EXCLUSIVE || options.force)
		return true;
	if (module_builtin(MODULE_INTREE))
		complain(0, "the in-tree driver is part of this kernel, and stays (--force)");
	else if (!file.found)
		complain(0, "without " MODULE " for this kernel, nothing would serve (--force)");
	else
		return true;
	return false;
}

static int apply(void)
{
	const enum snippet before = snippet_in_effect();
	char *old = read_file(CONF), *text = NULL;
	int ret = 0, status = EX_OK;
	bool changed;

	if (!options.disable)
		text = ready_text(options.wanted);
	if (!options.disable && !text) {
		status = EX_UNAVAILABLE;
	} else if (old && !options.force && !is_ours(old)) {
		status = complain(1, CONF " has been changed by hand (--force overwrites it)");
	} else {
		changed = text ? !old || strcmp(old, text) : !!old;
		if (changed && !options.dry_run)
			ret = text ? write_conf(text) : unlink(CONF) ? -errno : 0;
		if (ret)
			status = complain(EX_CANTCREAT, CONF ": %s", strerror(-ret));
		else
			report(before, text, changed);
	}
	free(text);
	free(old);
	return status;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'n':
		options.dry_run = true;
		return 0;
	case 'f':
		options.force = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options.disable || state->arg_num)
			argp_error(state, "what is '%s'?", arg);
		else if (!strcmp(arg, "exclusive"))
			options.wanted = SNIPPET_EXCLUSIVE;
		else if (strcmp(arg, "prefer"))
			argp_error(state, "prefer or exclusive, not '%s'", arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option argp_options[] = {
	{ "dry-run", 'n', NULL, 0, "Say what would be done" },
	{ "force", 'f', NULL, 0,
	  "Even if the file has been changed by hand, or nothing would serve" },
	{ }
};

static int act(const char *args, const char *doc, int argc, char **argv)
{
	const struct argp argp = { argp_options, parse, args, doc, json_child };

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (!options.dry_run && !is_root())
		return EX_NOPERM;
	return exclusive_is_sane() ? apply() : 1;
}

#define EXIT_STATUS \
	"Exit status: 0; 1 refused (see --force); 64 and up: it could not be done."

static const char enable_doc[] =
"Has modprobe load type1p from now on. prefer, the default: after the in-tree\n"
"driver, so that it is asked first, and the in-tree driver serves where type1p\n"
"is not there. exclusive: in its place.\n"
"\v" EXIT_STATUS;

int cmd_enable(int argc, char **argv)
{
	options.wanted = SNIPPET_PREFER;
	return act("[prefer|exclusive]", enable_doc, argc, argv);
}

static const char disable_doc[] =
"Has modprobe load the in-tree driver alone from now on.\n"
"\v" EXIT_STATUS;

int cmd_disable(int argc, char **argv)
{
	options.disable = true;
	return act(NULL, disable_doc, argc, argv);
}
