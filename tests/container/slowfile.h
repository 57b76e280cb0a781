/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file whose pages come only when the test lets them: a page fault on it
 * lasts as long as one likes. It is a FUSE file system of one file, served by
 * a thread of the test itself; both backends can pin its pages for reading.
 */
#ifndef TYPE1P_TEST_SLOWFILE_H
#define TYPE1P_TEST_SLOWFILE_H

#include <semaphore.h>
#include <sys/uio.h>
#include <linux/fuse.h>

#include "fixture.h"

#define SLOW_MOUNT	"/tmp/type1p-slow"

struct slow_file {
	int fuse;
	u64 size;
	pthread_t server;
	sem_t asked;			/* a page was asked for */
	sem_t let;			/* it may come */
	char request[FUSE_MIN_READ_BUFFER + 4096];
};

/* No memory is allocated here: mmap() may have to wait for the fault that waits for us. */
static void slow_reply(struct slow_file *slow, int error, const void *data, size_t len)
{
	const struct fuse_in_header *in = (const void *)slow->request;
	struct fuse_out_header head = {
		.unique = in->unique,
		.error = error,
		.len = sizeof(head) + len,
	};
	struct iovec parts[] = { { &head, sizeof(head) }, { (void *)data, len } };

	if (writev(slow->fuse, parts, 2) < 0)
		ksft_print_msg("slow file: %s\n", strerror(errno));
}

/* What any page of the file holds, as far as the kernel reads ahead. */
static char slow_bytes[256 * 1024];

static void slow_read(struct slow_file *slow)
{
	const struct fuse_read_in *read_in = (const void *)(slow->request +
							    sizeof(struct fuse_in_header));

	sem_post(&slow->asked);
	sem_wait(&slow->let);
	slow_reply(slow, 0, slow_bytes, read_in->size);
}

static void slow_request(struct slow_file *slow)
{
	const struct fuse_in_header *in = (const void *)slow->request;
	/* Read asynchronously, for then one who waits can be killed. */
	const struct fuse_init_out init = {
		.major = 7,
		.minor = 31,
		.max_write = 4096,
		.max_readahead = 4096,
		.flags = FUSE_ASYNC_READ,
	};
	const struct fuse_open_out opened = {};
	const struct fuse_attr_out attr = {
		.attr = { .ino = 1, .size = slow->size, .mode = S_IFREG | 0644, .nlink = 1 },
	};

	switch (in->opcode) {
	case FUSE_INIT:
		return slow_reply(slow, 0, &init, sizeof(init));
	case FUSE_GETATTR:
		return slow_reply(slow, 0, &attr, sizeof(attr));
	case FUSE_OPEN:
		return slow_reply(slow, 0, &opened, sizeof(opened));
	case FUSE_READ:
		return slow_read(slow);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return;
	default:
		return slow_reply(slow, -ENOSYS, NULL, 0);
	}
}

static void *slow_server(void *arg)
{
	struct slow_file *slow = arg;

	/* Ends when the file system is unmounted. */
	while (read(slow->fuse, slow->request, sizeof(slow->request)) > 0)
		slow_request(slow);
	return NULL;
}

/* Where @size bytes of it are mapped, readable; NULL where FUSE is missing. */
static void *slow_file_map(struct __test_metadata *_metadata, struct slow_file *slow, u64 size)
{
	char options[64];
	struct stat st;
	void *mem;
	int file;

	if (access("/dev/fuse", F_OK))
		file = system("modprobe -q fuse");
	slow->fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (slow->fuse < 0)
		return NULL;
	slow->size = size;
	sem_init(&slow->asked, 0, 0);
	sem_init(&slow->let, 0, 0);
	file = open(SLOW_MOUNT, O_CREAT | O_RDONLY | O_CLOEXEC, 0600);
	close(file);
	snprintf(options, sizeof(options), "fd=%d,rootmode=100000,user_id=0,group_id=0",
		 slow->fuse);
	ASSERT_EQ(0, mount("type1p", SLOW_MOUNT, "fuse", MS_NOSUID | MS_NODEV, options));
	ASSERT_EQ(0, pthread_create(&slow->server, NULL, slow_server, slow));
	file = open(SLOW_MOUNT, O_RDONLY | O_CLOEXEC);
	ASSERT_GE(file, 0);
	/* The kernel asks for the size when somebody else does. */
	ASSERT_EQ(0, fstat(file, &st));
	umount2(SLOW_MOUNT, MNT_DETACH);
	mem = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, mem);
	close(file);
	return mem;
}

#endif
