// SPDX-License-Identifier: GPL-2.0-only
/* type1pctl top: long pieces of work, as they go on. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "container_json.h"
#include "ctl.h"
#include "text.h"

#define BAR_WIDTH	24

static struct {
	double interval;
	unsigned long count;		/* 0: until stopped */
} options = { .interval = 1 };

static volatile sig_atomic_t stopped;

struct pace {
	double rate;			/* bytes per second */
	double left;			/* seconds; negative if there is no telling */
};

static const struct job *find_job(const struct containers *all, u64 id, const struct job *like)
{
	int i, k;

	for (i = 0; i < all->count; i++) {
		const struct container *c = &all->list[i];

		for (k = 0; k < c->njobs && c->id == id; k++) {
			const struct job *j = &c->jobs[k];

			if (j->pid == like->pid && j->iova == like->iova &&
			    j->size == like->size && !strcmp(j->what, like->what) &&
			    j->elapsed_ns < like->elapsed_ns && j->done <= like->done)
				return j;
		}
	}
	return NULL;
}

/*
 * Since the last look, by the kernel's clock; since it began if this is the first look, or
 * if nothing has been done since: what is counted by pieces stands still at times.
 */
static struct pace pace_of(const struct containers *before, u64 id, const struct job *j)
{
	const struct job *old = find_job(before, id, j);
	struct pace p = { .left = -1 };
	u64 done, ns;

	if (old && old->done == j->done)
		old = NULL;
	done = j->done - (old ? old->done : 0);
	ns = j->elapsed_ns - (old ? old->elapsed_ns : 0);
	if (ns)
		p.rate = done * 1e9 / ns;
	if (p.rate > 0)
		p.left = (j->size - j->done) / p.rate;
	return p;
}

static void print_job(FILE *out, const struct job *j, const struct pace *p)
{
	char size[TEXT_LEN], rate[TEXT_LEN], left[TEXT_LEN] = "?", bar[BAR_WIDTH + 1];
	const double part = j->size ? (double)j->done / j->size : 0;
	int i;

	for (i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < part * BAR_WIDTH ? '#' : '.';
	bar[BAR_WIDTH] = '\0';
	if (p->left >= 0)
		seconds_text(p->left, left);
	fprintf(out,
		"  %-6s %#14llx  %9s  [%s] %3.0f %%  %9s/s  %s left  %u thread%s  process %d\n",
		j->what, j->iova, bytes_text(j->size, size), bar, part * 100,
		bytes_text(p->rate, rate), left, j->threads, j->threads == 1 ? "" : "s", j->pid);
}

static void print_container(FILE *out, const struct container *c, const struct containers *before)
{
	char mapped[TEXT_LEN], pinned[TEXT_LEN];
	int i;

	fprintf(out,
		"Container %llu, %d %s: %s mapped, %s pinned, %llu ranges, %llu invalid, %llu waiters\n",
		c->id, c->pid, c->comm, bytes_text(c->mapped_bytes, mapped),
		bytes_text(c->pinned_bytes, pinned), c->ranges, c->invalid_ranges, c->waiters);
	for (i = 0; i < c->njobs; i++) {
		const struct pace p = pace_of(before, c->id, &c->jobs[i]);

		print_job(out, &c->jobs[i], &p);
	}
}

static void print_all(FILE *out, const struct containers *all, const struct containers *before)
{
	const time_t now = time(NULL);
	char clock[16];
	int i, jobs = 0;

	for (i = 0; i < all->count; i++)
		jobs += all->list[i].njobs;
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&now));
	fprintf(out, "%s  %d container%s, %d running\n", clock, all->count,
		all->count == 1 ? "" : "s", jobs);
	for (i = 0; i < all->count; i++)
		print_container(out, &all->list[i], before);
}

