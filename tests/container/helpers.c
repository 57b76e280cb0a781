// SPDX-License-Identifier: GPL-2.0-only
/*
 * Helpers come when work is long, do it right, and go. They are ours alone: the
 * in-tree driver has none.
 */

/* For threads of the kernel to come, an UNMAP has to be long. */
#define LONG_SIZE	(4 * PIECE)

FIXTURE(helpers) {
	int fd;
	int group;
	s64 pins;
};

FIXTURE_VARIANT(helpers) {
	const char *max_threads;
	bool come;
};

FIXTURE_VARIANT_ADD(helpers, automatic) { .max_threads = "0", .come = true };
FIXTURE_VARIANT_ADD(helpers, two) { .max_threads = "2", .come = true };
FIXTURE_VARIANT_ADD(helpers, none) { .max_threads = "1" };

FIXTURE_SETUP(helpers)
{
	if (!has_two_cpus())
		SKIP(return, "needs two CPUs");
	self->fd = container_helped(_metadata, &self->group);
	ASSERT_EQ(0, param_write(BACKEND_TYPE1P, "max_threads", variant->max_threads));
	self->pins = pins_held();
}

FIXTURE_TEARDOWN(helpers)
{
	close(self->group);
	close(self->fd);
	params_reset(BACKEND_TYPE1P);
}

/* As many as there are CPUs for, beside the caller. */
static int helpers_due(const struct _fixture_variant_helpers *variant)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN), max = atoi(variant->max_threads);

	if (max && max < cpus)
		cpus = max;
	return cpus - 1;
}

static void expect_helpers(struct __test_metadata *_metadata, const char *what,
			   const struct watch *watch,
			   const struct _fixture_variant_helpers *variant)
{
	ksft_print_msg("%s, max_threads=%s: helpers found by %d of %d looks\n", what,
		       variant->max_threads, watch->found, watch->looks);
	EXPECT_LT(1, watch->looks);
	EXPECT_EQ(variant->come, watch->most > 0);
	EXPECT_GE(helpers_due(variant), watch->most);
}

TEST_F(helpers, s0_of_a_map_and_an_unmap)
{
	char *mem = scattered(_metadata, LONG_SIZE);
	struct watch watch;
	int ret;

	watch_begin(_metadata, &watch);
	ret = iova_map(self->fd, mem, HELPED_IOVA, LONG_SIZE);
	watch_end(_metadata, &watch);
	EXPECT_EQ(0, ret);
	expect_helpers(_metadata, "MAP", &watch, variant);
	EXPECT_EQ(LONG_SIZE, mem_locked());
	EXPECT_EQ(self->pins + LONG_SIZE / PAGE_4K, pins_held());

	watch_begin(_metadata, &watch);
	expect_unmap(_metadata, self->fd, ROOM_IOVA, 2 * LONG_SIZE, LONG_SIZE);
	watch_end(_metadata, &watch);
	expect_helpers(_metadata, "UNMAP", &watch, variant);
	expect_nothing_left(_metadata, self->fd, self->pins);
}

/* The first group with an IOMMU has all pinned that was mapped without; the last, unpinned. */
TEST_F(helpers, s0_of_an_attach_and_a_detach)
{
	char *mem = scattered(_metadata, LONG_SIZE);
	struct watch watch;
	int emulated, fd;

	close(self->group);
	close(self->fd);
	fd = emulated_served(_metadata, BACKEND_TYPE1P, VFIO_TYPE1v2_IOMMU, 0, &emulated);
	self->fd = fd;
	ASSERT_EQ(0, param_write(BACKEND_TYPE1P, "max_threads", variant->max_threads));
	ASSERT_EQ(0, iova_map(fd, mem, HELPED_IOVA, LONG_SIZE));
	EXPECT_EQ(0, mem_locked());

	watch_begin(_metadata, &watch);
	self->group = iommu_joins(_metadata, fd);
	watch_end(_metadata, &watch);
	expect_helpers(_metadata, "attach", &watch, variant);
	EXPECT_EQ(LONG_SIZE, mem_locked());
	EXPECT_EQ(self->pins + LONG_SIZE / PAGE_4K, pins_held());

	watch_begin(_metadata, &watch);
	close(self->group);
	watch_end(_metadata, &watch);
	expect_helpers(_metadata, "detach", &watch, variant);
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(ENTRY_LIMIT - 1, dma_avail(fd));
	close(emulated);
	self->group = -1;
}

FIXTURE(helped_dma) {
	int fd;
	int group;
	int device;
	int emulated_group;
	int emulated;
	s64 pins;
	struct edu edu;
};

