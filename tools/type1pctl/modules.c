// SPDX-License-Identifier: GPL-2.0-only
/* What libkmod knows: module files, modprobe's configuration, what it would load. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <libkmod.h>

#include "ctl.h"
#include "modules.h"

static void copy_info(struct module_file *file, struct kmod_module *mod)
{
	const struct {
		const char *key;
		char *to;
		size_t len;
	} wanted[] = {
		{ "version", file->version, sizeof(file->version) },
		{ "srcversion", file->srcversion, sizeof(file->srcversion) },
		{ "signer", file->signer, sizeof(file->signer) },
		{ "vermagic", file->vermagic, sizeof(file->vermagic) },
	};
	struct kmod_list *info = NULL, *entry;
	size_t i;

	if (kmod_module_get_info(mod, &info) < 0)
		return;
	kmod_list_foreach(entry, info)
		for (i = 0; i < ARRAY_SIZE(wanted); i++)
			if (!strcmp(kmod_module_info_get_key(entry), wanted[i].key))
				snprintf(wanted[i].to, wanted[i].len, "%s",
					 kmod_module_info_get_value(entry));
	kmod_module_info_free_list(info);
}

void module_file_read(const char *release, struct module_file *file)
{
	struct kmod_module *mod;
	struct kmod_ctx *ctx;
	char dir[PATH_MAX];

	*file = (struct module_file){ };
	snprintf(dir, sizeof(dir), "/lib/modules/%s", release ? release : "");
	ctx = kmod_new(release ? dir : NULL, NULL);
	if (!ctx)
		return;
	if (!kmod_module_new_from_name(ctx, MODULE, &mod)) {
		const char *path = kmod_module_get_path(mod);

		if (path) {
			file->found = true;
			snprintf(file->path, sizeof(file->path), "%s", path);
			copy_info(file, mod);
		}
		kmod_module_unref(mod);
	}
	kmod_unref(ctx);
}

/* Calls @fn for the first module that @alias stands for; -ENOENT if there is none. */
static int with_module(const char *alias, int (*fn)(struct kmod_module *mod, void *data),
		       void *data)
{
	struct kmod_list *list = NULL;
	struct kmod_ctx *ctx;
	int ret;

	ctx = kmod_new(NULL, NULL);
	if (!ctx)
		return -ENOMEM;
	ret = kmod_module_new_from_lookup(ctx, alias, &list);
	if (!ret && !list)
		ret = -ENOENT;
	if (!ret) {
		struct kmod_module *mod = kmod_module_get_module(list);

		ret = fn(mod, data);
		kmod_module_unref(mod);
	}
	kmod_module_unref_list(list);
	kmod_unref(ctx);
	return ret;
}

/* libkmod's callback has no data of ours in it that depends on the module. */
static enum loads last_loaded;

static void note_load(struct kmod_module *mod, bool install, const char *options)
{
	const char *name = kmod_module_get_name(mod);

	(void)options;
	/* An install line loads something else in place of the module. */
	if (install && strstr(kmod_module_get_install_commands(mod), MODULE)) {
		struct module_file file;

		module_file_read(NULL, &file);
		if (file.found)
			last_loaded = LOADS_TYPE1P;
	} else if (!install && !strcmp(name, MODULE)) {
		last_loaded = LOADS_TYPE1P;
	} else if (!install && !strcmp(name, MODULE_INTREE)) {
		last_loaded = LOADS_INTREE;
	}
}

static int dry_run(struct kmod_module *mod, void *data)
{
	(void)data;
	return kmod_module_probe_insert_module(mod, KMOD_PROBE_DRY_RUN | KMOD_PROBE_IGNORE_LOADED,
					       NULL, NULL, NULL, note_load);
}

enum loads modprobe_would_load(void)
{
	last_loaded = module_builtin(MODULE_INTREE) ? LOADS_INTREE : LOADS_NONE;
	with_module("vfio-pci", dry_run, NULL);
	return last_loaded;
}

static int insert(struct kmod_module *mod, void *data)
{
	(void)data;
	return kmod_module_probe_insert_module(mod, KMOD_PROBE_APPLY_BLACKLIST_ALIAS_ONLY, NULL,
					       NULL, NULL, NULL);
}

int module_load(const char *name)
{
	return with_module(name, insert, NULL);
}

static int is_builtin(struct kmod_module *mod, void *data)
{
	(void)data;
	return kmod_module_get_initstate(mod) == KMOD_MODULE_BUILTIN;
}

bool module_builtin(const char *name)
{
	return with_module(name, is_builtin, NULL) == 1;
}

static int nothing(struct kmod_module *mod, void *data)
{
	(void)mod;
	(void)data;
	return 0;
}

bool module_there(const char *name)
{
	return !with_module(name, nothing, NULL);
}

/*
 * Whether a list of modprobe's configuration has @module with @word after @section. Of
 * several entries for one module, modprobe looks at the first only.
 */
static bool configured(struct kmod_config_iter *(*list)(const struct kmod_ctx *ctx),
		       const char *module, const char *section, const char *word)
{
	struct kmod_ctx *ctx = kmod_new(NULL, NULL);
	struct kmod_config_iter *i = ctx ? list(ctx) : NULL;
	bool found = false;

	while (i && kmod_config_iter_next(i)) {
		const char *has = kmod_config_iter_get_value(i);

		if (strcmp(kmod_config_iter_get_key(i), module))
			continue;
		has = has ? strstr(has, section) : "";
		found = has && strstr(has, word);
		break;
	}
	if (i)
		kmod_config_iter_free_iter(i);
	if (ctx)
		kmod_unref(ctx);
	return found;
}

enum snippet snippet_in_effect(void)
{
	if (configured(kmod_config_get_install_commands, MODULE_INTREE, "", MODULE))
		return SNIPPET_EXCLUSIVE;
	if (configured(kmod_config_get_softdeps, MODULE_INTREE, "post:", MODULE))
		return SNIPPET_PREFER;
	return SNIPPET_NONE;
}

const char *snippet_name(enum snippet snippet)
{
	static const char * const names[] = {
		[SNIPPET_NONE] = "none",
		[SNIPPET_PREFER] = "prefer",
		[SNIPPET_EXCLUSIVE] = "exclusive",
	};

	return names[snippet];
}

bool module_blacklisted(const char *name)
{
	return configured(kmod_config_get_blacklists, name, "", "");
}

bool module_replaced(const char *name)
{
	return configured(kmod_config_get_install_commands, name, "", "");
}

bool module_has_softdep(const char *name)
{
	return configured(kmod_config_get_softdeps, name, "", "");
}