/* On a terminal each picture takes the place of the last, as far as it has lines. */
static void show_picture(const char *text)
{
	struct winsize size = { };
	int lines = 0;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row)
		size.ws_row = 24;
	fputs("\033[H", stdout);
	for (; *text && lines < size.ws_row - 1; lines++) {
		const int len = strcspn(text, "\n");

		printf("%.*s\033[K\n", size.ws_col && len > size.ws_col ? size.ws_col : len, text);
		text += len + (text[len] == '\n');
	}
	fputs("\033[J", stdout);
}

static void show_text(const struct containers *all, const struct containers *before, bool terminal)
{
	char *text = NULL;
	size_t size;
	FILE *out;

	if (!terminal) {
		print_all(stdout, all, before);
		putchar('\n');
		return;
	}
	out = open_memstream(&text, &size);
	if (!out)
		return;
	print_all(out, all, before);
	fclose(out);
	show_picture(text);
	free(text);
}

static struct json_object *top_object(const struct container *c, const struct containers *before)
{
	struct json_object *o = container_object(c);
	struct json_object *jobs = json_object_new_array();
	int i;

	for (i = 0; i < c->njobs; i++) {
		const struct pace p = pace_of(before, c->id, &c->jobs[i]);
		struct json_object *j = job_object(&c->jobs[i]);

		put_number(j, "bytes_per_second", p.rate);
		json_object_object_add(j, "seconds_left",
				       p.left < 0 ? NULL : json_object_new_double(p.left));
		json_object_array_add(jobs, j);
	}
	json_object_object_add(o, "jobs", jobs);
	return o;
}

static void show_json(const struct containers *all, const struct containers *before)
{
	struct json_object *o = json_object_new_object();
	struct json_object *list = json_object_new_array();
	struct timespec now;
	int i;

	clock_gettime(CLOCK_REALTIME, &now);
	json_object_object_add(o, "time", json_object_new_double(now.tv_sec + now.tv_nsec / 1e9));
	for (i = 0; i < all->count; i++)
		json_object_array_add(list, top_object(&all->list[i], before));
	json_object_object_add(o, "containers", list);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void wait_interval(void)
{
	struct timespec time = {
		.tv_sec = options.interval,
		.tv_nsec = (options.interval - (time_t)options.interval) * 1e9,
	};

	nanosleep(&time, NULL);
}

static int watch(bool terminal)
{
	struct containers before = { }, now;
	unsigned long shown = 0;
	int status = EX_OK;

	while (!stopped) {
		status = containers_read(&now, false);
		if (status)
			break;
		if (want_json)
			show_json(&now, &before);
		else
			show_text(&now, &before, terminal);
		containers_free(&before);
		before = now;
		if (fflush(stdout) || ++shown == options.count)
			break;
		wait_interval();
	}
	containers_free(&before);
	return status;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	char *end;

	switch (key) {
	case 'i':
		options.interval = strtod(arg, &end);
		if (*end || !(options.interval >= 0.05 && options.interval <= 86400))
			argp_error(state, "an interval of '%s' seconds", arg);
		return 0;
	case 'n':
		options.count = strtoul(arg, &end, 10);
		if (*end || !options.count)
			argp_error(state, "a count of '%s'", arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option argp_options[] = {
	{ "interval", 'i', "SECONDS", 0, "Look every so often; default 1, at least 0.05" },
	{ "count", 'n', "N", 0, "End after N looks; default: go on until Ctrl-C" },
	{ }
};

static const char doc[] =
"Shows the long MAPs, UNMAPs, attaches and detaches that are running, by\n"
"container, with progress, rate, and the time that is left. On a terminal it\n"
"is redrawn in place; elsewhere, one look follows the other. With --json,\n"
"each is one line.\n"
"\vExit status: 0; 64 and up: nothing can be known (see type1pctl list --help).";

int cmd_top(int argc, char **argv)
{
	static const struct argp argp = { argp_options, parse, NULL, doc, json_child };
	const struct sigaction action = { .sa_handler = stop };
	bool terminal;
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	terminal = isatty(STDOUT_FILENO) && !want_json;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (terminal)
		fputs("\033[?25l\033[2J", stdout);
	status = watch(terminal);
	if (terminal)
		fputs("\033[?25h", stdout);
	return status;
}
