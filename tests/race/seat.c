// SPDX-License-Identifier: GPL-2.0-only
/* Who makes calls, the record of them, and who does not come back from one. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "race.h"

#define MOST_VIOLATIONS	10

const char * const op_names[NR_OPS] = {
	[OP_MAP] = "map",
	[OP_UNMAP] = "unmap",
	[OP_BITMAP] = "unmap-bitmap",
	[OP_INVALIDATE] = "invalidate",
	[OP_REPLACE] = "replace",
	[OP_SWAP] = "replace-other",
	[OP_ADOPT] = "replace-process",
	[OP_WRONG] = "replace-wrong",
	[OP_READ] = "read",
	[OP_WRITE] = "write",
	[OP_PIN] = "pin",
	[OP_HOLD] = "hold",
	[OP_MEMORY] = "madvise",
	[OP_DIRTY] = "dirty",
	[OP_INFO] = "info",
	[OP_SWEEP] = "unmap-all",
	[OP_SWEEP_VADDR] = "invalidate-all",
	[OP_TRACK] = "dirty-start-stop",
	[OP_RACE] = "race",
	[OP_FIGHT] = "fight",
	[OP_EDU] = "edu",
	[OP_EDU_RACE] = "edu-race",
	[OP_VISIT] = "visit",
	[OP_VISIT_IOMMU] = "visit-iommu",
	[OP_LIFE] = "container",
	[OP_KID] = "kid",
	[OP_KID_MAP] = "kid-map",
	[OP_KID_USE] = "kid-use",
	[OP_KILL] = "kill",
	[OP_KID_FAULT] = "kid-userfault",
	[OP_KID_LIMIT] = "kid-rlimit",
	[OP_KID_MEMCG] = "kid-memcg",
	[OP_KID_FORK] = "kid-fork",
	[OP_KID_EXEC] = "kid-exec",
	[OP_KID_MOVE] = "kid-munmap",
	[OP_KID_BIG] = "kid-big",
	[OP_PARAM] = "parameters",
	[OP_UNLOAD] = "unload",
	[OP_LOOK] = "debugfs",
	[OP_BIND] = "unbind",
	[OP_HOTPLUG] = "hotplug",
};

double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

unsigned int draw(unsigned int *seed, unsigned int below)
{
	return rand_r(seed) % below;
}

struct seat *seat_take(const char *name)
{
	struct seat *seat = &r->seats[atomic_fetch_add(&r->seats_taken, 1) % MAX_SEATS];

	snprintf(seat->name, sizeof(seat->name), "%s", name);
	return seat;
}

void begin(struct seat *seat, enum operation op, int box, u64 iova)
{
	seat->pid = getpid();
	seat->tid = gettid();
	seat->op = op;
	seat->box = box;
	seat->iova = iova;
	seat->began_ms = now_ms();
	seat->busy++;
}

int end(struct seat *seat, int ret)
{
	struct record *record = &r->records[seat->op];
	unsigned int took = now_ms() - seat->began_ms, seen = record->longest_ms;

	while (took > seen && !atomic_compare_exchange_weak(&record->longest_ms, &seen, took))
		;
	record->calls++;
	if (ret < 0)
		record->errors[-ret < NR_ERRNOS ? -ret : NR_ERRNOS - 1]++;
	seat->busy++;
	return ret;
}

int judge(struct seat *seat, int ret, ...)
{
	bool legal = ret >= 0;
	va_list args;
	int error;

	end(seat, ret);
	va_start(args, ret);
	while (!legal && (error = va_arg(args, int)))
		legal = ret == error;
	va_end(args);
	if (!legal)
		violation(seat, "error %d (%s) is none that it may get", ret, strerror(-ret));
	return ret;
}

void violation(struct seat *seat, const char *format, ...)
{
	static atomic_uint told;
	char text[256];
	va_list args;

	r->failed = true;
	if (told++ < MOST_VIOLATIONS) {
		va_start(args, format);
		vsnprintf(text, sizeof(text), format, args);
		va_end(args);
		printf("# VIOLATION: %s, %s, container %d, iova %#llx: %s\n", seat->name,
		       op_names[seat->op], seat->box, seat->iova, text);
		fflush(stdout);
	}
	r->over = true;
}

void rest(void)
{
	if (!r->pause)
		return;
	r->paused++;
	while (r->pause && !r->over)
		usleep(2000);
	r->paused--;
}

struct seat *seat_lost(void)
{
	unsigned int i, busy;
	struct seat *seat;
	double began;

	for (i = 0; i < MAX_SEATS; i++) {
		seat = &r->seats[i];
		busy = seat->busy;
		began = seat->began_ms;
		if (busy % 2 && now_ms() - began > r->patience_ms && seat->busy == busy)
			return seat;
	}
	return NULL;
}

static void dump_file(const char *path)
{
	char line[200];
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file))
		printf("#     %s", line);
	if (file)
		fclose(file);
}

static void dump_process(pid_t pid)
{
	char path[300];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		printf("#   task %s of %d\n", entry->d_name, pid);
		snprintf(path, sizeof(path), "/proc/%d/task/%s/stack", pid, entry->d_name);
		dump_file(path);
	}
	if (dir)
		closedir(dir);
}

void seats_dump(void)
{
	struct seat *seat;
	unsigned int i, j;

	for (i = 0; i < MAX_SEATS; i++) {
		seat = &r->seats[i];
		if (seat->busy % 2)
			printf("# %-12s pid %d tid %d: %s, container %d, iova %#llx, for %.0f ms\n",
			       seat->name, seat->pid, seat->tid, op_names[seat->op], seat->box,
			       seat->iova, now_ms() - seat->began_ms);
	}
	for (i = 0; i < MAX_SEATS; i++) {
		for (j = 0; j < i; j++)
			if (r->seats[j].pid == r->seats[i].pid)
				break;
		if (j == i && r->seats[i].pid)
			dump_process(r->seats[i].pid);
	}
	fflush(stdout);
}

u64 records_calls(void)
{
	u64 calls = 0;
	enum operation op;

	for (op = 0; op < NR_OPS; op++)
		calls += r->records[op].calls;
	return calls;
}

void records_print(void)
{
	const struct record *record;
	u64 errors;
	enum operation op;
	int i;

	printf("# %-18s %10s %10s %9s  errors\n", "operation", "calls", "ok", "longest");
	for (op = 0; op < NR_OPS; op++) {
		record = &r->records[op];
		if (!record->calls)
			continue;
		for (errors = 0, i = 0; i < NR_ERRNOS; i++)
			errors += record->errors[i];
		printf("# %-18s %10llu %10llu %6u ms ", op_names[op], record->calls,
		       record->calls - errors, record->longest_ms);
		for (i = 0; i < NR_ERRNOS; i++)
			if (record->errors[i])
				printf(" %s %llu", strerrorname_np(i) ?: "?", record->errors[i]);
		printf("\n");
	}
}
