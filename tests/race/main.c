// SPDX-License-Identifier: GPL-2.0-only
/* The race: options, beginning, watch and end. */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "slot.h"

#define CHECK_EVERY_MS	4000
#define TELL_EVERY_MS	10000

struct race *r;

static struct worker workers[MAX_SEATS];
static unsigned int nr_workers;

static const struct argp_option argp_options[] = {
	{ "seconds", 'n', "N", 0, "how long (default 30)" },
	{ "seed", 's', "N", 0, "of all that is random (default: the time)" },
	{ "threads", 't', "N", 0, "that each map, unmap and check (default 4)" },
	{ "containers", 'c', "N", 0, "1 to 5 (default 4)" },
	{ "patience", 'p', "N", 0, "seconds till who has not returned is lost (default 60)" },
	{ "only", 'o', "OPERATION", 0, "besides map and unmap; repeatable" },
	{ "without", 'w', "OPERATION", 0, "leave that one out; repeatable" },
	{ "hotplug", 'h', NULL, 0, "take a CPU away and bring it back, again and again" },
	{ }
};

static enum operation find_op(struct argp_state *state, const char *name)
{
	enum operation op;

	for (op = 0; op < NR_OPS; op++)
		if (!strcmp(op_names[op], name))
			return op;
	printf("operations:");
	for (op = 0; op < NR_OPS; op++)
		printf(" %s", op_names[op]);
	printf("\n");
	argp_error(state, "%s: no such operation", name);
	return NR_OPS;
}

static void enable_only(enum operation op)
{
	static bool before;

	if (!before)
		memset(r->enabled, 0, sizeof(r->enabled));
	before = true;
	r->enabled[OP_MAP] = true;
	r->enabled[OP_UNMAP] = true;
	r->enabled[op] = true;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	unsigned int number = arg ? strtoul(arg, NULL, 0) : 0;

	switch (key) {
	case 'n':
		r->seconds = number;
		break;
	case 's':
		r->seed = number;
		break;
	case 't':
		r->threads = number;
		break;
	case 'c':
		r->boxes = number;
		break;
	case 'p':
		r->patience_ms = number * 1000;
		break;
	case 'o':
		enable_only(find_op(state, arg));
		break;
	case 'w':
		r->enabled[find_op(state, arg)] = false;
		break;
	case 'h':
		r->enabled[OP_HOTPLUG] = true;
		break;
	case ARGP_KEY_END:
		if (!r->seconds || !r->threads || r->threads > 32 || !r->boxes ||
		    r->boxes > MAX_BOXES || !r->patience_ms)
			argp_error(state, "a number is out of range");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static int start(const char *name, int nr, void *(*run)(void *))
{
	struct worker *w = &workers[nr_workers];

	*w = (struct worker){ seat_take(name), r->seed * 1000 + nr_workers, 0, nr };
	if (pthread_create(&w->thread, NULL, run, w))
		return -EAGAIN;
	nr_workers++;
	return 0;
}

static bool any(enum operation a, enum operation b)
{
	return r->enabled[a] || r->enabled[b];
}

static int start_all(void)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < r->threads; i++) {
		ret = ret ?: start("owner", i, act_run);
		if (r->enabled[OP_RACE])
			ret = ret ?: start("racer", i, racer_run);
		if (r->enabled[OP_FIGHT])
			ret = ret ?: start("fighter", i, fighter_run);
	}
	for (i = 0; i < r->boxes; i++)
		if (r->box[i].has_edu && any(OP_EDU, OP_EDU_RACE))
			ret = ret ?: start("edu", i, edu_run);
	if (any(OP_SWEEP, OP_SWEEP_VADDR))
		ret = ret ?: start("sweeper", 0, sweeper_run);
	if (r->enabled[OP_TRACK])
		ret = ret ?: start("tracker", 0, tracker_run);
	if (r->enabled[OP_VISIT])
		ret = ret ?: start("visitor", 0, visitor_run);
	if (r->enabled[OP_VISIT_IOMMU])
		ret = ret ?: start("edu-visitor", 0, visitor_iommu_run);
	if (r->enabled[OP_BIND])
		ret = ret ?: start("binder", 0, binder_run);
	if (r->enabled[OP_PARAM])
		ret = ret ?: start("parameters", 0, params_run);
	if (r->enabled[OP_UNLOAD])
		ret = ret ?: start("unloader", 0, unloader_run);
	if (r->enabled[OP_LOOK])
		ret = ret ?: start("onlooker", 0, reader_run);
	if (r->enabled[OP_HOTPLUG])
		ret = ret ?: start("hotplug", 0, hotplug_run);
	return ret;
}

