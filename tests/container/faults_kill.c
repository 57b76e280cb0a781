// SPDX-License-Identifier: GPL-2.0-only
/*
 * kill -9 in the midst of an UNMAP, an attach and a detach: each is done in the end, or not
 * at all. The victim shares our memory and our container, so that what it left would be seen.
 */

#define FAULTS_KILLS	8
#define FAULTS_MAPPED	(2 * PIECE)

FIXTURE(faults_kill) {
	int fd;
	int group;			/* behind the IOMMU */
	int emulated;
	char *mem;
	unsigned int seed;
	s64 pins;
};

TWO_BACKENDS(faults_kill);

/* Mapped where no IOMMU is: to be pinned by whoever attaches one. */
FIXTURE_SETUP(faults_kill)
{
	u64 at;

	if (variant->backend == BACKEND_INTREE && kernel_has_lockdep())
		SKIP(return, "in-tree, lockdep reports a known deadlock");
	self->fd = emulated_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0,
				   &self->emulated);
	self->group = group_open(test_group(_metadata, 0));
	ASSERT_GE(self->group, 0);
	self->mem = mem_alloc(FAULTS_MAPPED, MEM_SHARED);
	ASSERT_NE(NULL, self->mem);
	/* No two pages side by side: all takes longer. */
	for (at = FAULTS_MAPPED; at; at -= PAGE_4K)
		self->mem[at - PAGE_4K] = 0x5a;
	self->seed = random_seed();
	self->pins = pins_held();
}

FIXTURE_TEARDOWN(faults_kill)
{
	close(self->group);
	close(self->emulated);
	close(self->fd);
}

struct victim {
	struct _test_data_faults_kill *self;
	int (*act)(struct _test_data_faults_kill *self);
};

static int victim_acts(void *arg)
{
	const struct victim *victim = arg;

	return victim->act(victim->self) ? 1 : 0;
}

static int faults_map(struct _test_data_faults_kill *self)
{
	return iova_map(self->fd, self->mem, HELPED_IOVA, FAULTS_MAPPED);
}

static int faults_unmap(struct _test_data_faults_kill *self)
{
	return iova_unmap(self->fd, HELPED_IOVA, FAULTS_MAPPED, NULL);
}

static int faults_attach(struct _test_data_faults_kill *self)
{
	return group_set_container(self->group, self->fd);
}

static int faults_detach(struct _test_data_faults_kill *self)
{
	return group_unset_container(self->group);
}

/* All pages are pinned and counted, or none are. */
static bool expect_all_or_none(struct __test_metadata *_metadata,
			       struct _test_data_faults_kill *self)
{
	s64 locked = mem_locked();

	EXPECT_TRUE(!locked || locked == FAULTS_MAPPED)
		TH_LOG("%lld bytes are locked", (long long)locked);
	EXPECT_EQ(self->pins + locked / (s64)PAGE_4K, pins_held());
	return locked;
}

/*
 * Kills who does it, again and again. @pinned: whether pages are pinned when it is done;
 * @undo: what makes it undone.
 */
static void kill_who(struct __test_metadata *_metadata, struct _test_data_faults_kill *self,
		     int (*act)(struct _test_data_faults_kill *self),
		     int (*undo)(struct _test_data_faults_kill *self), bool pinned)
{
	struct victim victim = { self, act };
	char *stack = touched(_metadata, SZ_1M);
	double whole = now_ms();
	int i, undone = 0;
	bool done;
	pid_t pid;

	ASSERT_EQ(0, act(self));
	whole = now_ms() - whole;
	EXPECT_EQ(pinned, expect_all_or_none(_metadata, self));
	ASSERT_EQ(0, undo(self));
	for (i = 0; i < FAULTS_KILLS; i++) {
		pid = clone(victim_acts, stack + SZ_1M, CLONE_VM | SIGCHLD, &victim);
		ASSERT_GE(pid, 0);
		usleep(rand_r(&self->seed) % 1000 * whole);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		done = expect_all_or_none(_metadata, self) == pinned;
		undone += !done;
		if (done)
			ASSERT_EQ(0, undo(self));
		EXPECT_EQ(!pinned, expect_all_or_none(_metadata, self));
	}
	ksft_print_msg("takes %.0f ms; killed %d times, %d not done\n", whole, FAULTS_KILLS,
		       undone);
	EXPECT_EQ(0, act(self));
	EXPECT_EQ(pinned, expect_all_or_none(_metadata, self));
}

TEST_F_TIMEOUT(faults_kill, s5_unmap, 120)
{
	ASSERT_EQ(0, faults_attach(self));
	ASSERT_EQ(0, faults_map(self));
	kill_who(_metadata, self, faults_unmap, faults_map, false);
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
}

TEST_F_TIMEOUT(faults_kill, s9_attach, 120)
{
	ASSERT_EQ(0, faults_map(self));
	kill_who(_metadata, self, faults_attach, faults_detach, true);
	EXPECT_EQ(ENTRY_LIMIT - 1, dma_avail(self->fd));
}

TEST_F_TIMEOUT(faults_kill, s9_detach, 120)
{
	ASSERT_EQ(0, faults_map(self));
	ASSERT_EQ(0, faults_attach(self));
	kill_who(_metadata, self, faults_detach, faults_attach, false);
	EXPECT_EQ(ENTRY_LIMIT - 1, dma_avail(self->fd));
}
