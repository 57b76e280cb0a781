// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 10: drivers are told of an UNMAP, and let go of what they have pinned. */

EMULATED_FIXTURE(device_unmap, VFIO_TYPE1v2_IOMMU)

static void expect_told(struct __test_metadata *_metadata, int device, u64 calls, u64 iova,
			u64 size, u64 total)
{
	struct type1p_emulated_unmaps unmaps;

	ASSERT_EQ(0, emulated_unmaps(device, &unmaps));
	EXPECT_EQ(calls, unmaps.calls);
	EXPECT_EQ(iova, unmaps.iova);
	EXPECT_EQ(size, unmaps.size);
	EXPECT_EQ(total, unmaps.total);
	EXPECT_EQ(0, unmaps.stalls);
	EXPECT_EQ(0, unmaps.inside);
}

static void pin_one(struct __test_metadata *_metadata, int device, u64 iova)
{
	ASSERT_EQ(1, emulated_pin(device, iova, 1, PROT_RW_EMULATED, NULL));
}

/* The whole range is announced, whatever of it is pinned; and then it is gone. */
TEST_F(device_unmap, s10_told_of_the_range)
{
	void *mem = touched(_metadata, SZ_1M);

	ASSERT_EQ(0, iova_map(self->fd, mem, SZ_1M, SZ_1M));
	pin_one(_metadata, self->device, SZ_1M + 5 * PAGE_4K);
	pin_one(_metadata, self->device, SZ_1M + 5 * PAGE_4K);
	pin_one(_metadata, self->device, 2 * SZ_1M - PAGE_4K);
	expect_unmap(_metadata, self->fd, SZ_1M, SZ_1M, SZ_1M);
	expect_told(_metadata, self->device, 1, SZ_1M, SZ_1M, SZ_1M);
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(-EINVAL, emulated_pin(self->device, SZ_1M, 1, EMULATED_READ, NULL));
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
}

/* Only of ranges with pages pinned. */
TEST_F(device_unmap, s10_not_told_without_need)
{
	void *mem = touched(_metadata, SZ_1M);
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, iova_map(self->fd, mem, i * SZ_1M, SZ_1M));
	pin_one(_metadata, self->device, SZ_1M);
	EXPECT_EQ(0, emulated_unpin(self->device, SZ_1M, 1));
	expect_unmap(_metadata, self->fd, 0, 2 * SZ_1M, 2 * SZ_1M);
	expect_told(_metadata, self->device, 0, 0, 0, 0);
	EXPECT_EQ(0, emulated_write(self->device, 2 * SZ_1M, "x", 1));
	expect_unmap(_metadata, self->fd, 2 * SZ_1M, SZ_1M, SZ_1M);
	expect_told(_metadata, self->device, 0, 0, 0, 0);
}

/* Range by range, in their order. */
TEST_F(device_unmap, s10_told_range_by_range)
{
	void *mem = touched(_metadata, SZ_1M);
	u64 done;
	int i, all;

	for (all = 0; all < 2; all++) {
		for (i = 0; i < 4; i++)
			ASSERT_EQ(0, iova_map(self->fd, mem, i * SZ_1M, SZ_1M / 2));
		pin_one(_metadata, self->device, 0);
		pin_one(_metadata, self->device, 2 * SZ_1M);
		EXPECT_EQ(0, iova_unmap_flags(self->fd, 0, all ? 0 : 4 * SZ_1M,
					      all ? UNMAP_ALL : 0, &done));
		EXPECT_EQ(2 * SZ_1M, done);
		expect_told(_metadata, self->device, 2 + 2 * all, 2 * SZ_1M, SZ_1M / 2,
			    SZ_1M + all * SZ_1M);
		EXPECT_EQ(self->pins, pins_held());
	}
}

/* Every device of the container, for nobody knows which of them has pinned. */
TEST_F(device_unmap, s10_every_device_is_told)
{
	void *mem = touched(_metadata, SZ_1M);
	int group, device, deaf_group, deaf;

	device = emulated_join(_metadata, self->fd, 1, &group);
	deaf = emulated_join(_metadata, self->fd, EMULATED_DEAF, &deaf_group);
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	pin_one(_metadata, device, 0);
	expect_unmap(_metadata, self->fd, 0, SZ_1M, SZ_1M);
	expect_told(_metadata, self->device, 1, 0, SZ_1M, SZ_1M);
	expect_told(_metadata, device, 1, 0, SZ_1M, SZ_1M);
	expect_told(_metadata, deaf, 0, 0, 0, 0);

	/* Only while it is open. */
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	close(self->device);
	pin_one(_metadata, device, 0);
	self->device = emulated_open(self->group, 0);
	close(self->device);
	expect_unmap(_metadata, self->fd, 0, SZ_1M, SZ_1M);
	expect_told(_metadata, device, 2, 0, SZ_1M, 2 * SZ_1M);
	self->device = emulated_open(self->group, 0);
	expect_told(_metadata, self->device, 0, 0, 0, 0);
	close(deaf);
	close(deaf_group);
	close(device);
	close(group);
	EXPECT_EQ(self->pins, pins_held());
}