/* There is no way to go on without one that does not come back. */
static void watch(void)
{
	struct seat *lost = seat_lost();

	if (!lost)
		return;
	printf("# VIOLATION: %s, %s, container %d, iova %#llx: no return for %u s\n", lost->name,
	       op_names[lost->op], lost->box, lost->iova, r->patience_ms / 1000);
	seats_dump();
	records_print();
	printf("not ok 1 - nobody is lost\nnot ok 2 - nothing left\n# --seed %u\n", r->seed);
	fflush(stdout);
	_exit(1);
}

static void tell(double start)
{
	static double next;

	if (now_ms() < next)
		return;
	next = now_ms() + TELL_EVERY_MS;
	printf("# %.0f s: %llu calls, %llu checks, %u times all looked at\n",
	       (now_ms() - start) / 1000, records_calls(), (u64)r->checks, r->checkpoints);
}

static void pause_all(void)
{
	r->pause = true;
	r->kids_pause = true;
	while ((r->paused < nr_workers || !r->kids_paused) && !r->over) {
		usleep(2000);
		watch();
	}
}

static void resume_all(void)
{
	r->kids_pause = false;
	r->pause = false;
	while (r->paused && !r->over)
		usleep(1000);
}

static void race(struct seat *seat)
{
	double start = now_ms(), end = start + r->seconds * 1e3, next = start + CHECK_EVERY_MS;
	unsigned int turn = 0;

	while (!r->over && now_ms() < end) {
		usleep(50000);
		watch();
		tell(start);
		if (now_ms() < next)
			continue;
		pause_all();
		if (!r->over)
			checkpoint(seat, ++turn % 3 == 0);
		resume_all();
		next = now_ms() + CHECK_EVERY_MS;
	}
	tell(start);
}

static void join_all(void)
{
	unsigned int i;

	r->over = true;
	for (i = 0; i < nr_workers; i++)
		while (pthread_tryjoin_np(workers[i].thread, NULL)) {
			usleep(5000);
			watch();
		}
}

static void join_kids(pid_t nursery)
{
	int status;

	while (!waitpid(nursery, &status, WNOHANG)) {
		usleep(5000);
		watch();
	}
	if (status)
		r->failed = true;
}

static int setup(void)
{
	int ret = boxes_open();

	/* Nobody gives vaddrs back while all stand still. */
	if (!ret)
		ret = backend_param(BACKEND_TYPE1P, "vaddr_timeout_ms", "1000");
	if (!ret)
		ret = slots_setup();
	return ret ?: fight_setup();
}

static int run(struct seat *seat)
{
	pid_t nursery;
	int ret = setup();

	if (ret)
		return ret;
	nursery = fork();
	if (!nursery)
		_exit(nursery_run());
	ret = start_all();
	if (ret)
		return ret;
	race(seat);
	join_all();
	join_kids(nursery);
	if (!r->failed) {
		r->over = false;
		checkpoint(seat, true);
	}
	slots_free();
	boxes_close();
	backend_param(BACKEND_TYPE1P, "vaddr_timeout_ms", "30000");
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		argp_options, parse_option, NULL,
		"All that can be done to containers, by many at once, and what devices find."
	};
	struct seat *seat;
	s64 pins;
	int ret;

	if (argc > 1 && !strcmp(argv[1], "--reborn"))
		return reborn(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r == MAP_FAILED)
		return 1;
	*r = (struct race){ .seed = time(NULL), .seconds = 30, .threads = 4, .boxes = 4,
			    .patience_ms = 60000, .pins = pins_held() };
	memset(r->enabled, true, sizeof(r->enabled));
	r->enabled[OP_HOTPLUG] = false;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	seat = seat_take("main");
	printf("TAP version 13\n1..2\n# --seconds %u --seed %u --threads %u --containers %u\n",
	       r->seconds, r->seed, r->threads, r->boxes);
	ret = run(seat);
	if (ret) {
		printf("Bail out! error %d: are module, edu and emulated devices there?\n", ret);
		return 1;
	}
	records_print();
	pins = pins_held();
	printf("%sok 1 - nothing that a device or a caller must not find\n",
	       r->failed ? "not " : "");
	if (r->failed)
		printf("# --seed %u\n", r->seed);
	ret = !r->failed && (pins != r->pins || mem_locked());
	printf("%sok 2 - nothing is left\n", ret ? "not " : "");
	return r->failed || ret;
}
