/* SPDX-License-Identifier: GPL-2.0-only */
/* A cgroup (version 2) for a test and its children to be in. */
#ifndef TYPE1P_TEST_CGROUP_H
#define TYPE1P_TEST_CGROUP_H

#include "fixture.h"

#define CGROUP_ROOT	"/tmp/type1p-cgroups"
#define CGROUP		CGROUP_ROOT "/test"

static int cgroup_write(const char *file, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), CGROUP "/%s", file);
	return file_write(path, value);
}

/* The number that a file of the cgroup @dir holds, after @key if given; -1 without it. */
static s64 cgroup_read(const char *dir, const char *file, const char *key)
{
	char path[128], name[64] = "";
	long long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "re");
	if (!f)
		return -1;
	if (!key && fscanf(f, "%lld", &value) != 1)
		value = -1;
	while (key && fscanf(f, "%63s %lld", name, &value) == 2)
		if (!strcmp(name, key))
			break;
	fclose(f);
	return key && strcmp(name, key) ? -1 : value;
}

/* This process, all of it, is in the cgroup from now on. */
static int cgroup_enter(void)
{
	return cgroup_write("cgroup.procs", "0");
}

static void cgroup_leave(void)
{
	file_write(CGROUP_ROOT "/cgroup.procs", "0");
}

/* For CPU time, memory, and what of both may be used. */
#define CGROUP_ALL	"+cpu +memory +cpuset"

/* Whether this kernel has such controllers. */
static bool cgroup_works(const char *controllers)
{
	mkdir(CGROUP_ROOT, 0755);
	if (access(CGROUP_ROOT "/cgroup.procs", F_OK) &&
	    mount("none", CGROUP_ROOT, "cgroup2", 0, NULL))
		return false;
	return !file_write(CGROUP_ROOT "/cgroup.subtree_control", controllers);
}

static void cgroup_make(struct __test_metadata *_metadata, const char *controllers)
{
	ASSERT_TRUE(cgroup_works(controllers));
	rmdir(CGROUP);
	ASSERT_EQ(0, mkdir(CGROUP, 0755));
}

static void cgroup_end(void)
{
	cgroup_leave();
	rmdir(CGROUP);
}

#endif
