// SPDX-License-Identifier: GPL-2.0-only
/* type1pctl: finds the subcommand and hands over. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "status", cmd_status },
	{ "list", cmd_list },
	{ "top", cmd_top },
	{ "bind", cmd_bind },
	{ "unbind", cmd_unbind },
	{ "restore", cmd_restore },
	{ "enable", cmd_enable },
	{ "disable", cmd_disable },
	{ "check", cmd_check },
};

const char *argp_program_version = "type1pctl " TYPE1P_VERSION;

static const char doc[] =
"Looks after type1p, the parallel VFIO type1 backend.\n"
"\vCommands:\n"
"  status    whether type1p is loaded, and would serve a new container\n"
"  list      containers, who uses them, and what is mapped\n"
"  top       running MAPs and UNMAPs, live\n"
"  bind      give a device, with all of its IOMMU group, to vfio-pci\n"
"  unbind    take it from vfio-pci, and leave it without a driver\n"
"  restore   give it back to the drivers it had before\n"
"  enable    have modprobe load type1p from now on\n"
"  disable   no longer\n"
"  check     whether this host is ready, and what to do if not\n"
"\n"
"\"type1pctl COMMAND --help\" tells the rest, and so does type1pctl(8).";

bool want_json;

static error_t parse_json(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	(void)state;
	if (key != 'j')
		return ARGP_ERR_UNKNOWN;
	want_json = true;
	return 0;
}

static const struct argp_option json_options[] = {
	{ "json", 'j', NULL, 0, "Print JSON, for programs", -1 },
	{ }
};

static const struct argp json_argp = { json_options, parse_json };

const struct argp_child json_child[] = {
	{ &json_argp },
	{ }
};

int complain(int status, const char *format, ...)
{
	va_list args;

	fputs("type1pctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

bool is_root(void)
{
	if (!geteuid())
		return true;
	complain(0, "only root can do that (sudo type1pctl ...)");
	return false;
}

static int run(const struct command *c, int argc, char **argv)
{
	static char name[32];

	/* What argp prints in usage messages. */
	snprintf(name, sizeof(name), "type1pctl %s", c->name);
	argv[0] = name;
	return c->run(argc, argv);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	int *status = state->input;
	size_t i;

	switch (key) {
	case ARGP_KEY_ARG:
		for (i = 0; i < ARRAY_SIZE(commands); i++) {
			if (strcmp(arg, commands[i].name))
				continue;
			*status = run(&commands[i], state->argc - state->next + 1,
				      state->argv + state->next - 1);
			state->next = state->argc;
			return 0;
		}
		argp_error(state, "no such command: %s", arg);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int main(int argc, char **argv)
{
	static const struct argp argp = { NULL, parse, "COMMAND [OPTION...]", doc };
	int status = EX_SOFTWARE;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &status);
	/* A full disk or a closed pipe must not look like an answer. */
	if (fflush(stdout) || ferror(stdout))
		return complain(EX_IOERR, "cannot write: %s", strerror(errno));
	return status;
}