/* A driver that does not let go at once is asked again. */
TEST_F(device_unmap, s10_asked_again)
{
	const struct type1p_emulated_manners hesitant = { .ignore = 5 };
	void *mem = touched(_metadata, SZ_1M);

	ASSERT_EQ(0, emulated_behave(self->device, &hesitant));
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	pin_one(_metadata, self->device, 0);
	expect_unmap(_metadata, self->fd, 0, SZ_1M, SZ_1M);
	expect_told(_metadata, self->device, 6, 0, SZ_1M, 6 * SZ_1M);
	EXPECT_EQ(self->pins, pins_held());
}

/* And where it never does, it costs pages till it goes: not the machine. */
TEST_F(device_unmap, s0_s10_driver_that_never_lets_go)
{
	const struct type1p_emulated_manners rude = { .ignore = -1, .keep = 1 };
	void *mem = touched(_metadata, SZ_1M);
	u64 done = 0;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, "in-tree, that is a BUG()");
	ASSERT_EQ(0, emulated_behave(self->device, &rude));
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	ASSERT_EQ(2, emulated_pin(self->device, 0, 2, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(0, iova_unmap(self->fd, 0, SZ_1M, &done));
	EXPECT_EQ(SZ_1M, done);
	EXPECT_EQ(self->pins + 2, pins_held());
	/* The iova is free, and what was pinned there is not to be found again. */
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	pin_one(_metadata, self->device, 0);
	EXPECT_EQ(self->pins + 3, pins_held());
	close(self->device);
	close(self->group);
	self->device = -1;
	self->group = -1;
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(0, mem_locked());
}

/* What it keeps is locked memory, whether an IOMMU is there or not. */
TEST_F(device_unmap, s7_s10_kept_pins_count)
{
	const struct type1p_emulated_manners rude = { .ignore = -1, .keep = 1 };
	void *mem = touched(_metadata, SZ_1M);
	int iommu;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, "in-tree, that is a BUG()");
	ASSERT_EQ(0, emulated_behave(self->device, &rude));
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	iommu = iommu_joins(_metadata, self->fd);
	ASSERT_EQ(2, emulated_pin(self->device, 0, 2, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(SZ_1M, mem_locked());
	expect_unmap(_metadata, self->fd, 0, SZ_1M, SZ_1M);
	EXPECT_EQ(2 * PAGE_4K, mem_locked());
	EXPECT_EQ(self->pins + 2, pins_held());
	close(iommu);
	EXPECT_EQ(2 * PAGE_4K, mem_locked());
	iommu = iommu_joins(_metadata, self->fd);
	EXPECT_EQ(2 * PAGE_4K, mem_locked());
	close(self->device);
	close(self->group);
	self->device = -1;
	self->group = -1;
	close(iommu);
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(0, mem_locked());
}

/* Its group leaves while another keeps the container alive. */
TEST_F(device_unmap, s0_s10_pins_left_behind)
{
	const struct type1p_emulated_manners rude = { .keep = 1 };
	void *mem = touched(_metadata, SZ_1M);
	int group, device;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, "in-tree, a BUG() or a warning, and a leak");
	device = emulated_join(_metadata, self->fd, 1, &group);
	ASSERT_EQ(0, emulated_behave(device, &rude));
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	ASSERT_EQ(2, emulated_pin(device, 0, 2, PROT_RW_EMULATED, NULL));
	close(device);
	close(group);
	/* Others may still say so. */
	EXPECT_EQ(0, emulated_unpin(self->device, 0, 1));
	expect_unmap(_metadata, self->fd, 0, SZ_1M, SZ_1M);
	close(self->device);
	close(self->group);
	self->device = -1;
	self->group = -1;
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(0, mem_locked());
}

/*
 * Nothing is locked while a driver is in its callback: asking, mapping, pinning
 * and reading go on, and so does unmapping where nothing is pinned.
 */
TEST_F(device_unmap, s10_nothing_is_locked_meanwhile)
{
	const unsigned int ms = kernel_is_slow() ? 20000 : 2000;
	const struct type1p_emulated_manners slow = { .delay_ms = ms };
	char *mem = touched(_metadata, 4 * PAGE_4K), byte;
	struct type1p_emulated_unmaps unmaps;
	struct others others;
	struct call *call;
	double start;
	int i;

	ASSERT_EQ(0, emulated_behave(self->device, &slow));
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, PAGE_4K));
	ASSERT_EQ(0, iova_map(self->fd, mem + PAGE_4K, SZ_1M, PAGE_4K));
	pin_one(_metadata, self->device, 0);
	call = thread_unmaps(_metadata, self->fd, PAGE_4K);
	do {
		ASSERT_EQ(0, emulated_unmaps(self->device, &unmaps));
	} while (!unmaps.inside);

	start = now_ms();
	others_start(_metadata, &others, self->fd);
	for (i = 0; i < ENOUGH; i++) {
		EXPECT_EQ(1, emulated_pin(self->device, SZ_1M, 1, PROT_RW_EMULATED, NULL));
		EXPECT_EQ(0, emulated_read(self->device, SZ_1M, &byte, 1));
		EXPECT_EQ(0, emulated_unpin(self->device, SZ_1M, 1));
	}
	EXPECT_TRUE(wait_for(&others.enough, ms * 3 / 4));
	ASSERT_EQ(0, emulated_unmaps(self->device, &unmaps));
	EXPECT_EQ(1, unmaps.inside)
		TH_LOG("it took %.0f ms", now_ms() - start);
	others_end(_metadata, &others);
	EXPECT_TRUE(call_end(call));
	EXPECT_EQ(0, call->ret);
	EXPECT_EQ(self->pins, pins_held());
}

