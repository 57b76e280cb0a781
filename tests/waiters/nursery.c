// SPDX-License-Identifier: GPL-2.0-only
/* The process that brings up those waiters that are to be killed, and kills them. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "call.h"

/* One life: it pins, for a process may read only its own memory. */
static void child_run(struct stress *s, struct waiter *waiter, unsigned int seed)
{
	int device = s->devices[0].fd;
	struct type1p_emulated_order order;
	unsigned int range;
	int ret;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		range = call_begin(s, waiter, &seed);
		order = call_order(&seed, TYPE1P_EMULATED_PIN, range);
		ret = emulated_order(device, &order);
		call_end(s, waiter, ret, now_ms() - waiter->began_ms);
		if (ret > 0)
			emulated_unpin(device, order.iova, order.npages);
		pause_us(&seed, 2000);
	}
}

static pid_t child_start(struct stress *s, struct waiter *waiter, unsigned int *seed)
{
	unsigned int own = rand_r(seed);
	pid_t child = fork();

	if (!child)
		child_run(s, waiter, own);
	if (child < 0)
		fail(s, "fork: error %d", errno);
	return child;
}

static void child_end(struct stress *s, struct waiter *waiter, pid_t child)
{
	double start = now_ms(), took = 0;

	kill(child, SIGKILL);
	while (!waitpid(child, NULL, WNOHANG)) {
		usleep(500);
		took = now_ms() - start;
		if (took < s->patience_ms)
			continue;
		fail(s, "range %u: a killed process does not die", waiter->range);
		_exit(1);
	}
	if (took > s->slowest_kill_ms)
		s->slowest_kill_ms = took;
	s->kills++;
	call_killed(waiter);
}

int nursery_run(struct stress *s)
{
	unsigned int seed = s->seed + 1, i;
	pid_t child[s->waiters];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 0; i < s->waiters; i++)
		child[i] = s->waiter[i].kind == BY_PROCESS ?
			   child_start(s, &s->waiter[i], &seed) : 0;
	while (!s->over) {
		pause_us(&seed, 20000);
		i = rand_r(&seed) % s->waiters;
		if (child[i] <= 0)
			continue;
		child_end(s, &s->waiter[i], child[i]);
		child[i] = child_start(s, &s->waiter[i], &seed);
	}
	for (i = 0; i < s->waiters; i++)
		if (child[i] > 0)
			child_end(s, &s->waiter[i], child[i]);
	return 0;
}
