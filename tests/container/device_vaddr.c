// SPDX-License-Identifier: GPL-2.0-only
/*
 * SPEC 8 with emulated groups. The in-tree driver refuses to take a vaddr away
 * then; type1p lets drivers go on from pages that an IOMMU has pinned, and has
 * them wait, for a time, where there are none.
 */

EMULATED_FIXTURE(device_vaddr, VFIO_TYPE1v2_IOMMU)

#define VADDR_STAMP	0x7661000000000000ULL
#define VADDR_SIZE	(4 * PAGE_4K)

#define IN_TREE_REFUSES	"in-tree refuses to invalidate with emulated groups"

/* Memory that can be mapped twice. */
static void *shared_memory(struct __test_metadata *_metadata, int *file)
{
	void *mem;

	*file = memfd_create("vaddr", 0);
	ASSERT_GE(*file, 0);
	ASSERT_EQ(0, ftruncate(*file, VADDR_SIZE));
	mem = mmap(NULL, VADDR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, *file, 0);
	ASSERT_NE(MAP_FAILED, mem);
	emulated_stamp(mem, 0, VADDR_SIZE, VADDR_STAMP);
	return mem;
}

static void *again(struct __test_metadata *_metadata, int file)
{
	void *mem = mmap(NULL, VADDR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	ASSERT_NE(MAP_FAILED, mem);
	return mem;
}

static int replace(int fd, void *mem)
{
	return iova_map_flags(fd, mem, 0, VADDR_SIZE, MAP_VADDR);
}

static int invalidate(int fd)
{
	return iova_unmap_flags(fd, 0, VADDR_SIZE, UNMAP_VADDR, NULL);
}

static void set_timeout(struct __test_metadata *_metadata, const char *ms)
{
	ASSERT_EQ(0, param_write(BACKEND_TYPE1P, "vaddr_timeout_ms", ms));
}

static struct type1p_emulated_order look(enum type1p_emulated_op op, enum type1p_emulated_by by)
{
	return (struct type1p_emulated_order){
		.op = op, .by = by, .flags = TYPE1P_EMULATED_CHECK, .stamp = VADDR_STAMP,
		.prot = EMULATED_READ, .npages = 4, .size = VADDR_SIZE, .span = VADDR_SIZE,
	};
}

TEST_F(device_vaddr, s8_invalidate)
{
	int file, expected = variant->backend == BACKEND_TYPE1P ? 0 : -EBUSY;
	void *mem = shared_memory(_metadata, &file);
	int iommu;

	EXPECT_EQ(expected, iova_unmap_flags(self->fd, 0, 0, UNMAP_VADDR | UNMAP_ALL, NULL));
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, VADDR_SIZE));
	EXPECT_EQ(expected, invalidate(self->fd));
	EXPECT_EQ(expected ? -EINVAL : 0, replace(self->fd, again(_metadata, file)));
	iommu = iommu_joins(_metadata, self->fd);
	EXPECT_EQ(expected, invalidate(self->fd));
	EXPECT_EQ(expected ? -EINVAL : 0, replace(self->fd, mem));
	close(iommu);
	EXPECT_EQ(1, emulated_pin(self->device, 0, 1, EMULATED_READ, NULL));
}

/* No emulated group either may join while a range is invalid. */
TEST_F(device_vaddr, s8_s9_join_while_invalid)
{
	void *mem = touched(_metadata, VADDR_SIZE);
	int fd, group, emulated;

	close(self->device);
	close(self->group);
	self->device = -1;
	self->group = -1;
	fd = container_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0, &group);
	ASSERT_EQ(0, iova_map(fd, mem, 0, VADDR_SIZE));
	ASSERT_EQ(0, invalidate(fd));
	EXPECT_EQ(-EBUSY, container_add_group(fd, emulated_test_group(_metadata, 0)));
	ASSERT_EQ(0, replace(fd, mem));
	emulated = container_add_group(fd, emulated_test_group(_metadata, 0));
	EXPECT_GE(emulated, 0);
	close(emulated);
	close(group);
	close(fd);
}

