// SPDX-License-Identifier: GPL-2.0-only
/* kill -9 in the midst of a big MAP, which then must leave nothing behind. */

#define KILL_SIZE	(1ULL << 30)
#define KILL_TIMES	20

FIXTURE(kill) {
	int fd;
	int group;
	s64 pins;
	unsigned int seed;
	void *mem;
};

TWO_BACKENDS(kill);

/* One file for all the kills, as its pages take long to come by. */
FIXTURE_SETUP(kill)
{
	int file = memfd_create("kill", 0);

	self->fd = container_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0,
				    &self->group);
	ASSERT_EQ(0, ftruncate(file, KILL_SIZE));
	self->mem = mmap(NULL, KILL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	self->seed = random_seed();
	self->pins = pins_held();
}

TEARDOWN_CONTAINER(kill)

static bool memory_for_all(void)
{
	return sysconf(_SC_AVPHYS_PAGES) * PAGE_4K > KILL_SIZE + 256 * SZ_1M;
}

/* Milliseconds that the MAP takes when nobody kills it. */
static double whole_map(struct __test_metadata *_metadata, struct _test_data_kill *self)
{
	double start = now_ms(), end;

	ASSERT_EQ(0, iova_map(self->fd, self->mem, ROOM_IOVA, KILL_SIZE));
	end = now_ms();
	EXPECT_EQ(KILL_SIZE, mem_locked());
	expect_unmap(_metadata, self->fd, ROOM_IOVA, KILL_SIZE, KILL_SIZE);
	EXPECT_EQ(self->pins, pins_held());
	return end - start;
}

/*
 * The victim shares our memory, so the charge that it leaves would be seen here;
 * the container is ours too, so what it leaves there would stay.
 */
TEST_F_TIMEOUT(kill, s4_killed_map_leaves_nothing, 170)
{
	struct map_job job = { self->fd, self->mem, ROOM_IOVA, KILL_SIZE, -1 };
	char *stack = touched(_metadata, SZ_1M);
	int i, interrupted = 0;
	double whole, first, at, died, worst = 0;
	pid_t victim;

	if (!memory_for_all())
		SKIP(return, "needs 1.25 GiB of free memory: --mem 3G");
	whole_map(_metadata, self);
	first = whole_map(_metadata, self);
	whole = first;
	for (i = 0; i < KILL_TIMES; i++) {
		at = rand_r(&self->seed) % 1000 * whole / 1000;
		victim = clone(map_and_exit, stack + SZ_1M, CLONE_VM | SIGCHLD, &job);
		ASSERT_GE(victim, 0);
		usleep(at * 1000);
		died = now_ms();
		kill(victim, SIGKILL);
		ASSERT_EQ(victim, waitpid(victim, NULL, 0));
		died = now_ms() - died;
		worst = died > worst ? died : worst;
		if (mem_locked()) {
			/* It was too late: then the MAP is there, all of it. */
			EXPECT_EQ(KILL_SIZE, mem_locked());
			whole = at;
			expect_unmap(_metadata, self->fd, ROOM_IOVA, KILL_SIZE, KILL_SIZE);
		} else {
			interrupted++;
		}
		EXPECT_EQ(0, mem_locked());
		EXPECT_EQ(self->pins, pins_held())
			TH_LOG("killed after %.1f ms", at);
		EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
	}
	ksft_print_msg("%s: MAP of 1 GiB in %.0f ms; killed %d times, %d in its midst\n",
		       backend_name(variant->backend), first, KILL_TIMES, interrupted);
	ksft_print_msg("dead after %.1f ms at most\n", worst);
	/* Else the moments were no moments of the MAP. */
	EXPECT_LE(KILL_TIMES / 4, interrupted);
	whole_map(_metadata, self);
}

/* The container goes with the victim. */
TEST_F_TIMEOUT(kill, s4_killed_map_and_its_container, 60)
{
	const u64 size = KILL_SIZE / 4;
	pid_t victim;
	int i, fd, group;

	close(self->group);
	close(self->fd);
	for (i = 0; i < 5; i++) {
		victim = fork();
		ASSERT_GE(victim, 0);
		if (!victim) {
			fd = container_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0,
					      &group);
			_exit(iova_map(fd, self->mem, ROOM_IOVA, size) ? 1 : 0);
		}
		usleep(rand_r(&self->seed) % 200000);
		kill(victim, SIGKILL);
		ASSERT_EQ(victim, waitpid(victim, NULL, 0));
		EXPECT_EQ(self->pins, pins_held());
	}
}
