/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers of a MAP, UNMAP or attach: who they are, and watching for them. A helper
 * is a thread of the caller's process where the kernel has such, else a thread of
 * the kernel that is named after the caller.
 */
#ifndef TYPE1P_TEST_HELPERS_H
#define TYPE1P_TEST_HELPERS_H

#include <ctype.h>

#include "fixture.h"

/* Ranges are cut on multiples of that; helpers take whole pieces. */
#define PIECE		(128 * SZ_1M)
/* Three pieces, of which the edu device reaches two: on a PC its addresses end there. */
#define HELPED_SIZE	(2 * PIECE)
#define HELPED_FROM	(32 * SZ_1M)
#define HELPED_IOVA	(ROOM_IOVA + HELPED_FROM)
/* The first byte of a piece but the first one, in the memory. */
#define PIECE_AT(n)	((n) * PIECE - HELPED_FROM)

static bool has_comm(const char *dir, const char *task, const char *comm, bool prefix)
{
	char path[128], name[64] = "";
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "%s/%s/comm", dir, task);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, name, sizeof(name) - 1);
	close(fd);
	if (len > 0 && name[len - 1] == '\n')
		name[len - 1] = 0;
	return prefix ? !strncmp(name, comm, strlen(comm)) : !strcmp(name, comm);
}

/* Among tasks that are younger than @pid. */
static int count_comms(const char *dir, pid_t pid, const char *comm, bool prefix)
{
	struct dirent *entry;
	DIR *tasks = opendir(dir);
	int count = 0;

	while (tasks && (entry = readdir(tasks)))
		if (isdigit(entry->d_name[0]) && atoi(entry->d_name) > pid)
			count += has_comm(dir, entry->d_name, comm, prefix);
	if (tasks)
		closedir(tasks);
	return count;
}

/* Threads of the kernel, whoever they help. */
static int count_kernel_helpers(pid_t pid)
{
	return count_comms("/proc", pid, "type1p/", true);
}

/* How many help the threads of a process: of one kind or the other, as the kernel has it. */
static int count_helpers(pid_t pid)
{
	char dir[64];

	snprintf(dir, sizeof(dir), "/proc/%d/task", pid);
	return count_comms(dir, pid, "type1p", false) + count_kernel_helpers(pid);
}

/* Looks for helpers all the while. */
struct watch {
	int (*count)(pid_t pid);
	pid_t pid;
	bool stop;
	int looks;
	int found;			/* looks that found some */
	int most;			/* helpers at once */
	pthread_t thread;
};

static void *watch_thread(void *arg)
{
	struct watch *watch = arg;
	int count;

	/* Others have all CPUs. */
	setpriority(PRIO_PROCESS, 0, -10);
	while (!__atomic_load_n(&watch->stop, __ATOMIC_ACQUIRE)) {
		count = watch->count(watch->pid);
		__atomic_fetch_add(&watch->looks, 1, __ATOMIC_RELEASE);
		watch->found += !!count;
		watch->most = count > watch->most ? count : watch->most;
		usleep(500);
	}
	return NULL;
}

static void watch_for(struct __test_metadata *_metadata, struct watch *watch,
		      int (*count)(pid_t pid), pid_t pid)
{
	*watch = (struct watch){ .count = count, .pid = pid };
	ASSERT_EQ(0, pthread_create(&watch->thread, NULL, watch_thread, watch));
	/* What is watched may be over before a thread has come to run. */
	while (!__atomic_load_n(&watch->looks, __ATOMIC_ACQUIRE))
		usleep(100);
}

/* For helpers of our own. */
static void watch_begin(struct __test_metadata *_metadata, struct watch *watch)
{
	watch_for(_metadata, watch, count_helpers, getpid());
}

/* Who ended may be on its way out for a moment. */
static bool helpers_gone(pid_t pid)
{
	int i;

	for (i = 0; i < 1000 && (count_helpers(pid) || count_kernel_helpers(pid)); i++)
		usleep(1000);
	return i < 1000;
}

static void watch_end(struct __test_metadata *_metadata, struct watch *watch)
{
	__atomic_store_n(&watch->stop, true, __ATOMIC_RELEASE);
	pthread_join(watch->thread, NULL);
	EXPECT_TRUE(helpers_gone(watch->pid));
}

/* Waits for the first helper of a process, or its end. */
static bool helper_comes(pid_t pid)
{
	siginfo_t info = {};

	while (!count_helpers(pid)) {
		waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT);
		if (info.si_pid)
			return false;
		usleep(500);
	}
	return true;
}

/* A container that is served by us, whose long calls are worked on by up to two CPUs. */
static int container_helped(struct __test_metadata *_metadata, int *group)
{
	int fd = container_served(_metadata, BACKEND_TYPE1P, VFIO_TYPE1v2_IOMMU, 0, group);

	/* The younger the higher: so many that they do not start anew. */
	ASSERT_EQ(0, file_write("/proc/sys/kernel/pid_max", "4194304"));
	ASSERT_EQ(0, param_write(BACKEND_TYPE1P, "max_threads", "2"))
		TH_LOG("no parameter max_threads");
	return fd;
}

/* Memory that is not there yet: a MAP of it is long. */
static char *fresh(struct __test_metadata *_metadata, u64 size)
{
	char *mem = mem_alloc(size, MEM_4K);

	ASSERT_NE(NULL, mem);
	return mem;
}

/* Memory that is there, no two pages of which are side by side: an UNMAP is long, too. */
static char *scattered(struct __test_metadata *_metadata, u64 size)
{
	char *mem = fresh(_metadata, size);
	u64 at = size;

	while (at) {
		at -= PAGE_4K;
		mem[at] = 0x5a;
	}
	return mem;
}

/* Helpers take part where there are CPUs for them. */
static bool has_two_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) > 1;
}

#define FIXTURE_HELPED(fixture)						\
	FIXTURE(fixture) {						\
		int fd;							\
		int group;						\
		s64 pins;						\
	};								\
	FIXTURE_SETUP(fixture) {					\
		if (!has_two_cpus())					\
			SKIP(return, "needs two CPUs");			\
		self->fd = container_helped(_metadata, &self->group);	\
		self->pins = pins_held();				\
	}								\
	FIXTURE_TEARDOWN(fixture) {					\
		close(self->group);					\
		close(self->fd);					\
		params_reset(BACKEND_TYPE1P);				\
	}

/* Nothing is left of a call that failed, or of who called. */
static void expect_nothing_left(struct __test_metadata *_metadata, int fd, s64 pins)
{
	EXPECT_EQ(pins, pins_held());
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(fd));
}

#endif
