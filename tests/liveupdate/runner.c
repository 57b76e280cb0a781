// SPDX-License-Identifier: GPL-2.0-only
/* One live update: the processes are started and waited for. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "../lib/interrupt.h"
#include "../lib/mem.h"
#include "judge.h"
#include "runner.h"
#include "vmm.h"

/* Without what is told on the command line. */
#define LIMIT_MS	120000
#define PINS_LIMIT_MS	5000

/* What an ended process held is given back a moment later. */
static s64 pins_left(s64 before)
{
	const u64 limit = now_ns() + PINS_LIMIT_MS * 1000000ULL;
	s64 left;

	while ((left = pins_held() - before) && now_ns() < limit)
		nap_ms(50);
	return left;
}

static struct state *prepare(const struct options *o, const struct setting *setting, enum way way,
			     enum mode mode, int *fd)
{
	struct state *s = state_create(fd);
	int i;

	if (!s)
		return NULL;
	s->way = way;
	s->mode = mode;
	s->hold_ms = o->hold_ms;
	s->devices = way == WAY_PAGES ? setting->devices : 0;
	for (i = 0; i < setting->devices; i++) {
		s->device[i] = setting->device[i];
		s->group[i] = setting->group[i];
	}
	return s;
}

/* Any of the group, and whoever of it has lost its parent, is a child of ours. */
static void note_end(struct state *s, int status)
{
	if (!s->error[0] && WIFSIGNALED(status))
		snprintf(s->error, sizeof(s->error), "a process was killed by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
}

static void kill_all(const struct state *s, pid_t group)
{
	int i;

	kill(-group, SIGKILL);
	for (i = 0; i < MAX_DEVICES; i++)
		if (s->driver[i] > 0)
			kill(s->driver[i], SIGKILL);
}

static int await_all(struct state *s, pid_t group, unsigned int limit_ms)
{
	const u64 limit = now_ns() + limit_ms * 1000000ULL;
	int status, ret = 0;
	pid_t ended;

	for (;;) {
		ended = waitpid(-1, &status, WNOHANG);
		if (ended < 0)
			return ret;
		if (ended > 0) {
			note_end(s, status);
			/* The others would only wait for it. */
			if (!WIFEXITED(status) || WEXITSTATUS(status))
				kill_all(s, group);
			continue;
		}
		if (!ret && interrupted())
			ret = -EINTR;
		if (!ret && now_ns() > limit)
			ret = state_fail(s, -ETIMEDOUT, "the update does not end");
		if (ret)
			kill_all(s, group);
		nap_ms(20);
	}
}

static pid_t begin(struct state *s, int fd)
{
	pid_t child = fork();

	if (!child) {
		setsid();
		state_fail(s, become(ROLE_START, fd), "cannot start a process");
		_exit(1);
	}
	return child;
}

int runner_run(const struct options *o, const struct setting *setting, enum way way,
	       enum mode mode, struct result *r)
{
	s64 pins = pins_held();
	struct state *s;
	pid_t child;
	int fd, ret;

	s = prepare(o, setting, way, mode, &fd);
	if (!s)
		return -errno;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	child = begin(s, fd);
	ret = child < 0 ? -errno : await_all(s, child, 2 * o->hold_ms + LIMIT_MS);
	*r = (struct result){ .state = *s };
	state_detach(s);
	close(fd);
	if (ret == -EINTR || child < 0)
		return ret;
	r->pinned_left = pins_left(pins);
	judge(o, r);
	return 0;
}
