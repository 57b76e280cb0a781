// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/capability.h>

#include "limit.h"

static s64 left_over;

/* Read at each step: so no stdio, and one descriptor. */
static s64 locked(void)
{
	static int fd = -1;
	char text[4096];
	const char *at;
	ssize_t len;

	if (fd < 0)
		fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	len = pread(fd, text, sizeof(text) - 1, 0);
	text[len > 0 ? len : 0] = 0;
	at = strstr(text, "VmLck:");
	return at ? atoll(at + strlen("VmLck:")) * 1024 : 0;
}

void locked_begin(void)
{
	left_over = locked();
}

s64 locked_now(void)
{
	return locked() - left_over;
}

static void set_capability(bool on)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		abort();
	if (on)
		data[0].effective |= 1U << CAP_IPC_LOCK;
	else
		data[0].effective &= ~(1U << CAP_IPC_LOCK);
	if (syscall(SYS_capset, &header, data))
		abort();
}

void limit_set(u64 limit, s64 other)
{
	static bool limited;
	struct rlimit rlimit = { RLIM_INFINITY, RLIM_INFINITY };

	if (limit == ~0ULL && !limited)
		return;
	limited = limit != ~0ULL;
	if (limited)
		rlimit.rlim_cur = limit + other + left_over;
	if (setrlimit(RLIMIT_MEMLOCK, &rlimit))
		abort();
	set_capability(!limited);
}
