// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory with pages that userfaultfd provides, or that are a slow file's. A helper that
 * is a thread of the process waits for them as its caller does; a thread of the kernel
 * leaves such a piece to the caller.
 */

FIXTURE_HELPED(helped_wait)

/* The last pages of every piece are missing until the server is let provide them. */
#define MISSING_PAGES	8

struct provider {
	int uffd;
	char *mem;
	int provided;
	int error;
	pthread_t thread;
};

/* Of each piece, the end in the memory. */
static u64 missing_at(int piece)
{
	u64 end = piece < 2 ? PIECE_AT(piece + 1) : HELPED_SIZE;

	return end - MISSING_PAGES * PAGE_4K;
}

static void missing_ends(struct __test_metadata *_metadata, struct provider *p)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int i;

	p->mem = fresh(_metadata, HELPED_SIZE);
	p->uffd = missing(_metadata, p->mem + missing_at(0), MISSING_PAGES * PAGE_4K);
	for (i = 1; i < 3; i++) {
		reg.range.start = (uintptr_t)p->mem + missing_at(i);
		reg.range.len = MISSING_PAGES * PAGE_4K;
		ASSERT_EQ(0, ioctl(p->uffd, UFFDIO_REGISTER, &reg));
	}
}

/* Each page begins with its own address. Ends when all of them have been asked for. */
static void *provide(void *arg)
{
	static u64 page[PAGE_4K / sizeof(u64)];
	struct uffdio_copy copy = { .src = (uintptr_t)page, .len = PAGE_4K };
	struct provider *p = arg;
	struct pollfd poll_in = { .fd = p->uffd, .events = POLLIN };
	struct uffd_msg msg;

	while (p->provided < 3 * MISSING_PAGES && poll(&poll_in, 1, PATIENCE_MS) == 1) {
		if (read(p->uffd, &msg, sizeof(msg)) != sizeof(msg))
			continue;
		copy.dst = msg.arg.pagefault.address & -PAGE_4K;
		page[0] = copy.dst;
		if (ioctl(p->uffd, UFFDIO_COPY, &copy))
			p->error = errno;
		else
			p->provided++;
	}
	return NULL;
}

static struct call *map_starts(struct __test_metadata *_metadata, int fd, struct provider *p)
{
	struct call what = {
		.fd = fd,
		.mem = p->mem,
		.iova = HELPED_IOVA,
		.size = HELPED_SIZE,
		.prot = PROT_DMA,
	};
	struct pollfd poll_in = { .fd = p->uffd, .events = POLLIN };
	struct call *call = call_start(_metadata, what);

	EXPECT_EQ(1, poll(&poll_in, 1, PATIENCE_MS));
	return call;
}

static void expect_provided(struct __test_metadata *_metadata, struct provider *p)
{
	int i, page, wrong = 0;
	char *at;

	for (i = 0; i < 3; i++)
		for (page = 0; page < MISSING_PAGES; page++) {
			at = p->mem + missing_at(i) + page * PAGE_4K;
			wrong += *(u64 *)at != (uintptr_t)at;
		}
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(0, p->error);
	EXPECT_EQ(3 * MISSING_PAGES, p->provided);
}

static void map_of_missing(struct __test_metadata *_metadata,
			   struct _test_data_helped_wait *self)
{
	struct provider p = {};
	struct watch watch;
	struct call *map;

	missing_ends(_metadata, &p);
	watch_begin(_metadata, &watch);
	map = map_starts(_metadata, self->fd, &p);
	EXPECT_FALSE(wait_for(&map->done, GLANCE_MS));
	ASSERT_EQ(0, pthread_create(&p.thread, NULL, provide, &p));
	ASSERT_TRUE(call_end(map));
	pthread_join(p.thread, NULL);
	watch_end(_metadata, &watch);
	EXPECT_EQ(0, map->ret);
	EXPECT_LT(0, watch.most);
	expect_provided(_metadata, &p);
	EXPECT_EQ(HELPED_SIZE, mem_locked());
	EXPECT_EQ(self->pins + HELPED_SIZE / PAGE_4K, pins_held());
	expect_unmap(_metadata, self->fd, HELPED_IOVA, HELPED_SIZE, HELPED_SIZE);
	expect_nothing_left(_metadata, self->fd, self->pins);
}

TEST_F_TIMEOUT(helped_wait, s0_s4_userfaultfd, 90)
{
	map_of_missing(_metadata, self);
}

/* What a helper had to leave is not charged twice. */
TEST_F_TIMEOUT(helped_wait, s0_s7_userfaultfd_and_an_exact_limit, 90)
{
	drop_ipc_lock(_metadata, HELPED_SIZE);
	map_of_missing(_metadata, self);
}

/* A process that waits in a MAP, and whose helpers wait, or it waits for them. */
static void expect_killed_at_once(struct __test_metadata *_metadata,
				  struct _test_data_helped_wait *self, pid_t child)
{
	double died;

	usleep(4 * GLANCE_MS * 1000);
	EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
	died = now_ms();
	kill(child, SIGKILL);
	EXPECT_EQ(SIGKILL, child_status(child, 0));
	EXPECT_GT(AT_ONCE_MS, now_ms() - died);
	expect_nothing_left(_metadata, self->fd, self->pins);
	EXPECT_TRUE(helpers_gone(child));
}

/* Nobody provides the pages, and all who wait for them die. */
TEST_F_TIMEOUT(helped_wait, s0_s4_killed, 60)
{
	struct provider p = {};
	pid_t child;

	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		missing_ends(_metadata, &p);
		_exit(-iova_map(self->fd, p.mem, HELPED_IOVA, HELPED_SIZE));
	}
	ASSERT_TRUE(helper_comes(child));
	expect_killed_at_once(_metadata, self, child);
}

/* The first page of the piece that a helper gets comes from a process that does not hurry. */
TEST_F_TIMEOUT(helped_wait, s0_s4_slow_file, 60)
{
	char *mem = fresh(_metadata, HELPED_SIZE), *at = mem + PIECE_AT(1);
	struct slow_file slow;
	pid_t child;
	void *page;

	page = slow_file_map(_metadata, &slow, PAGE_4K);
	if (!page)
		SKIP(return, "this kernel has no FUSE");
	ASSERT_EQ(at, mremap(page, PAGE_4K, PAGE_4K, MREMAP_MAYMOVE | MREMAP_FIXED, at));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(-iova_map_flags(self->fd, mem, HELPED_IOVA, HELPED_SIZE,
				      VFIO_DMA_MAP_FLAG_READ));
	}
	ASSERT_TRUE(wait_for(&slow.asked, PATIENCE_MS));
	expect_killed_at_once(_metadata, self, child);
	sem_post(&slow.let);
}
