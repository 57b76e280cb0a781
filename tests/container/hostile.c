// SPDX-License-Identifier: GPL-2.0-only
/*
 * What no sane program asks for. Each request goes to two containers in the
 * same state, one of the in-tree driver and one of the backend under test:
 * result, errno and every byte written back must be the same, and afterwards
 * so must the state. The pair in-tree beside in-tree shows that the comparison
 * itself is sound.
 */

struct side {
	int fd;
	int group;
	char *args;		/* a page with nothing mapped behind it */
};

FIXTURE(hostile) {
	struct side side[2];	/* in-tree first */
	char *mem;		/* MEM_SIZE, with nothing mapped around it */
	long steps;
	long differ;
	bool bare;		/* no mapping to begin with */
	bool walk;		/* steps build on each other */
};

FIXTURE_VARIANT(hostile) {
	enum backend backend;
	int type;
};

FIXTURE_VARIANT_ADD(hostile, type1p_v2) {
	.backend = BACKEND_TYPE1P, .type = VFIO_TYPE1v2_IOMMU,
};

FIXTURE_VARIANT_ADD(hostile, type1p_v1) {
	.backend = BACKEND_TYPE1P, .type = VFIO_TYPE1_IOMMU,
};

FIXTURE_VARIANT_ADD(hostile, in_tree_v2) {
	.backend = BACKEND_INTREE, .type = VFIO_TYPE1v2_IOMMU,
};

FIXTURE_VARIANT_ADD(hostile, in_tree_v1) {
	.backend = BACKEND_INTREE, .type = VFIO_TYPE1_IOMMU,
};

#define MEM_SIZE	(16 * PAGE_4K)
#define BASE_IOVA	SZ_1M		/* where it is mapped to begin with */
#define MAX_REPORTS	20

static void *between_holes(struct __test_metadata *_metadata, size_t size)
{
	char *mem = mmap(NULL, size + 2 * PAGE_4K, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, munmap(mem, PAGE_4K));
	ASSERT_EQ(0, munmap(mem + PAGE_4K + size, PAGE_4K));
	mem += PAGE_4K;
	ASSERT_EQ(0, mprotect(mem, size, PROT_READ | PROT_WRITE));
	memset(mem, 0x5a, size);
	return mem;
}

FIXTURE_SETUP(hostile)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct side *side = &self->side[i];

		side->fd = container_served(_metadata, i ? variant->backend : BACKEND_INTREE,
					    variant->type, i, &side->group);
		side->args = between_holes(_metadata, PAGE_4K);
	}
	self->mem = between_holes(_metadata, MEM_SIZE);
}

FIXTURE_TEARDOWN(hostile)
{
	int i;

	ksft_print_msg("%ld requests compared\n", self->steps);
	for (i = 0; i < 2; i++) {
		close(self->side[i].group);
		close(self->side[i].fd);
	}
}

/* SPEC's own exception: what ends at exactly 2^64 is lost on old in-tree drivers. */
static bool better_on_purpose(unsigned long nr, const void *arg, size_t len)
{
	const struct vfio_iommu_type1_dma_unmap *unmap = arg;
	const struct vfio_iommu_type1_dma_map *map = arg;

	if (kernel_manages_the_end())
		return false;
	if (nr == VFIO_IOMMU_MAP_DMA && len >= sizeof(*map))
		return map->iova && map->iova + map->size == 0;
	if (nr == VFIO_IOMMU_UNMAP_DMA && len >= sizeof(*unmap))
		return unmap->iova && unmap->iova + unmap->size == 0;
	return false;
}

static void report(struct __test_metadata *_metadata, struct _test_data_hostile *self,
		   const char *what, const char *how, const void *arg, size_t len, const int *ret)
{
	char hex[3 * 64 + 1] = "";
	size_t i;

	_metadata->exit_code = KSFT_FAIL;
	if (self->differ++ >= MAX_REPORTS)
		return;
	for (i = 0; i < len && i < 64; i++)
		sprintf(hex + 3 * i, "%02x%s", ((const u8 *)arg)[i], i % 8 == 7 ? "|" : " ");
	ksft_print_msg("%s: %s differs: in-tree %d, here %d; request %s\n", what, how, ret[0],
		       ret[1], hex);
}

/* Both containers as they are at the start of every step. */
static void reset_sides(struct __test_metadata *_metadata, struct _test_data_hostile *self)
{
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, iova_unmap_flags(self->side[i].fd, 0, 0, UNMAP_ALL, NULL));
		if (!self->bare)
			ASSERT_EQ(0, iova_map(self->side[i].fd, self->mem, BASE_IOVA, MEM_SIZE));
	}
}

