// SPDX-License-Identifier: GPL-2.0-only
/* type1pctl status: is it there, is it the right one, and would it serve? */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "ctl.h"
#include "debugfs.h"
#include "jsonc.h"
#include "kernels.h"
#include "log.h"
#include "text.h"

#define PARAMETERS	"/sys/module/" MODULE "/parameters"

struct status {
	bool loaded;
	char version[32];		/* of the loaded module, as is all up to the file */
	char srcversion[32];
	char taint[8];
	u64 users;
	char refusal[REFUSAL_LEN];	/* of a module that is not loaded: why, if it said so */
	struct module_file file;	/* what would be loaded */
	enum snippet snippet;
	struct serving serving;
	struct kernel *kernels;
	int nkernels;
};

static void status_read(struct status *s)
{
	s->loaded = module_loaded(MODULE);
	read_line(s->version, sizeof(s->version), "/sys/module/" MODULE "/version");
	read_line(s->srcversion, sizeof(s->srcversion), "/sys/module/" MODULE "/srcversion");
	read_line(s->taint, sizeof(s->taint), "/sys/module/" MODULE "/taint");
	s->users = read_number(0, "/sys/module/" MODULE "/refcnt");
	if (!s->loaded)
		log_refusal(s->refusal);
	module_file_read(NULL, &s->file);
	s->snippet = snippet_in_effect();
	serving_read(&s->serving);
	s->nkernels = kernels_read(&s->kernels);
}

/* The kernel keeps a hash of the sources, not who signed. */
static bool same_as_file(const struct status *s)
{
	return s->file.found && s->srcversion[0] && !strcmp(s->srcversion, s->file.srcversion);
}

/* Of the loaded module: the kernel marks one whose signature it did not accept. */
static const char *signature(const struct status *s)
{
	if (strchr(s->taint, 'E'))
		return "not accepted";
	return same_as_file(s) && s->file.signer[0] ? s->file.signer : NULL;
}