/* An IOMMU would have to pin what has no vaddr. */
TEST_F(device_vaddr, s8_s9_iommu_joins_while_invalid)
{
	void *mem = touched(_metadata, VADDR_SIZE);
	int group = test_group(_metadata, 0), iommu;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, VADDR_SIZE));
	ASSERT_EQ(0, invalidate(self->fd));
	EXPECT_EQ(-EBUSY, container_add_group(self->fd, group));
	ASSERT_EQ(0, replace(self->fd, mem));
	iommu = container_add_group(self->fd, group);
	EXPECT_GE(iommu, 0);
	close(iommu);
}

/* Pins and accesses after a replace are of the new memory. */
TEST_F(device_vaddr, s8_new_memory_after_replace)
{
	u64 *old = touched(_metadata, VADDR_SIZE), *new = touched(_metadata, VADDR_SIZE), word = 0;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	*old = 1;
	*new = 2;
	ASSERT_EQ(0, iova_map(self->fd, old, 0, VADDR_SIZE));
	ASSERT_EQ(0, invalidate(self->fd));
	ASSERT_EQ(0, replace(self->fd, new));
	EXPECT_EQ(0, emulated_read(self->device, 0, &word, sizeof(word)));
	EXPECT_EQ(2, word);
	word = 0;
	EXPECT_EQ(1, emulated_pin(self->device, 0, 1, EMULATED_READ, &word));
	EXPECT_EQ(2, word);
}

/* The charge for what drivers have pinned goes to who replaces, and no more. */
TEST_F(device_vaddr, s7_s8_charge_moves)
{
	int file, ready[2], ret = -1;
	void *mem = shared_memory(_metadata, &file);
	pid_t child;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, VADDR_SIZE));
	ASSERT_EQ(2, emulated_pin(self->device, 0, 2, EMULATED_READ, NULL));
	EXPECT_EQ(2 * PAGE_4K, mem_locked());
	ASSERT_EQ(0, invalidate(self->fd));
	EXPECT_EQ(2 * PAGE_4K, mem_locked());
	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ret = replace(self->fd, mem);
		if (write(ready[1], &ret, sizeof(ret)) == sizeof(ret))
			pause();
		_exit(1);
	}
	EXPECT_EQ(sizeof(ret), read(ready[0], &ret, sizeof(ret)));
	EXPECT_EQ(0, ret);
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(2 * PAGE_4K, locked_of(child));
	EXPECT_EQ(0, emulated_unpin(self->device, 0, 1));
	EXPECT_EQ(PAGE_4K, locked_of(child));
	ASSERT_EQ(1, emulated_pin(self->device, 3 * PAGE_4K, 1, EMULATED_READ, NULL));
	EXPECT_EQ(2 * PAGE_4K, locked_of(child));
	EXPECT_EQ(0, mem_locked());
	end(child);
	EXPECT_EQ(-ENODEV, emulated_pin(self->device, 0, 1, EMULATED_READ, NULL));
}

