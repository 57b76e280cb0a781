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

/*
 * The kernel patches itself when the first cgroup of a kind comes and when the last
 * one goes, which QEMU 7.2 does not always survive when other CPUs are at work. So one
 * stays, from before the first test on.
 */
#define CGROUP_KEPT	CGROUP_ROOT "/kept"
static pid_t cgroup_keeper;

static __attribute__((constructor)) void cgroup_keep(void)
{
	/* Where there are others anyway, this is somebody's own system. */
	if (geteuid() || !access("/sys/fs/cgroup/cgroup.procs", F_OK) ||
	    !cgroup_works(CGROUP_ALL) || mkdir(CGROUP_KEPT, 0755))
		return;
	cgroup_keeper = getpid();
	file_write(CGROUP_KEPT "/cpu.max", "100000 100000");
	file_write(CGROUP_KEPT "/memory.max", "1G");
}

static __attribute__((destructor)) void cgroup_unkeep(void)
{
	if (cgroup_keeper == getpid())
		rmdir(CGROUP_KEPT);
}

static void cgroup_end(void)
{
	cgroup_leave();
	rmdir(CGROUP);
}

#endif
