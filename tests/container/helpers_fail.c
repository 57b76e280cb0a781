// SPDX-License-Identifier: GPL-2.0-only
/* A MAP with helpers fails as one without: the lowest error, and nothing is left. */

FIXTURE_HELPED(helped_failure)

/*
 * How deep in its piece a hole is: a helper that meets one at once is gone before anyone
 * has looked for it.
 */
#define DEPTH		(16 * SZ_1M)

static void expect_failure(struct __test_metadata *_metadata,
			   struct _test_data_helped_failure *self, int expected, char *mem)
{
	struct watch watch;
	int ret;

	watch_begin(_metadata, &watch);
	ret = iova_map(self->fd, mem, HELPED_IOVA, HELPED_SIZE);
	watch_end(_metadata, &watch);
	EXPECT_EQ(expected, ret);
	EXPECT_LT(0, watch.most);
	expect_nothing_left(_metadata, self->fd, self->pins);
}

/* What failed can be mapped as soon as nothing is wrong with it. */
static void expect_success(struct __test_metadata *_metadata,
			   struct _test_data_helped_failure *self, char *mem)
{
	EXPECT_EQ(0, iova_map(self->fd, mem, HELPED_IOVA, HELPED_SIZE));
	EXPECT_EQ(HELPED_SIZE, mem_locked());
	EXPECT_EQ(self->pins + HELPED_SIZE / PAGE_4K, pins_held());
	expect_unmap(_metadata, self->fd, HELPED_IOVA, HELPED_SIZE, HELPED_SIZE);
	expect_nothing_left(_metadata, self->fd, self->pins);
}

/* A page that is not to be had, in each piece that helpers may have. */
TEST_F_TIMEOUT(helped_failure, s4_hole, 60)
{
	char *mem = fresh(_metadata, HELPED_SIZE), *hole;
	int i;

	for (i = 1; i <= 2; i++) {
		hole = mem + PIECE_AT(i) + DEPTH;
		ASSERT_EQ(0, mprotect(hole, PAGE_4K, PROT_NONE));
		expect_failure(_metadata, self, -EFAULT, mem);
		ASSERT_EQ(0, mprotect(hole, PAGE_4K, PROT_READ | PROT_WRITE));
		/* To be faulted in again, so that there is work for helpers. */
		ASSERT_EQ(0, madvise(mem, HELPED_SIZE, MADV_DONTNEED));
	}
	expect_success(_metadata, self, mem);
}

TEST_F_TIMEOUT(helped_failure, s4_two_holes, 60)
{
	char *mem = fresh(_metadata, HELPED_SIZE), *hole = mem + PIECE_AT(1) + DEPTH;

	ASSERT_EQ(0, munmap(hole, PAGE_4K));
	ASSERT_EQ(0, munmap(hole + PIECE, PAGE_4K));
	expect_failure(_metadata, self, -EFAULT, mem);
	ASSERT_EQ(hole, mmap(hole, PIECE + PAGE_4K, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	/* A kernel without huge pages (RT of 6.1) does not know the advice. */
	ASSERT_TRUE(!madvise(hole, PIECE + PAGE_4K, MADV_NOHUGEPAGE) || errno == EINVAL);
	expect_success(_metadata, self, mem);
}

/* Whoever pins the last pages that fit: all of them do, and not one more. */
TEST_F_TIMEOUT(helped_failure, s7_limit_is_exact, 60)
{
	char *mem = fresh(_metadata, HELPED_SIZE);

	drop_ipc_lock(_metadata, HELPED_SIZE);
	expect_success(_metadata, self, mem);
	drop_ipc_lock(_metadata, HELPED_SIZE - PAGE_4K);
	ASSERT_EQ(0, madvise(mem, HELPED_SIZE, MADV_DONTNEED));
	expect_failure(_metadata, self, -ENOMEM, mem);
}

/* An attach that fails, by the limit or by a hole, leaves the container as it was. */
TEST_F_TIMEOUT(helped_failure, s9_attach, 60)
{
	char *mem = fresh(_metadata, HELPED_SIZE), *hole = mem + PIECE_AT(1);
	int group = test_group(_metadata, 0), emulated;

	close(self->group);
	self->group = -1;
	close(self->fd);
	self->fd = emulated_served(_metadata, BACKEND_TYPE1P, VFIO_TYPE1v2_IOMMU, 0, &emulated);
	ASSERT_EQ(0, param_write(BACKEND_TYPE1P, "max_threads", "2"));
	ASSERT_EQ(0, munmap(hole, PAGE_4K));
	ASSERT_EQ(0, iova_map(self->fd, mem, HELPED_IOVA, HELPED_SIZE));
	EXPECT_EQ(-EFAULT, container_add_group(self->fd, group));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
	ASSERT_EQ(hole, mmap(hole, PAGE_4K, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	self->group = container_add_group(self->fd, group);
	ASSERT_GE(self->group, 0);
	EXPECT_EQ(HELPED_SIZE, mem_locked());
	EXPECT_EQ(self->pins + HELPED_SIZE / PAGE_4K, pins_held());
	close(emulated);
}
