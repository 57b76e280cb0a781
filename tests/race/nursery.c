// SPDX-License-Identifier: GPL-2.0-only
/* The process that brings up processes, kills them, and clears up after them. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kids.h"
#include "slot.h"

static struct kid kids[KIDS];
static pid_t pids[KIDS];

/* The last of them keeps containers of its own. */
#define LODGERS	(KIDS - 1)

static enum operation draw_mode(unsigned int nr, unsigned int *seed)
{
	enum operation mode;

	do
		mode = OP_KID_MAP + draw(seed, OP_KID_BIG - OP_KID_MAP + 1);
	while (!r->enabled[mode] && mode != OP_KID_MAP);
	if (mode == OP_KID_USE || mode == OP_KILL)
		mode = OP_KID_MAP;
	/* One at a time: this is no big machine. */
	return mode == OP_KID_BIG && nr ? OP_KID_MAP : mode;
}

static void draw_box(struct kid *k, unsigned int *seed)
{
	do
		k->box = &r->box[draw(seed, r->boxes)];
	while (k->box->quiet);
}

static pid_t bear(unsigned int nr, unsigned int *seed)
{
	struct kid *k = &kids[nr];
	enum operation mode = draw_mode(nr, seed);
	pid_t pid;

	if (nr == LODGERS && !r->enabled[OP_LIFE])
		return 0;
	draw_box(k, seed);
	k->seed = rand_r(seed);
	k->nr = nr;
	k->iova = KID_IOVA + nr * KID_STRIDE;
	pid = fork();
	if (pid)
		return pid;
	if (nr == LODGERS)
		lodger_run(k);
	kid_run(k, mode);
	_exit(0);
}

static void bury(struct seat *seat, unsigned int nr)
{
	struct kid *k = &kids[nr];
	int status = 0;
	u64 done = 0;

	if (pids[nr] <= 0)
		return;
	begin(seat, OP_KILL, k->box->nr, k->iova);
	kill(pids[nr], SIGKILL);
	waitpid(pids[nr], &status, 0);
	pids[nr] = 0;
	k->seat->busy += k->seat->busy % 2;
	judge(seat, iova_unmap(k->box->fd, k->iova, KID_STRIDE, &done), 0);
	if (done > (nr ? KID_PAGES * PAGE_4K : BIG_SIZE))
		violation(seat, "unmapped %llu bytes of a dead process", done);
	if (WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status) != SIGKILL)
		violation(seat, "a process has ended with status %#x", status);
	r->checks++;
}

static void pause_kids(struct seat *seat)
{
	unsigned int nr;

	for (nr = 0; nr < KIDS; nr++)
		bury(seat, nr);
	r->kids_paused = true;
	while (r->kids_pause && !r->over)
		usleep(2000);
	r->kids_paused = false;
}

int nursery_run(void)
{
	struct seat *seat = seat_take("nursery");
	unsigned int seed = r->seed + 7, nr;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* There are more threads than CPUs, and most of those are of one process. */
	setpriority(PRIO_PROCESS, 0, -5);
	for (nr = 0; nr < KIDS; nr++)
		kids[nr].seat = seat_take(nr == LODGERS ? "lodger" : "kid");
	while (!r->over) {
		if (r->kids_pause)
			pause_kids(seat);
		if (!r->enabled[OP_KID]) {
			usleep(5000);
			continue;
		}
		nr = draw(&seed, KIDS);
		bury(seat, nr);
		pids[nr] = bear(nr, &seed);
		usleep(draw(&seed, 100000));
	}
	for (nr = 0; nr < KIDS; nr++)
		bury(seat, nr);
	return 0;
}