/* What an IOMMU has pinned is there with or without a vaddr: nobody waits. */
TEST_F(device_vaddr, s8_served_from_the_iommus_pages)
{
	struct type1p_emulated_order order;
	struct type1p_emulated_status status;
	int file, iommu, id;
	void *mem = shared_memory(_metadata, &file);
	u64 words[4], word = 5;
	int i;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	set_timeout(_metadata, "0");
	iommu = iommu_joins(_metadata, self->fd);
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, VADDR_SIZE));
	order = look(TYPE1P_EMULATED_PIN, TYPE1P_EMULATED_KTHREAD);
	order.flags |= TYPE1P_EMULATED_LOOP;
	id = emulated_start(self->device, &order);
	ASSERT_GE(id, 0);
	ASSERT_EQ(0, dirty_set(self->fd, DIRTY_START));
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, invalidate(self->fd));
		munmap(mem, VADDR_SIZE);
		EXPECT_EQ(4, emulated_pin(self->device, 0, 4, EMULATED_READ, words));
		EXPECT_EQ(VADDR_STAMP + 3 * PAGE_4K, words[3]);
		EXPECT_EQ(0, emulated_read(self->device, PAGE_4K, &word, sizeof(word)));
		EXPECT_EQ(VADDR_STAMP + PAGE_4K, word);
		EXPECT_EQ(0, emulated_write(self->device, PAGE_4K + 8, &word, sizeof(word)));
		mem = again(_metadata, file);
		ASSERT_EQ(0, replace(self->fd, mem));
		EXPECT_EQ(0, emulated_unpin(self->device, 0, 4));
		EXPECT_EQ(VADDR_STAMP + PAGE_4K, ((u64 *)mem)[PAGE_4K / 8 + 1]);
	}
	usleep(20000);
	ASSERT_EQ(0, emulated_stop(self->device, id, &status));
	EXPECT_EQ(4, status.last);
	EXPECT_EQ(0, status.wrong);
	for (i = 1; i < TYPE1P_EMULATED_ERRNOS; i++)
		EXPECT_EQ(0, status.errors[i])
			TH_LOG("%s", strerror(i));
	ksft_print_msg("%llu pins, the longest %llu us\n", status.calls,
		       status.longest_ns / 1000);
	EXPECT_EQ(VADDR_SIZE, mem_locked());
	close(iommu);
}

/* Without pages a driver waits for the replace, whatever it is and wants. */
TEST_F(device_vaddr, s8_waits_for_the_replace)
{
	enum type1p_emulated_op op;
	enum type1p_emulated_by by;
	struct type1p_emulated_order order;
	u64 *old = touched(_metadata, VADDR_SIZE);
	void *new = stamped(_metadata, 0, VADDR_SIZE, VADDR_STAMP);
	struct type1p_emulated_status status;
	int id;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	ASSERT_EQ(0, iova_map(self->fd, old, 0, VADDR_SIZE));
	for (op = TYPE1P_EMULATED_PIN; op <= TYPE1P_EMULATED_READ; op += 2) {
		for (by = TYPE1P_EMULATED_KTHREAD; by <= TYPE1P_EMULATED_WORK; by++) {
			ASSERT_EQ(0, invalidate(self->fd));
			order = look(op, by);
			id = emulated_start(self->device, &order);
			ASSERT_GE(id, 0);
			EXPECT_EQ(-ETIMEDOUT, emulated_wait(self->device, id, 300));
			ASSERT_EQ(0, replace(self->fd, new));
			EXPECT_EQ(op == TYPE1P_EMULATED_PIN ? 4 : 0,
				  emulated_wait(self->device, id, PATIENCE_MS));
			ASSERT_EQ(0, emulated_stop(self->device, id, &status));
			EXPECT_EQ(0, status.wrong);
			if (op == TYPE1P_EMULATED_PIN)
				EXPECT_EQ(0, emulated_unpin(self->device, 0, 4));
		}
	}
	EXPECT_EQ(self->pins, pins_held());
}

/* But not for ever: -EAGAIN after the time limit, at once if that is 0. */
TEST_F(device_vaddr, s8_waits_to_the_time_limit)
{
	void *mem = touched(_metadata, VADDR_SIZE);
	double start;
	char byte;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	ASSERT_EQ(0, iova_map(self->fd, mem, PAGE_4K * 4, VADDR_SIZE));
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, VADDR_SIZE));
	ASSERT_EQ(0, invalidate(self->fd));
	set_timeout(_metadata, "0");
	start = now_ms();
	EXPECT_EQ(-EAGAIN, emulated_pin(self->device, 0, 1, EMULATED_READ, NULL));
	EXPECT_EQ(-EAGAIN, emulated_read(self->device, 0, &byte, 1));
	EXPECT_GT(AT_ONCE_MS, now_ms() - start);
	set_timeout(_metadata, "500");
	start = now_ms();
	EXPECT_EQ(-EAGAIN, emulated_pin(self->device, 0, 1, EMULATED_READ, NULL));
	EXPECT_LE(450, now_ms() - start);
	/* Another range is another matter. */
	set_timeout(_metadata, "20000");
	start = now_ms();
	EXPECT_EQ(1, emulated_pin(self->device, 4 * PAGE_4K, 1, EMULATED_READ, NULL));
	EXPECT_EQ(0, emulated_read(self->device, 4 * PAGE_4K, &byte, 1));
	EXPECT_GT(AT_ONCE_MS, now_ms() - start);
	EXPECT_EQ(self->pins + 1, pins_held());
}

