// SPDX-License-Identifier: GPL-2.0-only
/*
 * SPEC 11: ioctls that run while the last group leaves. The core holds nothing
 * for them, so the in-tree driver frees its data under a running call: known
 * upstream, may crash the machine, and so is not run here.
 */

CONTAINER_FIXTURE(race, VFIO_TYPE1v2_IOMMU)

#define RACE_CYCLES	60
#define RACE_SIZE	(64 * PAGE_4K)

#define NOT_IN_TREE	"in-tree, release() frees under a running ioctl"

struct hammer {
	int fd;
	void *mem;
	u64 iova;
	bool *stop;
	long calls;
	int strange;			/* an errno that has no place here */
	pthread_t thread;
};

/* -EINVAL is what an ioctl on a container without a backend gets. */
static void hammer_judge(struct hammer *hammer, int ret)
{
	if (ret && ret != -EINVAL && ret != -EEXIST)
		hammer->strange = ret;
	hammer->calls++;
}

static void *hammer_thread(void *arg)
{
	struct hammer *hammer = arg;
	struct container_info info;

	while (!__atomic_load_n(hammer->stop, __ATOMIC_ACQUIRE)) {
		hammer_judge(hammer, iova_map(hammer->fd, hammer->mem, hammer->iova, RACE_SIZE));
		hammer_judge(hammer, container_info(hammer->fd, &info));
		hammer_judge(hammer, iova_unmap(hammer->fd, hammer->iova, RACE_SIZE, NULL));
		container_check(hammer->fd, VFIO_DMA_CC_IOMMU);
	}
	return NULL;
}

static void race(struct __test_metadata *_metadata, struct _test_data_race *self, bool reopen)
{
	enum { THREADS = 3 };
	struct hammer hammers[THREADS];
	bool stop = false;
	long calls = 0;
	int i;

	for (i = 0; i < THREADS; i++) {
		hammers[i] = (struct hammer){ .fd = self->fd, .iova = i * SZ_1M, .stop = &stop };
		hammers[i].mem = touched(_metadata, RACE_SIZE);
		ASSERT_EQ(0, pthread_create(&hammers[i].thread, NULL, hammer_thread, &hammers[i]));
	}
	for (i = 0; i < RACE_CYCLES; i++) {
		usleep(rand() % 5000);
		if (reopen) {
			ASSERT_EQ(0, close(self->group));
			self->group = container_add_group(self->fd, test_group(_metadata, 0));
			ASSERT_GE(self->group, 0);
		} else {
			ASSERT_EQ(0, group_unset_container(self->group));
			ASSERT_EQ(0, group_set_container(self->group, self->fd));
		}
		ASSERT_EQ(0, container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < THREADS; i++) {
		pthread_join(hammers[i].thread, NULL);
		EXPECT_EQ(0, hammers[i].strange);
		calls += hammers[i].calls;
	}
	ksft_print_msg("%ld calls while the last group left %d times\n", calls, RACE_CYCLES);
	ASSERT_EQ(0, group_unset_container(self->group));
	EXPECT_EQ(0, mem_locked());
}

TEST_F_TIMEOUT(race, s11_ioctls_while_the_last_group_is_unset, 60)
{
	s64 pins = pins_held();

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, NOT_IN_TREE);
	race(_metadata, self, false);
	EXPECT_EQ(pins, pins_held());
}

TEST_F_TIMEOUT(race, s11_ioctls_while_the_last_group_is_closed, 60)
{
	s64 pins = pins_held();

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, NOT_IN_TREE);
	race(_metadata, self, true);
	EXPECT_EQ(pins, pins_held());
}

static void *leave_thread(void *arg)
{
	struct _test_data_race *self = arg;

	group_unset_container(self->group);
	return NULL;
}

/* The last group leaves under a MAP that waits for a page, which then comes. */
TEST_F(race, s11_last_group_leaves_under_a_waiting_map)
{
	s64 pins = pins_held();
	struct missing_page page;
	struct call *map;
	pthread_t leave;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, NOT_IN_TREE);
	missing_page(_metadata, &page, PAGE_4K);
	map = thread_maps(_metadata, self->fd, page.mem, PAGE_4K);
	ASSERT_TRUE(page_asked_for(&page, PATIENCE_MS));
	ASSERT_EQ(0, pthread_create(&leave, NULL, leave_thread, self));
	usleep(GLANCE_MS * 1000);
	page_fill(_metadata, &page);
	ASSERT_TRUE(call_end(map));
	ASSERT_EQ(0, pthread_join(leave, NULL));
	ksft_print_msg("the MAP's result is %d\n", map->ret);
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(pins, pins_held());
	ASSERT_EQ(0, group_set_container(self->group, self->fd));
	ASSERT_EQ(0, container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(0, iova_map(self->fd, touched(_metadata, PAGE_4K), 0, PAGE_4K));
}

/* All descriptors go away with the process, in the midst of a long MAP. */
TEST_F(race, s11_process_ends_with_calls_running)
{
	const u64 size = 64 * SZ_1M;
	s64 pins = pins_held();
	pid_t child;
	int i, fd, group;

	close(self->group);
	close(self->fd);
	for (i = 0; i < 10; i++) {
		child = fork();
		ASSERT_GE(child, 0);
		if (!child) {
			fd = container_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0,
					      &group);
			thread_maps(_metadata, fd, mem_alloc(size, MEM_4K), size);
			usleep(i * 3000);
			_exit(0);
		}
		waitpid(child, NULL, 0);
		EXPECT_EQ(pins, pins_held());
	}
}