static void compare_state(struct __test_metadata *_metadata, struct _test_data_hostile *self,
			  const char *what, const void *arg, size_t len, const int *ret)
{
	struct info_bytes info[2];

	get_info(self->side[0].fd, &info[0], sizeof(info[0]));
	get_info(self->side[1].fd, &info[1], sizeof(info[1]));
	if (memcmp(&info[0], &info[1], sizeof(info[0])))
		report(_metadata, self, what, "the state afterwards", arg, len, ret);
}

/*
 * One request of both: @len bytes of @arg, of which the last @beyond lie
 * where nothing is mapped.
 */
static void step(struct __test_metadata *_metadata, struct _test_data_hostile *self,
		 const char *what, unsigned long nr, const void *arg, size_t len, size_t beyond)
{
	char *at[2];
	int ret[2], i;

	if (better_on_purpose(nr, arg, len))
		return;
	self->steps++;
	for (i = 0; i < 2; i++) {
		at[i] = self->side[i].args + PAGE_4K - (len - beyond);
		memset(self->side[i].args, PAINT, PAGE_4K);
		memcpy(at[i], arg, len - beyond);
		ret[i] = vfio_call(self->side[i].fd, nr, at[i]);
	}
	if (ret[0] != ret[1])
		report(_metadata, self, what, "the result", arg, len, ret);
	else if (memcmp(self->side[0].args, self->side[1].args, PAGE_4K))
		report(_metadata, self, what, "what is written back", arg, len, ret);
	compare_state(_metadata, self, what, arg, len, ret);
	if (!self->walk && (!ret[0] || !ret[1]))
		reset_sides(_metadata, self);
}

static const u64 strange_words[] = {
	0, 1, 2, 3, 7, 8, 15, 16, 23, 24, 31, 32, 33, 47, 48, 64, 4095, 4096, 4097, 8192,
	MEM_SIZE - PAGE_4K, MEM_SIZE, MEM_SIZE + PAGE_4K, BASE_IOVA - PAGE_4K, BASE_IOVA,
	BASE_IOVA + 1, BASE_IOVA + PAGE_4K, BASE_IOVA + MEM_SIZE - PAGE_4K,
	BASE_IOVA + MEM_SIZE, MSI_START - PAGE_4K, MSI_START, MSI_START + PAGE_4K,
	MSI_END - PAGE_4K, MSI_END,
	0x7fffffff, 0x80000000, 0xfffff000, 0xffffffff, 1ULL << 32, 1ULL << 38, 1ULL << 39,
	(1ULL << 39) - PAGE_4K, 1ULL << 47, 1ULL << 48, 1ULL << 57, 1ULL << 62,
	0x7fffffffffffffff, 1ULL << 63, KERNEL_ADDRESS, 0xffffffff81000000, -MEM_SIZE,
	-2 * PAGE_4K, -PAGE_4K, -4095, -2, -1,
};

/* Each field at each strange value, the rest as in a good request. */
static void each_field(struct __test_metadata *_metadata, struct _test_data_hostile *self,
		       const char *what, unsigned long nr, const void *good, size_t len)
{
	char request[64];
	size_t field, size, i;

	for (field = 0; field < len; field += size) {
		/* argsz and flags come first, all else is of 64 bits. */
		size = field < 8 ? 4 : 8;
		for (i = 0; i < ARRAY_SIZE(strange_words); i++) {
			memcpy(request, good, len);
			memcpy(request + field, &strange_words[i], size);
			step(_metadata, self, what, nr, request, len, 0);
		}
	}
}

/* Two 64-bit fields at all pairs of strange values. */
static void field_pairs(struct __test_metadata *_metadata, struct _test_data_hostile *self,
			const char *what, unsigned long nr, const void *good, size_t len,
			size_t a, size_t b)
{
	char request[64];
	size_t i, j;

	memcpy(request, good, len);
	for (i = 0; i < ARRAY_SIZE(strange_words); i++) {
		memcpy(request + a, &strange_words[i], 8);
		for (j = 0; j < ARRAY_SIZE(strange_words); j++) {
			memcpy(request + b, &strange_words[j], 8);
			step(_metadata, self, what, nr, request, len, 0);
		}
	}
}

static void all_flags(struct __test_metadata *_metadata, struct _test_data_hostile *self,
		      const char *what, unsigned long nr, const void *good, size_t len)
{
	char request[64];
	u32 flags;

	memcpy(request, good, len);
	for (flags = 0; flags < 16; flags++) {
		memcpy(request + 4, &flags, 4);
		step(_metadata, self, what, nr, request, len, 0);
	}
	for (flags = 16; flags; flags <<= 1) {
		memcpy(request + 4, &flags, 4);
		step(_metadata, self, what, nr, request, len, 0);
	}
}

