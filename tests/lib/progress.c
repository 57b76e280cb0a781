// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sign of life on stderr during anything that takes more than two seconds.
 * A thread of its own gives it, as one long ioctl may be what takes the time.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"

#define FIRST_AFTER	2	/* seconds */
#define NEXT_TERMINAL	1
#define NEXT_LOG	5

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool running;
	bool shown;			/* on a terminal, to be wiped */
	const char *what;
	u64 done;
	u64 total;
	unsigned int generation;
} state = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
};

static void show(unsigned int seconds, bool terminal)
{
	fprintf(stderr, "%s... %s: %u s", terminal ? "\r" : "", state.what, seconds);
	if (state.total)
		fprintf(stderr, ", %llu of %llu MiB", state.done >> 20, state.total >> 20);
	fputs(terminal ? "   " : "\n", stderr);
	state.shown = terminal;
}

/* By whoever goes on: what he prints next must not come before. */
static void wipe(void)
{
	if (state.shown)
		fputs("\r\033[K", stderr);
	state.shown = false;
}

/* Called and left with the lock held; returns when this piece of work is over. */
static void watch(bool terminal)
{
	const unsigned int generation = state.generation;
	unsigned int next = FIRST_AFTER;
	struct timespec start, when;

	clock_gettime(CLOCK_REALTIME, &start);
	for (;;) {
		when = start;
		when.tv_sec += next;
		while (state.generation == generation)
			if (pthread_cond_timedwait(&state.changed, &state.lock, &when))
				break;
		if (state.generation != generation)
			break;
		show(next, terminal);
		next += terminal ? NEXT_TERMINAL : NEXT_LOG;
	}
}

static void *watcher(void *unused)
{
	const bool terminal = isatty(STDERR_FILENO);

	pthread_mutex_lock(&state.lock);
	for (;;) {
		while (!state.what)
			pthread_cond_wait(&state.changed, &state.lock);
		watch(terminal);
	}
	return unused;
}

static void start_watcher(void)
{
	sigset_t all, old;
	pthread_t thread;

	/* Signals are for the thread that works. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	state.running = !pthread_create(&thread, NULL, watcher, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void progress_begin(const char *what, u64 total)
{
	pthread_mutex_lock(&state.lock);
	if (!state.running)
		start_watcher();
	wipe();
	state.what = what;
	state.total = total;
	state.done = 0;
	state.generation++;
	pthread_cond_signal(&state.changed);
	pthread_mutex_unlock(&state.lock);
}

void progress_add(u64 bytes)
{
	pthread_mutex_lock(&state.lock);
	state.done += bytes;
	pthread_mutex_unlock(&state.lock);
}

void progress_end(void)
{
	pthread_mutex_lock(&state.lock);
	wipe();
	state.what = NULL;
	state.generation++;
	pthread_cond_signal(&state.changed);
	pthread_mutex_unlock(&state.lock);
}