/* An UNMAP ends the wait: there is nothing any more. */
TEST_F(device_vaddr, s8_unmap_ends_the_wait)
{
	struct type1p_emulated_order order = look(TYPE1P_EMULATED_PIN, TYPE1P_EMULATED_WORK);
	void *mem = touched(_metadata, VADDR_SIZE);
	int id;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, VADDR_SIZE));
	ASSERT_EQ(0, invalidate(self->fd));
	id = emulated_start(self->device, &order);
	ASSERT_GE(id, 0);
	EXPECT_EQ(-ETIMEDOUT, emulated_wait(self->device, id, 200));
	expect_unmap(_metadata, self->fd, 0, VADDR_SIZE, VADDR_SIZE);
	EXPECT_EQ(-EINVAL, emulated_wait(self->device, id, 2000));
	EXPECT_EQ(0, emulated_stop(self->device, id, NULL));
}

/* What was pinned earlier in the same call goes with the UNMAP, or is given back. */
TEST_F(device_vaddr, s8_unmap_of_what_the_same_call_pinned)
{
	struct type1p_emulated_order order = look(TYPE1P_EMULATED_PIN, TYPE1P_EMULATED_KTHREAD);
	void *mem = touched(_metadata, 2 * VADDR_SIZE);
	int id;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	ASSERT_EQ(0, iova_map(self->fd, mem, VADDR_SIZE, VADDR_SIZE));
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, VADDR_SIZE));
	ASSERT_EQ(0, iova_unmap_flags(self->fd, VADDR_SIZE, VADDR_SIZE, UNMAP_VADDR, NULL));
	order.npages = 8;
	id = emulated_start(self->device, &order);
	ASSERT_GE(id, 0);
	EXPECT_EQ(-ETIMEDOUT, emulated_wait(self->device, id, 200));
	/* Nothing stands in its way. */
	expect_unmap(_metadata, self->fd, 0, VADDR_SIZE, VADDR_SIZE);
	ASSERT_EQ(0, iova_map_flags(self->fd, mem, VADDR_SIZE, VADDR_SIZE, MAP_VADDR));
	EXPECT_EQ(-EINVAL, emulated_wait(self->device, id, PATIENCE_MS));
	EXPECT_EQ(0, emulated_stop(self->device, id, NULL));
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(0, mem_locked());
}

