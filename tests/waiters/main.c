// SPDX-License-Identifier: GPL-2.0-only
/* The stress: options, beginning and end. */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "container.h"
#include "stress.h"

#define TIME_LIMIT	"/sys/module/vfio_iommu_type1p/parameters/vaddr_timeout_ms"
/* Ten minutes: as good as none. */
#define NO_TIME_LIMIT	600000

struct options {
	unsigned int seconds;
	unsigned int seed;
	unsigned int ranges;
	unsigned int waiters;
	unsigned int patience;
};

static const struct argp_option argp_options[] = {
	{ "seconds", 'n', "N", 0, "how long (default 30)" },
	{ "seed", 's', "N", 0, "of all that is random (default: the time)" },
	{ "ranges", 'r', "N", 0, "how many, a multiple of 4, at most 1024 (default 64)" },
	{ "waiters", 'w', "N", 0, "how many (default 64)" },
	{ "patience", 'p', "N", 0, "seconds till one who should be back is lost (default 30)" },
	{ }
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	unsigned int *number;
	char *end;

	switch (key) {
	case 'n':
		number = &o->seconds;
		break;
	case 's':
		number = &o->seed;
		break;
	case 'r':
		number = &o->ranges;
		break;
	case 'w':
		number = &o->waiters;
		break;
	case 'p':
		number = &o->patience;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	*number = strtoul(arg, &end, 0);
	if (end == arg || *end || !*number)
		argp_error(state, "%s: not a number", arg);
	if (o->ranges % 4 || o->ranges > MAX_RANGES)
		argp_error(state, "%s ranges: not a multiple of 4 up to %d", arg, MAX_RANGES);
	return 0;
}

double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

void pause_us(unsigned int *seed, unsigned int us)
{
	usleep(rand_r(seed) % us);
}

void raise_to(atomic_uint *highest, double ms)
{
	unsigned int seen = *highest;

	while (ms > seen && !atomic_compare_exchange_weak(highest, &seen, ms))
		;
}

void lock_init(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(lock, &attr);
}

void fail(struct stress *s, const char *format, ...)
{
	va_list args;

	if (atomic_exchange(&s->failed, true))
		return;
	s->over = true;
	va_start(args, format);
	printf("# ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
}

static unsigned int tests, failures;

static void result(bool ok, const char *what)
{
	printf("%sok %u - %s\n", ok ? "" : "not ", ++tests, what);
	failures += !ok;
}

/* There is no way to go on without one that does not come back. */
void join_in_time(struct stress *s, pthread_t thread, const char *who)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += s->patience_ms / 1e3;
	if (!pthread_timedjoin_np(thread, NULL, &until))
		return;
	fail(s, "at the end, a %s does not come back", who);
	result(false, "everybody comes back");
	fflush(stdout);
	/* Or else this process may not get out of its own close. */
	iova_unmap_flags(s->container, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, NULL);
	_exit(1);
}

static int time_limit(unsigned int ms)
{
	FILE *file = fopen(TIME_LIMIT, "we");
	int ret = -errno;

	if (!file)
		return ret;
	ret = fprintf(file, "%u\n", ms);
	return fclose(file) || ret < 0 ? -EIO : 0;
}

static int setup(struct stress *s)
{
	int ret = time_limit(NO_TIME_LIMIT), i;

	if (ret)
		return ret;
	for (i = 0; i < 2; i++) {
		lock_init(&s->devices[i].lock);
		s->devices[i].fd = -1;
	}
	s->container = container_create(BACKEND_TYPE1P, VFIO_TYPE1v2_IOMMU, emulated_group(0),
					&s->devices[0].group);
	if (s->container < 0)
		return s->container;
	s->devices[0].fd = emulated_open(s->devices[0].group, 0);
	if (s->devices[0].fd < 0)
		return s->devices[0].fd;
	s->waiter = mmap(NULL, s->waiters * sizeof(*s->waiter), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->waiter == MAP_FAILED)
		return -ENOMEM;
	for (i = 0; i < (int)s->waiters; i++)
		s->waiter[i].kind = i % WAITER_KINDS;
	return 0;
}

static void report_waiters(const struct stress *s)
{
	u64 calls[ENDINGS], waits[ENDINGS];
	enum waiter_kind kind;
	double longest;
	unsigned int i, j;

	printf("# %-14s %18s %17s %15s %15s %15s  %s\n", "calls/waits by", "replace", "unmap",
	       "kthread_stop", "kill", "close", "longest");
	for (kind = 0; kind < WAITER_KINDS; kind++) {
		longest = 0;
		memset(calls, 0, sizeof(calls));
		memset(waits, 0, sizeof(waits));
		for (i = kind; i < s->waiters; i += WAITER_KINDS) {
			for (j = 0; j < ENDINGS; j++) {
				calls[j] += s->waiter[i].calls[j];
				waits[j] += s->waiter[i].waits[j];
			}
			if (s->waiter[i].longest_ms > longest)
				longest = s->waiter[i].longest_ms;
		}
		printf("# %-14s", waiter_name(kind));
		for (j = 0; j < BY_TIME; j++)
			printf(" %8llu/%-7llu", calls[j], waits[j]);
		printf("  %.0f ms\n", longest);
	}
	printf("# a wait is a call of %d ms or more\n", WAIT_MS);
	printf("# %llu kills, slowest %.0f ms; slowest kthread_stop() %u ms\n", s->kills,
	       s->slowest_kill_ms, s->slowest_stop_ms);
}

static int stress(struct stress *s, unsigned int seconds, pid_t nursery)
{
	struct waiter_thread threads[s->waiters];
	double end = now_ms() + seconds * 1e3;
	int status = -1, ret;
	unsigned int i;

	ret = ranges_start(s) ?: groups_start(s);
	for (i = 0; i < s->waiters && !ret; i++) {
		threads[i] = (struct waiter_thread){ s, &s->waiter[i], s->seed + 1000 + i };
		if (threads[i].waiter->kind != BY_PROCESS)
			ret = -pthread_create(&threads[i].thread, NULL, waiter_run, &threads[i]);
	}
	if (ret)
		return ret;
	while (!s->over && now_ms() < end)
		usleep(10000);
	s->over = true;

	/* To close a device there must be somebody who gives vaddrs back. */
	groups_stop(s);
	ranges_stop(s);
	for (i = 0; i < s->waiters; i++)
		if (threads[i].waiter->kind != BY_PROCESS)
			join_in_time(s, threads[i].thread, waiter_name(threads[i].waiter->kind));
	waitpid(nursery, &status, 0);
	result(!s->failed && !status, "everybody comes back, and nothing else is wrong");
	return 0;
}

/* What has to be as it was before. */
static void expect_nothing_left(struct stress *s, s64 pins, u32 avail)
{
	struct type1p_emulated_unmaps unmaps = { .pinned = ~0ULL };
	struct container_info info;
	u64 done = 0;

	result(!iova_unmap_flags(s->container, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, &done) &&
	       done == ranges_mapped(s), "all ranges are there");
	result(!container_info(s->container, &info) && info.avail == avail, "entries");
	result(!emulated_unmaps(s->devices[0].fd, &unmaps) && !unmaps.pinned && !unmaps.stalls,
	       "pages that the device holds");
	result(mem_locked() == 0, "locked memory");
	close(s->devices[0].fd);
	close(s->devices[0].group);
	close(s->container);
	result(pins_held() == pins, "pins");
	s->container = container_create(BACKEND_TYPE1P, VFIO_TYPE1v2_IOMMU, emulated_group(0),
					&s->devices[0].group);
	result(s->container >= 0, "the group is free for another container");
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		argp_options, parse_option, NULL,
		"Stress those who wait for invalid vaddrs, on the emulated devices of tests/kmod."
	};
	struct options o = {
		.seconds = 30, .seed = time(NULL), .ranges = 64, .waiters = 64, .patience = 30,
	};
	s64 pins = pins_held();
	struct container_info info = {};
	struct stress *s;
	pid_t nursery;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	setvbuf(stdout, NULL, _IOLBF, 0);
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return 1;
	*s = (struct stress){ .seed = o.seed, .ranges = o.ranges, .waiters = o.waiters,
			      .patience_ms = o.patience * 1e3 };
	printf("TAP version 13\n1..7\n# --seconds %u --seed %u\n", o.seconds, o.seed);
	ret = setup(s) ?: container_info(s->container, &info);
	if (!ret) {
		nursery = fork();
		if (!nursery)
			_exit(nursery_run(s));
		ret = nursery < 0 ? -errno : stress(s, o.seconds, nursery);
	}
	if (ret) {
		printf("Bail out! error %d: are module and emulated devices there?\n", ret);
		return 1;
	}
	report_waiters(s);
	ranges_report();
	groups_report();
	expect_nothing_left(s, pins, info.avail);
	time_limit(30000);
	return failures ? 1 : 0;
}
