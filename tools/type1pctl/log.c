// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel has logged of the module. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "log.h"

#define REFUSES		MODULE ": not loaded: "
/* A record, with its head and its tags; longer ones the kernel does not make. */
#define RECORD_LEN	8192

void log_refusal(char refusal[REFUSAL_LEN])
{
	const int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char record[RECORD_LEN];
	ssize_t len = 0;

	refusal[0] = '\0';
	/* EPIPE: records were overwritten before we came to read them. */
	while (fd >= 0 && ((len = read(fd, record, sizeof(record) - 1)) > 0 ||
			   (len < 0 && errno == EPIPE))) {
		const char *text;

		if (len < 0)
			continue;
		record[len] = '\0';
		record[strcspn(record, "\n")] = '\0';
		text = strstr(record, REFUSES);
		if (text)
			snprintf(refusal, REFUSAL_LEN, "%s", text + strlen(REFUSES));
	}
	if (fd >= 0)
		close(fd);
}
