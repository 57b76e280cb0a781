// SPDX-License-Identifier: GPL-2.0-only
/* Handing descriptors over: to this process's next program, or to another process. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include "vmm.h"

int become(const char *role, int fd)
{
	char option[32];

	snprintf(option, sizeof(option), "--%s=%d", role, fd);
	fcntl(fd, F_SETFD, 0);
	execl("/proc/self/exe", "type1p-live-update", option, NULL);
	return -errno;
}

static int by_exec(struct state *s)
{
	int i;

	for (i = 0; i < FDS; i++)
		if (s->fds[i] >= 0)
			fcntl(s->fds[i], F_SETFD, 0);
	return become(ROLE_CONTINUE, s->fds[FD_STATE]);
}

union rights {
	struct cmsghdr header;
	char space[CMSG_SPACE(FDS * sizeof(int))];
};

/* One byte goes along: without, rights do not travel. */
struct parcel {
	char byte;
	struct iovec data;
	union rights rights;
	struct msghdr message;
};

static int *parcel_init(struct parcel *p)
{
	*p = (struct parcel){ };
	p->data = (struct iovec){ .iov_base = &p->byte, .iov_len = 1 };
	p->message = (struct msghdr){
		.msg_iov = &p->data,
		.msg_iovlen = 1,
		.msg_control = &p->rights,
		.msg_controllen = sizeof(p->rights),
	};
	return (int *)CMSG_DATA(&p->rights.header);
}

static int send_all(const struct state *s, int socket)
{
	struct parcel parcel;
	int *fds = parcel_init(&parcel);
	int i, count = 0;

	for (i = 0; i < FDS; i++)
		if (s->fds[i] >= 0)
			fds[count++] = s->fds[i];
	parcel.rights.header = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(count * sizeof(int)),
	};
	parcel.message.msg_controllen = CMSG_SPACE(count * sizeof(int));
	return sendmsg(socket, &parcel.message, 0) == 1 ? 0 : -errno;
}

struct state *handover_receive(int socket)
{
	struct parcel parcel;
	int *fds = parcel_init(&parcel);
	struct state *s;
	int i, count = 0;

	if (recvmsg(socket, &parcel.message, MSG_CMSG_CLOEXEC) != 1 ||
	    parcel.message.msg_flags & MSG_CTRUNC || !parcel.message.msg_controllen)
		return NULL;
	close(socket);
	s = state_attach(fds[count++]);
	for (i = FD_STATE + 1; s && i < FDS; i++)
		if (s->fds[i] >= 0)
			s->fds[i] = fds[count++];
	return s;
}

static int by_socket(struct state *s)
{
	int ret, pair[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (!child) {
		state_fail(s, become(ROLE_RECEIVE, pair[1]), "cannot start the next process");
		_exit(1);
	}
	ret = send_all(s, pair[0]);
	if (!ret)
		_exit(0);
	return ret;
}

int handover(struct state *s)
{
	return s->mode == MODE_EXEC ? by_exec(s) : by_socket(s);
}
