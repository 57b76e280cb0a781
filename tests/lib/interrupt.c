// SPDX-License-Identifier: GPL-2.0-only
/* Ctrl-C and its like: noted, and acted upon where work can be left off safely. */
#include <signal.h>
#include <stddef.h>

#include "interrupt.h"

static int caught;

static void note(int signal)
{
	__atomic_store_n(&caught, signal, __ATOMIC_RELAXED);
}

void interrupt_catch(void)
{
	const struct sigaction action = { .sa_handler = note };
	struct sigaction old;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, &old);
	/* As nohup wants it. */
	if (old.sa_handler == SIG_IGN)
		sigaction(SIGHUP, &old, NULL);
	/* A reader of our output that leaves early must not cost the drivers. */
	signal(SIGPIPE, SIG_IGN);
}

int interrupted(void)
{
	return __atomic_load_n(&caught, __ATOMIC_RELAXED);
}