/*
 * Real drivers hold a lock across vfio_pin_pages() that their callback takes: a
 * pin must never wait for the UNMAP that waits for the driver. In the in-tree
 * driver as many new pins as an UNMAP has retries are a BUG().
 */
TEST_F_TIMEOUT(device_unmap, s10_pins_and_unmaps_at_once, 60)
{
	const struct type1p_emulated_order loop = {
		.op = TYPE1P_EMULATED_PIN, .by = TYPE1P_EMULATED_KTHREAD,
		.flags = TYPE1P_EMULATED_LOOP, .prot = PROT_RW_EMULATED,
		.npages = 8, .span = 16 * PAGE_4K,
	};
	struct type1p_emulated_status status[2];
	void *mem = touched(_metadata, 16 * PAGE_4K);
	struct type1p_emulated_unmaps unmaps;
	int job[2], i;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, "in-tree, that may be a BUG()");
	for (i = 0; i < 2; i++) {
		job[i] = emulated_start(self->device, &loop);
		ASSERT_GE(job[i], 0);
	}
	for (i = 0; i < 300; i++) {
		ASSERT_EQ(0, iova_map(self->fd, mem, 0, 16 * PAGE_4K));
		usleep(i % 4 * 500);
		expect_unmap(_metadata, self->fd, 0, 16 * PAGE_4K, 16 * PAGE_4K);
	}
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, emulated_stop(self->device, job[i], &status[i]));
		EXPECT_LT(status[i].errors[EINVAL], status[i].calls);
		ksft_print_msg("%llu pins, %llu of them of nothing, the longest %llu us\n",
			       status[i].calls, status[i].errors[EINVAL],
			       status[i].longest_ns / 1000);
	}
	ASSERT_EQ(0, emulated_unmaps(self->device, &unmaps));
	EXPECT_EQ(0, unmaps.stalls);
	EXPECT_EQ(0, unmaps.pinned);
	ksft_print_msg("%llu callbacks for 300 unmaps\n", unmaps.calls);
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(0, mem_locked());
}

/* A driver unpins what another thread of it is just pinning. */
TEST_F_TIMEOUT(device_unmap, s10_unpinned_while_it_is_pinned, 60)
{
	struct type1p_emulated_order loop = {
		.by = TYPE1P_EMULATED_KTHREAD, .flags = TYPE1P_EMULATED_LOOP,
		.prot = PROT_RW_EMULATED, .npages = 8, .span = 8 * PAGE_4K, .size = 8 * PAGE_4K,
	};
	struct type1p_emulated_status status;
	void *mem = touched(_metadata, 8 * PAGE_4K);
	int job[4], i;

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, 8 * PAGE_4K));
	for (i = 0; i < 4; i++) {
		loop.op = i % 2 ? TYPE1P_EMULATED_UNPIN : TYPE1P_EMULATED_PIN;
		job[i] = emulated_start(self->device, &loop);
		ASSERT_GE(job[i], 0);
	}
	sleep(2);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, emulated_stop(self->device, job[i], &status));
		/* To pin returns how many, to unpin 0. */
		EXPECT_LT(0, status.calls);
		EXPECT_EQ(i % 2 ? 0 : 8, status.last);
	}
	expect_unmap(_metadata, self->fd, 0, 8 * PAGE_4K, 8 * PAGE_4K);
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(0, mem_locked());
}

/* The end of the device ends its work, and gives back what it had. */
TEST_F(device_unmap, s10_close_in_mid_work)
{
	struct type1p_emulated_order loop = {
		.op = TYPE1P_EMULATED_PIN, .flags = TYPE1P_EMULATED_LOOP, .npages = 16,
		.prot = PROT_RW_EMULATED, .span = SZ_1M,
	};
	void *mem = touched(_metadata, SZ_1M);
	int i;

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	for (i = 0; i < 10; i++) {
		loop.by = i % 2 ? TYPE1P_EMULATED_KTHREAD : TYPE1P_EMULATED_WORK;
		loop.op = i % 4 < 2 ? TYPE1P_EMULATED_PIN : TYPE1P_EMULATED_READ;
		loop.size = PAGE_4K;
		ASSERT_GE(emulated_start(self->device, &loop), 0);
		ASSERT_GE(emulated_start(self->device, &loop), 0);
		pin_one(_metadata, self->device, 0);
		usleep(10000);
		close(self->device);
		EXPECT_EQ(self->pins, pins_held());
		EXPECT_EQ(0, mem_locked());
		self->device = emulated_open(self->group, 0);
		ASSERT_GE(self->device, 0);
	}
}