static void each_parameter(void (*each)(const char *name, const char *value, void *data),
			   void *data)
{
	struct dirent **entries;
	int i, count = scandir(PARAMETERS, &entries, NULL, alphasort);

	for (i = 0; i < count; i++) {
		char value[32];

		if (entries[i]->d_name[0] != '.' &&
		    !read_line(value, sizeof(value), PARAMETERS "/%s", entries[i]->d_name))
			each(entries[i]->d_name, value, data);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static void print_parameter(const char *name, const char *value, void *data)
{
	(void)data;
	printf("  %-26s %s\n", name, value);
}

static void print_loaded(const struct status *s)
{
	const char *signer = signature(s);

	if (!s->loaded) {
		puts("Loaded:       no");
		if (s->refusal[0])
			printf("Refused:      %s\n", s->refusal);
		return;
	}
	printf("Loaded:       version %s, use count %llu\n", s->version, s->users);
	if (!strchr(s->taint, 'E') && !signer)
		puts("Signed by:    not known (the file is another, or not signed)");
	else
		printf("Signed by:    %s\n", strchr(s->taint, 'E') ?
		       "nobody that the kernel trusts (taint E)" : signer);
}

static void print_file(const struct status *s)
{
	if (!s->file.found) {
		puts("File:         none for the running kernel");
		return;
	}
	printf("File:         %s\n", s->file.path);
	printf("              version %s, %s%s%s\n", s->file.version,
	       s->file.signer[0] ? "signed by " : "not signed", s->file.signer,
	       !s->loaded ? "" : same_as_file(s) ? ", the same as is loaded" :
	       ", NOT the same as is loaded: reload or reboot to use it");
}

static void print_detail(const char *detail)
{
	const char *line;

	for (line = detail; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
		printf("      %.*s\n", (int)strcspn(line, "\n"), line);
}

static void print_kernels(const struct status *s)
{
	int i;

	puts(s->nkernels ? "Kernels:" : "Kernels:      none in /lib/modules");
	for (i = 0; i < s->nkernels; i++) {
		const struct kernel *k = &s->kernels[i];
		const char *layout = layout_name(k->layout);

		printf("  %-26s %s%s%s%s%s%s\n", k->release, build_name(k->build),
		       k->file.found ? ", version " : "", k->file.version,
		       layout ? ", layout " : "", layout ? layout : "",
		       k->running ? " (running)" : "");
		print_detail(k->detail);
	}
}

static void print_status(const struct status *s)
{
	printf("%s %s a new container: %s.\n",
	       s->serving.by == LOADS_TYPE1P ? "type1p" :
	       s->serving.by == LOADS_INTREE ? "The in-tree driver" : "Nothing",
	       s->serving.now ? "serves" : "would serve", s->serving.why);
	putchar('\n');
	print_loaded(s);
	print_file(s);
	printf("Load order:   %s%s\n", snippet_name(s->snippet),
	       s->snippet == SNIPPET_PREFER ? " (type1p first, the in-tree driver as fallback)" :
	       s->snippet == SNIPPET_EXCLUSIVE ? " (type1p only)" :
	       " (modprobe does not load type1p by itself: type1pctl enable)");
	print_kernels(s);
	if (s->loaded) {
		puts("Parameters:");
		each_parameter(print_parameter, NULL);
	}
}

static struct json_object *file_object(const struct module_file *file)
{
	struct json_object *o;

	if (!file->found)
		return NULL;
	o = json_object_new_object();
	put_text(o, "path", file->path);
	put_text(o, "version", file->version);
	put_text(o, "srcversion", file->srcversion);
	put_text(o, "vermagic", file->vermagic);
	put_text(o, "signer", file->signer[0] ? file->signer : NULL);
	return o;
}

static void put_parameter(const char *name, const char *value, void *data)
{
	char *end;
	const u64 number = strtoull(value, &end, 10);

	if (end != value)
		put_number(data, name, number);
	else
		put_bool(data, name, value[0] == 'Y');
}

static struct json_object *loaded_object(const struct status *s)
{
	struct json_object *o, *parameters;

	if (!s->loaded)
		return NULL;
	o = json_object_new_object();
	parameters = json_object_new_object();
	put_text(o, "version", s->version);
	put_text(o, "srcversion", s->srcversion);
	put_text(o, "signer", strchr(s->taint, 'E') ? NULL : signature(s));
	put_bool(o, "signature_accepted", !strchr(s->taint, 'E'));
	put_bool(o, "same_as_file", same_as_file(s));
	put_number(o, "use_count", s->users);
	each_parameter(put_parameter, parameters);
	json_object_object_add(o, "parameters", parameters);
	return o;
}

static struct json_object *kernel_object(const struct kernel *k)
{
	struct json_object *o = json_object_new_object();

	put_text(o, "release", k->release);
	put_bool(o, "running", k->running);
	put_text(o, "build", build_name(k->build));
	put_text(o, "layout", layout_name(k->layout));
	put_text(o, "detail", k->detail);
	json_object_object_add(o, "file", file_object(&k->file));
	return o;
}

static void json_status(const struct status *s)
{
	struct json_object *o = json_object_new_object();
	struct json_object *serving = json_object_new_object();
	struct json_object *kernels = json_object_new_array();
	int i;

	put_text(serving, "backend", loads_name(s->serving.by));
	put_bool(serving, "now", s->serving.now);
	put_text(serving, "why", s->serving.why);
	json_object_object_add(o, "new_container", serving);
	json_object_object_add(o, "loaded", loaded_object(s));
	put_text(o, "refusal", s->refusal[0] ? s->refusal : NULL);
	json_object_object_add(o, "file", file_object(&s->file));
	put_text(o, "load_order", snippet_name(s->snippet));
	for (i = 0; i < s->nkernels; i++)
		json_object_array_add(kernels, kernel_object(&s->kernels[i]));
	json_object_object_add(o, "kernels", kernels);
	print_and_free(o);
}

static const char doc[] =
"Shows whether type1p is loaded, which file it came from, for which kernels\n"
"it is built (and why not), and which backend would serve a new container.\n"
"\vExit status: 0 type1p would serve; 1 the in-tree driver would; 2 none would;\n"
"64 and up: it could not be found out.";

int cmd_status(int argc, char **argv)
{
	static const struct argp argp = { .doc = doc, .children = json_child };
	static const int verdicts[] = {
		[LOADS_TYPE1P] = 0,
		[LOADS_INTREE] = 1,
		[LOADS_NONE] = 2,
	};
	struct status s = { };

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	status_read(&s);
	if (want_json)
		json_status(&s);
	else
		print_status(&s);
	kernels_free(s.kernels, s.nkernels);
	return verdicts[s.serving.by];
}