/* Requests that end before they should, and pointers to nowhere. */
static void cut_short(struct __test_metadata *_metadata, struct _test_data_hostile *self,
		      const char *what, unsigned long nr, const void *good, size_t len)
{
	static const unsigned long nowhere[] = {
		0, 1, PAGE_4K, KERNEL_ADDRESS, 0xffffffff81000000, 1UL << 47, 1UL << 63, -8UL, -1UL,
	};
	size_t i;
	int ret[2];

	for (i = 0; i <= len; i++)
		step(_metadata, self, what, nr, good, len, i);
	for (i = 0; i < ARRAY_SIZE(nowhere); i++) {
		self->steps++;
		ret[0] = vfio_call(self->side[0].fd, nr, (void *)nowhere[i]);
		ret[1] = vfio_call(self->side[1].fd, nr, (void *)nowhere[i]);
		if (ret[0] != ret[1])
			report(_metadata, self, what, "the result for a pointer", &nowhere[i], 8,
			       ret);
	}
}

static void whole_range(struct __test_metadata *_metadata, struct _test_data_hostile *self,
			const char *what, unsigned long nr, const void *good, size_t len)
{
	reset_sides(_metadata, self);
	each_field(_metadata, self, what, nr, good, len);
	all_flags(_metadata, self, what, nr, good, len);
	cut_short(_metadata, self, what, nr, good, len);
}

TEST_F_TIMEOUT(hostile, s4_map, 60)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = PROT_DMA, .vaddr = (uintptr_t)self->mem,
		.iova = 4 * SZ_1M, .size = MEM_SIZE,
	};

	whole_range(_metadata, self, "MAP", VFIO_IOMMU_MAP_DMA, &map, sizeof(map));
	field_pairs(_metadata, self, "MAP", VFIO_IOMMU_MAP_DMA, &map, sizeof(map), 16, 24);
	field_pairs(_metadata, self, "MAP", VFIO_IOMMU_MAP_DMA, &map, sizeof(map), 8, 24);
	self->bare = true;
	whole_range(_metadata, self, "MAP into nothing", VFIO_IOMMU_MAP_DMA, &map, sizeof(map));
	EXPECT_EQ(0, self->differ);
}

TEST_F_TIMEOUT(hostile, s5_unmap, 60)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = BASE_IOVA, .size = MEM_SIZE,
	};

	whole_range(_metadata, self, "UNMAP", VFIO_IOMMU_UNMAP_DMA, &unmap, sizeof(unmap));
	field_pairs(_metadata, self, "UNMAP", VFIO_IOMMU_UNMAP_DMA, &unmap, sizeof(unmap), 8, 16);
	unmap.flags = UNMAP_ALL;
	field_pairs(_metadata, self, "UNMAP all", VFIO_IOMMU_UNMAP_DMA, &unmap, sizeof(unmap), 8,
		    16);
	unmap.flags = UNMAP_VADDR;
	field_pairs(_metadata, self, "UNMAP vaddr", VFIO_IOMMU_UNMAP_DMA, &unmap, sizeof(unmap),
		    8, 16);
	EXPECT_EQ(0, self->differ);
}

/* Nobody tracks dirty pages, so that all of these fail; how is the question. */
TEST_F_TIMEOUT(hostile, s5_unmap_with_bitmap, 60)
{
	u64 bits[8] = {};
	struct unmap_request unmap = {
		.head = { .argsz = sizeof(unmap), .flags = GET_BITMAP, .iova = BASE_IOVA,
			  .size = MEM_SIZE },
		.bitmap = { .pgsize = PAGE_4K, .size = 8, .data = bits },
	};

	whole_range(_metadata, self, "UNMAP with bitmap", VFIO_IOMMU_UNMAP_DMA, &unmap,
		    sizeof(unmap));
	field_pairs(_metadata, self, "UNMAP with bitmap", VFIO_IOMMU_UNMAP_DMA, &unmap,
		    sizeof(unmap), 24, 32);
	EXPECT_EQ(0, self->differ);
}

TEST_F_TIMEOUT(hostile, s3_info, 60)
{
	u32 info[64] = { [0] = 24 };
	u32 argsz;

	for (argsz = 0; argsz < sizeof(info); argsz++) {
		info[0] = argsz;
		step(_metadata, self, "GET_INFO", VFIO_IOMMU_GET_INFO, info, sizeof(info), 0);
		/* All of it, then less and less, is there to be written to. */
		step(_metadata, self, "GET_INFO cut short", VFIO_IOMMU_GET_INFO, info,
		     sizeof(info), argsz);
	}
	info[0] = 24;
	whole_range(_metadata, self, "GET_INFO", VFIO_IOMMU_GET_INFO, info, 24);
	info[0] = sizeof(info);
	cut_short(_metadata, self, "GET_INFO", VFIO_IOMMU_GET_INFO, info, sizeof(info));
	EXPECT_EQ(0, self->differ);
}