FIXTURE_SETUP(helped_dma)
{
	struct pci_dev dev;

	if (!has_two_cpus())
		SKIP(return, "needs two CPUs");
	self->fd = container_helped(_metadata, &self->group);
	self->emulated = emulated_join(_metadata, self->fd, 0, &self->emulated_group);
	test_device(_metadata, 0, &dev);
	self->device = device_open(self->group, dev.bdf);
	ASSERT_GE(self->device, 0);
	ASSERT_EQ(0, edu_open(self->device, &self->edu));
	self->pins = pins_held();
}

FIXTURE_TEARDOWN(helped_dma)
{
	edu_close(&self->edu);
	close(self->device);
	close(self->emulated);
	close(self->emulated_group);
	close(self->group);
	close(self->fd);
	params_reset(BACKEND_TYPE1P);
}

/* The device reads from one page and writes to another, in other pieces or across a border. */
static void expect_dma(struct __test_metadata *_metadata, struct edu *edu, char *mem)
{
	static const u64 places[] = {
		HELPED_FROM, PIECE - DMA_LEN / 2, PIECE - PAGE_4K, PIECE,
		PIECE + PIECE / 2, 2 * PIECE - PAGE_4K,
	};
	u64 from, to;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		from = ROOM_IOVA + places[i];
		to = ROOM_IOVA + places[(i + 3) % ARRAY_SIZE(places)] + DMA_LEN;
		mem_fill(mem + (from - HELPED_IOVA), DMA_LEN, i + 1);
		carry(_metadata, edu, from, to);
		EXPECT_TRUE(holds(mem + (to - HELPED_IOVA), i + 1))
			TH_LOG("from %#llx to %#llx", (unsigned long long)from,
			       (unsigned long long)to);
	}
}

/* What the container knows of its pages is what the process has there. */
static void expect_pages(struct __test_metadata *_metadata, int emulated, char *mem)
{
	const u64 step = 61 * PAGE_4K;
	u64 at, word;
	int wrong = 0;

	for (at = 0; at < HELPED_SIZE; at += step)
		*(u64 *)(mem + at) = ~at;
	for (at = 0; at < HELPED_SIZE; at += step)
		wrong += emulated_read(emulated, HELPED_IOVA + at, &word, sizeof(word)) ||
			 word != ~at;
	EXPECT_EQ(0, wrong);
}

TEST_F_TIMEOUT(helped_dma, s0_every_page_is_mapped_right, 60)
{
	char *mem = fresh(_metadata, HELPED_SIZE);
	struct watch watch;

	watch_begin(_metadata, &watch);
	ASSERT_EQ(0, iova_map(self->fd, mem, HELPED_IOVA, HELPED_SIZE));
	watch_end(_metadata, &watch);
	EXPECT_LT(0, watch.most);
	expect_pages(_metadata, self->emulated, mem);
	expect_dma(_metadata, &self->edu, mem);
	EXPECT_EQ(HELPED_SIZE, mem_locked());
	EXPECT_EQ(self->pins + HELPED_SIZE / PAGE_4K, pins_held());
	expect_unmap(_metadata, self->fd, HELPED_IOVA, HELPED_SIZE, HELPED_SIZE);
	expect_nothing_left(_metadata, self->fd, self->pins);
}

/* Two MAPs at once, each with helpers. */
TEST_F_TIMEOUT(helped_dma, s0_two_maps_at_once, 60)
{
	char *mem = fresh(_metadata, HELPED_SIZE), *other = fresh(_metadata, HELPED_SIZE);
	struct map_job job = { self->fd, other, ROOM_IOVA + 4 * HELPED_SIZE, HELPED_SIZE, -1 };
	struct watch watch;
	pthread_t thread;

	watch_begin(_metadata, &watch);
	ASSERT_EQ(0, pthread_create(&thread, NULL, map_job, &job));
	EXPECT_EQ(0, iova_map(self->fd, mem, HELPED_IOVA, HELPED_SIZE));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	watch_end(_metadata, &watch);
	EXPECT_EQ(0, job.ret);
	EXPECT_EQ(2, watch.most);
	EXPECT_EQ(2 * HELPED_SIZE, mem_locked());
	EXPECT_EQ(self->pins + 2 * HELPED_SIZE / PAGE_4K, pins_held());
	expect_pages(_metadata, self->emulated, mem);
	expect_unmap(_metadata, self->fd, ROOM_IOVA, 8 * HELPED_SIZE, 2 * HELPED_SIZE);
	expect_nothing_left(_metadata, self->fd, self->pins);
}
