// SPDX-License-Identifier: GPL-2.0-only
/* What the processes of one live update share. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>

#include "state.h"

struct state *state_attach(int fd)
{
	struct state *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (s == MAP_FAILED)
		return NULL;
	s->fds[FD_STATE] = fd;
	return s;
}

struct state *state_create(int *fd)
{
	struct state *s = NULL;
	int i;

	*fd = memfd_create("type1p-live-update", MFD_CLOEXEC);
	if (*fd < 0)
		return NULL;
	if (!ftruncate(*fd, sizeof(*s)))
		s = state_attach(*fd);
	if (!s)
		close(*fd);
	for (i = FD_STATE + 1; s && i < FDS; i++)
		s->fds[i] = -1;
	return s;
}

void state_detach(struct state *s)
{
	munmap(s, sizeof(*s));
}

int state_fail(struct state *s, int ret, const char *what)
{
	if (!s->error[0])
		snprintf(s->error, sizeof(s->error), "%s: %s", what, strerror(-ret));
	return ret;
}

enum phase state_phase(const struct state *s)
{
	return __atomic_load_n(&s->phase, __ATOMIC_ACQUIRE);
}

void state_enter(struct state *s, enum phase phase)
{
	s->phase_at[phase] = now_ns();
	__atomic_store_n(&s->phase, phase, __ATOMIC_RELEASE);
}

u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

void nap_ms(unsigned int ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}
