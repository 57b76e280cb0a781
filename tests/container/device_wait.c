// SPDX-License-Identifier: GPL-2.0-only
/*
 * SPEC 0 for drivers and dirty pages: who waits for a page of the user's delays
 * nobody else. The in-tree driver holds its one lock there.
 */

EMULATED_FIXTURE(device_wait, VFIO_TYPE1v2_IOMMU)

/* A driver reads what has to be faulted in. */
TEST_F(device_wait, s0_s10_read_that_waits)
{
	struct type1p_emulated_order order = {
		.op = TYPE1P_EMULATED_READ, .by = TYPE1P_EMULATED_KTHREAD, .size = PAGE_4K,
	};
	void *mem = touched(_metadata, PAGE_4K);
	struct missing_page page;
	struct others others;
	char byte = 0;
	int id;

	missing_page(_metadata, &page, PAGE_4K);
	ASSERT_EQ(0, iova_map(self->fd, page.mem, 0, PAGE_4K));
	ASSERT_EQ(0, iova_map(self->fd, mem, SZ_1M, PAGE_4K));
	id = emulated_start(self->device, &order);
	ASSERT_GE(id, 0);
	ASSERT_TRUE(page_asked_for(&page, PATIENCE_MS));
	others_start(_metadata, &others, self->fd);
	expect_progress(_metadata, variant->backend, &others);
	if (variant->backend == BACKEND_TYPE1P) {
		EXPECT_EQ(0, emulated_read(self->device, SZ_1M, &byte, 1));
		EXPECT_EQ(1, emulated_pin(self->device, SZ_1M, 1, EMULATED_READ, NULL));
	}
	EXPECT_EQ(-ETIMEDOUT, emulated_wait(self->device, id, 0));
	page_fill(_metadata, &page);
	EXPECT_EQ(0, emulated_wait(self->device, id, PATIENCE_MS));
	others_end(_metadata, &others);
	EXPECT_EQ(0, emulated_stop(self->device, id, NULL));
}

/* An UNMAP of that very range waits, and an INVALIDATE: for the driver reads there. */
TEST_F(device_wait, s8_s10_unmap_waits_for_the_read)
{
	struct type1p_emulated_order order = {
		.op = TYPE1P_EMULATED_READ, .by = TYPE1P_EMULATED_WORK, .size = PAGE_4K,
	};
	struct missing_page page;
	struct call *unmap;
	int id;

	missing_page(_metadata, &page, PAGE_4K);
	ASSERT_EQ(0, iova_map(self->fd, page.mem, 0, PAGE_4K));
	id = emulated_start(self->device, &order);
	ASSERT_GE(id, 0);
	ASSERT_TRUE(page_asked_for(&page, PATIENCE_MS));
	unmap = thread_unmaps(_metadata, self->fd, PAGE_4K);
	EXPECT_FALSE(wait_for(&unmap->done, GLANCE_MS));
	EXPECT_EQ(-ETIMEDOUT, emulated_wait(self->device, id, 0));
	page_fill(_metadata, &page);
	EXPECT_EQ(0, emulated_wait(self->device, id, PATIENCE_MS));
	ASSERT_TRUE(call_end(unmap));
	EXPECT_EQ(0, unmap->ret);
	EXPECT_EQ(PAGE_4K, unmap->unmapped);
	EXPECT_EQ(0, emulated_stop(self->device, id, NULL));
}

/* From when an IOMMU joins on, drivers' pins do not count, those of the waiting range either. */
TEST_F(device_wait, s7_s9_iommu_joins_an_unmap)
{
	struct type1p_emulated_order order = {
		.op = TYPE1P_EMULATED_READ, .by = TYPE1P_EMULATED_WORK,
		.iova = 3 * PAGE_4K, .size = PAGE_4K,
	};
	struct missing_page page;
	struct call *unmap;
	int id, iommu;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, "in-tree, everything waits for the read");
	missing_page(_metadata, &page, 4 * PAGE_4K);
	ASSERT_EQ(0, iova_map(self->fd, page.mem, 0, 4 * PAGE_4K));
	ASSERT_EQ(2, emulated_pin(self->device, 0, 2, EMULATED_READ, NULL));
	EXPECT_EQ(2 * PAGE_4K, mem_locked());
	id = emulated_start(self->device, &order);
	ASSERT_GE(id, 0);
	ASSERT_TRUE(page_asked_for(&page, PATIENCE_MS));
	unmap = thread_unmaps(_metadata, self->fd, 4 * PAGE_4K);
	EXPECT_FALSE(wait_for(&unmap->done, GLANCE_MS));
	iommu = iommu_joins(_metadata, self->fd);
	page_fill(_metadata, &page);
	EXPECT_EQ(0, emulated_wait(self->device, id, PATIENCE_MS));
	ASSERT_TRUE(call_end(unmap));
	EXPECT_EQ(0, unmap->ret);
	EXPECT_EQ(4 * PAGE_4K, unmap->unmapped);
	EXPECT_EQ(0, emulated_stop(self->device, id, NULL));
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(0, mem_locked());
	close(iommu);
}