/* An INVALIDATE that is refused changes nothing, nor does anyone who waits notice. */
TEST_F(device_vaddr, s8_refused_invalidate)
{
	struct type1p_emulated_order order = look(TYPE1P_EMULATED_PIN, TYPE1P_EMULATED_KTHREAD);
	char *mem = stamped(_metadata, 0, 3 * VADDR_SIZE, VADDR_STAMP);
	const u32 all = UNMAP_VADDR | UNMAP_ALL;
	struct type1p_emulated_status status;
	u64 iova, done = 5;
	int id, i;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	for (iova = 0; iova < 3 * VADDR_SIZE; iova += VADDR_SIZE)
		ASSERT_EQ(0, iova_map(self->fd, mem + iova, iova, VADDR_SIZE));
	ASSERT_EQ(0, iova_unmap_flags(self->fd, VADDR_SIZE, VADDR_SIZE, UNMAP_VADDR, NULL));
	order.iova = VADDR_SIZE;
	id = emulated_start(self->device, &order);
	ASSERT_GE(id, 0);
	EXPECT_EQ(-ETIMEDOUT, emulated_wait(self->device, id, 100));
	set_timeout(_metadata, "0");
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, 0, 3 * VADDR_SIZE, UNMAP_VADDR,
						    &done));
		EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, 0, 0, all, &done));
		EXPECT_EQ(4, emulated_pin(self->device, 0, 4, EMULATED_READ, NULL));
		EXPECT_EQ(0, emulated_unpin(self->device, 0, 4));
		EXPECT_EQ(4, emulated_pin(self->device, 2 * VADDR_SIZE, 4, EMULATED_READ, NULL));
		EXPECT_EQ(0, emulated_unpin(self->device, 2 * VADDR_SIZE, 4));
	}
	EXPECT_EQ(5, done);
	EXPECT_EQ(-ETIMEDOUT, emulated_wait(self->device, id, 0));
	ASSERT_EQ(0, iova_map_flags(self->fd, mem + VADDR_SIZE, VADDR_SIZE, VADDR_SIZE, MAP_VADDR));
	EXPECT_EQ(4, emulated_wait(self->device, id, PATIENCE_MS));
	ASSERT_EQ(0, emulated_stop(self->device, id, &status));
	EXPECT_EQ(0, status.wrong);
	EXPECT_EQ(0, iova_unmap_flags(self->fd, 0, 0, all, &done));
	EXPECT_EQ(3 * VADDR_SIZE, done);
}

#define CANARY		0xc5
#define CANARY_SIZE	SZ_1M

/* Whether no byte of it was written since it was filled. */
static bool canary_lives(const u8 *mem)
{
	return mem[0] == CANARY && !memcmp(mem, mem + 1, CANARY_SIZE - 1);
}

/*
 * When INVALIDATE returns nobody is still writing there: the address may have got
 * other memory at once. Nor does anybody begin to, till there is a vaddr again.
 */
TEST_F_TIMEOUT(device_vaddr, s8_nothing_uses_the_old_vaddr, 60)
{
	struct type1p_emulated_order order = {
		.op = TYPE1P_EMULATED_WRITE, .by = TYPE1P_EMULATED_KTHREAD, .size = CANARY_SIZE,
		.flags = TYPE1P_EMULATED_LOOP | TYPE1P_EMULATED_STAMP, .stamp = VADDR_STAMP,
	};
	char *mem = touched(_metadata, CANARY_SIZE), *new;
	struct type1p_emulated_status status;
	unsigned int seed = random_seed();
	int round, thread, work;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, CANARY_SIZE));
	thread = emulated_start(self->device, &order);
	order.by = TYPE1P_EMULATED_WORK;
	work = emulated_start(self->device, &order);
	ASSERT_GE(thread, 0);
	ASSERT_GE(work, 0);
	for (round = 0; round < 60; round++) {
		usleep(rand_r(&seed) % 3000);
		ASSERT_EQ(0, iova_unmap_flags(self->fd, 0, CANARY_SIZE, UNMAP_VADDR, NULL));
		ASSERT_EQ(mem, mmap(mem, CANARY_SIZE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
		memset(mem, CANARY, CANARY_SIZE);
		new = touched(_metadata, CANARY_SIZE);
		ASSERT_TRUE(canary_lives((u8 *)mem))
			TH_LOG("round %d, while invalid", round);
		ASSERT_EQ(0, iova_map_flags(self->fd, new, 0, CANARY_SIZE, MAP_VADDR));
		ASSERT_TRUE(canary_lives((u8 *)mem))
			TH_LOG("round %d, after the replace", round);
		munmap(mem, CANARY_SIZE);
		mem = new;
	}
	usleep(100000);
	EXPECT_EQ(VADDR_STAMP, *(u64 *)mem);
	ASSERT_EQ(0, emulated_stop(self->device, thread, &status));
	EXPECT_EQ(0, status.last);
	EXPECT_LT(20, status.calls);
	ASSERT_EQ(0, emulated_stop(self->device, work, &status));
	EXPECT_EQ(0, status.last);
	ksft_print_msg("%llu writes by the work item\n", status.calls);
}