TEST_F(hostile, s2_s11_numbers)
{
	unsigned long nr;
	int ret[2], i;

	for (nr = 0; nr < 256; nr++) {
		/* Chooses a backend, or is a dirty-page request, whose tests are elsewhere. */
		if (_IO(VFIO_TYPE, nr) == VFIO_SET_IOMMU ||
		    _IO(VFIO_TYPE, nr) == VFIO_IOMMU_DIRTY_PAGES)
			continue;
		for (i = 0; i < 2; i++)
			ret[i] = vfio_call(self->side[i].fd, _IO(VFIO_TYPE, nr), NULL);
		self->steps++;
		if (ret[0] != ret[1])
			report(_metadata, self, "ioctl", "the result of a number", &nr, 1, ret);
	}
	for (nr = 0; nr < 4096; nr++) {
		unsigned long ext = nr < 2048 ? nr : nr << 32 | (nr & 15);

		if (ext == VFIO_TYPE1P_IOMMU)
			continue;
		for (i = 0; i < 2; i++)
			ret[i] = vfio_call(self->side[i].fd, VFIO_CHECK_EXTENSION, (void *)ext);
		self->steps++;
		if (ret[0] != ret[1])
			report(_metadata, self, "CHECK_EXTENSION", "the result", &ext, 8, ret);
	}
	EXPECT_EQ(0, self->differ);
}

/* One request of a random walk through a space of 64 pages. */
static void random_step(struct __test_metadata *_metadata, struct _test_data_hostile *self,
			unsigned int *seed)
{
	u64 iova = rand_r(seed) % 64 * PAGE_4K;
	u64 size = (1 + rand_r(seed) % 12) * PAGE_4K;
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .iova = iova, .size = size,
		/* Now and then the memory ends before the range does. */
		.vaddr = (uintptr_t)self->mem + rand_r(seed) % 8 * PAGE_4K,
		.flags = 1 + rand_r(seed) % 4,
	};
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = iova, .size = size,
		.flags = rand_r(seed) % 6 ? 0 : UNMAP_VADDR,
	};

	if (!(rand_r(seed) % 50)) {
		unmap.flags |= UNMAP_ALL;
		unmap.iova = 0;
		unmap.size = 0;
	}
	if (rand_r(seed) % 8 < 5)
		step(_metadata, self, "MAP", VFIO_IOMMU_MAP_DMA, &map, sizeof(map), 0);
	else
		step(_metadata, self, "UNMAP", VFIO_IOMMU_UNMAP_DMA, &unmap, sizeof(unmap), 0);
}

/* Here each step begins where the last one ended. */
TEST_F(hostile, s4_s5_random_walk)
{
	unsigned int seed = random_seed();
	int i;

	self->walk = true;
	for (i = 0; i < 6000; i++)
		random_step(_metadata, self, &seed);
	EXPECT_EQ(0, self->differ);
}

/* Lines in the kernel's log from @log's position on. */
static long log_lines(int log)
{
	char record[8192];
	long lines = 0;

	for (;;) {
		if (read(log, record, sizeof(record)) >= 0)
			lines++;
		else if (errno != EPIPE)
			return lines;
	}
}

static void offend(struct _test_data_hostile *self, int fd)
{
	struct info_bytes info;

	iova_map(fd, NULL, 0, PAGE_4K);
	iova_map(fd, self->mem, 0, MEM_SIZE + PAGE_4K);
	iova_map(fd, self->mem, MSI_START, PAGE_4K);
	iova_map(fd, self->mem, 1, 1);
	iova_map(fd, self->mem, -PAGE_4K, 2 * PAGE_4K);
	/* Over the limit: the in-tree driver has a line in the log for each of these. */
	iova_map(fd, self->mem, 0, MEM_SIZE);
	iova_map_flags(fd, self->mem, 0, PAGE_4K, -1);
	iova_unmap(fd, 0, -1, NULL);
	iova_unmap(fd, -1, PAGE_4K, NULL);
	iova_unmap_flags(fd, 0, 0, -1, NULL);
	get_info(fd, &info, 3);
	vfio_call(fd, VFIO_IOMMU_MAP_DMA, NULL);
	vfio_call(fd, 0, NULL);
	container_check(fd, -1);
	container_set_iommu(fd, 77);
}

/* No user may fill the log: with what the in-tree driver says unboundedly, or otherwise. */
TEST_F(hostile, s0_log_noise_is_bounded)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	long lines;
	int i;

	ASSERT_GE(log, 0);
	drop_ipc_lock(_metadata, PAGE_4K);
	log_lines(log);
	for (i = 0; i < 500; i++)
		offend(self, self->side[1].fd);
	lines = log_lines(log);
	ksft_print_msg("%s: %ld lines in the log for 7500 offences\n",
		       backend_name(variant->backend), lines);
	if (variant->backend == BACKEND_TYPE1P)
		EXPECT_GE(40, lines);
}