/* And who ends an INVALIDATE that waits so leaves the vaddr valid. */
TEST_F(device_wait, s8_invalidate_is_killed)
{
	struct type1p_emulated_order order = {
		.op = TYPE1P_EMULATED_READ, .by = TYPE1P_EMULATED_WORK, .size = PAGE_4K,
	};
	struct missing_page page;
	pid_t child;
	int id;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	missing_page(_metadata, &page, PAGE_4K);
	ASSERT_EQ(0, iova_map(self->fd, page.mem, 0, PAGE_4K));
	ASSERT_EQ(0, iova_map(self->fd, page.mem, PAGE_4K, PAGE_4K));
	id = emulated_start(self->device, &order);
	ASSERT_GE(id, 0);
	ASSERT_TRUE(page_asked_for(&page, PATIENCE_MS));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		iova_unmap_flags(self->fd, 0, 0, UNMAP_VADDR | UNMAP_ALL, NULL);
		_exit(0);
	}
	usleep(GLANCE_MS * 1000);
	EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
	end(child);
	EXPECT_EQ(-EINVAL, iova_map_flags(self->fd, page.mem, 0, PAGE_4K, MAP_VADDR));
	EXPECT_EQ(-EINVAL, iova_map_flags(self->fd, page.mem, PAGE_4K, PAGE_4K, MAP_VADDR));
	page_fill(_metadata, &page);
	EXPECT_EQ(0, emulated_wait(self->device, id, PATIENCE_MS));
	EXPECT_EQ(0, emulated_stop(self->device, id, NULL));
	EXPECT_EQ(0, iova_unmap_flags(self->fd, 0, 0, UNMAP_VADDR | UNMAP_ALL, NULL));
}

/*
 * The last IOMMU leaves meanwhile, so that nobody finds pages any more: a driver
 * waits then, and does not run in circles; and the end of the process is no later.
 */
TEST_F(device_wait, s8_s9_iommu_leaves_an_invalidate)
{
	struct type1p_emulated_order order = {
		.op = TYPE1P_EMULATED_READ, .by = TYPE1P_EMULATED_WORK, .size = PAGE_4K,
	};
	struct type1p_emulated_status status;
	struct missing_page page;
	int iommu, first, second;
	double start;
	pid_t child;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	iommu = iommu_joins(_metadata, self->fd);
	page.mem = touched(_metadata, PAGE_4K);
	ASSERT_EQ(0, iova_map(self->fd, page.mem, 0, PAGE_4K));
	ASSERT_EQ(0, madvise(page.mem, PAGE_4K, MADV_DONTNEED));
	page.uffd = missing(_metadata, page.mem, PAGE_4K);
	first = emulated_start(self->device, &order);
	ASSERT_TRUE(page_asked_for(&page, PATIENCE_MS));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		close(iommu);
		iova_unmap_flags(self->fd, 0, PAGE_4K, UNMAP_VADDR, NULL);
		_exit(0);
	}
	usleep(GLANCE_MS * 1000);
	close(iommu);
	order.by = TYPE1P_EMULATED_KTHREAD;
	second = emulated_start(self->device, &order);
	EXPECT_EQ(-ETIMEDOUT, emulated_wait(self->device, second, GLANCE_MS));
	start = now_ms();
	EXPECT_EQ(0, emulated_stop(self->device, second, &status));
	EXPECT_EQ(-EINTR, status.last);
	end(child);
	EXPECT_GT(AT_ONCE_MS, now_ms() - start);
	page_fill(_metadata, &page);
	EXPECT_EQ(0, emulated_wait(self->device, first, PATIENCE_MS));
	EXPECT_EQ(0, emulated_stop(self->device, first, NULL));
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(0, mem_locked());
}

struct reader {
	int fd;
	void *bits;
	int ret;
	pthread_t thread;
};

static void *reader_thread(void *arg)
{
	struct reader *reader = arg;

	reader->ret = dirty_get(reader->fd, 0, 64 * PAGE_4K, reader->bits);
	return NULL;
}

/* Dirty bits go to where memory has to be faulted in; none of them is lost. */
TEST_F(device_wait, s0_s6_bitmap_that_waits)
{
	struct missing_page page;
	struct reader reader = { .fd = self->fd };
	struct others others;
	u64 bits = 0;

	missing_page(_metadata, &page, PAGE_4K);
	reader.bits = page.mem;
	ASSERT_EQ(0, iova_map(self->fd, touched(_metadata, 64 * PAGE_4K), 0, 64 * PAGE_4K));
	ASSERT_EQ(0, dirty_set(self->fd, DIRTY_START));
	EXPECT_EQ(0, emulated_write(self->device, PAGE_4K, "x", 1));
	ASSERT_EQ(0, pthread_create(&reader.thread, NULL, reader_thread, &reader));
	ASSERT_TRUE(page_asked_for(&page, PATIENCE_MS));
	others_start(_metadata, &others, self->fd);
	expect_progress(_metadata, variant->backend, &others);
	if (variant->backend == BACKEND_TYPE1P)
		EXPECT_EQ(0, emulated_write(self->device, 2 * PAGE_4K, "x", 1));
	page_fill(_metadata, &page);
	ASSERT_EQ(0, pthread_join(reader.thread, NULL));
	others_end(_metadata, &others);
	EXPECT_EQ(0, reader.ret);
	EXPECT_EQ(0, dirty_get(self->fd, 0, 64 * PAGE_4K, &bits));
	/* Each write is told once; told twice would not be wrong. */
	EXPECT_EQ(variant->backend == BACKEND_TYPE1P ? 6 : 2, (*(u64 *)page.mem | bits) & 6);
}
