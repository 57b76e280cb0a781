// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 7 and 8: who replaces a vaddr, by which request, and who pays for it. */

CONTAINER_FIXTURE(replace, VFIO_TYPE1v2_IOMMU)

#define REPLACE_SIZE	(16 * PAGE_4K)
#define REPLACE_LIMIT	(24 * PAGE_4K)

/* A shared mapping of a file, or of a new one. */
static void *file_memory(int *file)
{
	void *mem;

	if (*file < 0) {
		*file = memfd_create("replace", 0);
		if (*file < 0 || ftruncate(*file, REPLACE_SIZE))
			return MAP_FAILED;
	}
	mem = mmap(NULL, REPLACE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, *file, 0);
	return mem;
}

static int give_vaddr(int fd, void *mem)
{
	return iova_map_flags(fd, mem, 0, REPLACE_SIZE, MAP_VADDR);
}

static int take_vaddr(int fd)
{
	return iova_unmap_flags(fd, 0, REPLACE_SIZE, UNMAP_VADDR, NULL);
}

/* The range at 0, which the calling process has mapped and taken the vaddr of. */
static int invalid_range(int fd, int *file)
{
	void *mem = file_memory(file);

	if (mem == MAP_FAILED)
		return -ENOMEM;
	return iova_map(fd, mem, 0, REPLACE_SIZE) ?: take_vaddr(fd);
}

/* Whatever does not name the range exactly changes nothing. */
TEST_F(replace, s4_s8_wrong_requests)
{
	const u64 size = 4 * PAGE_4K;
	const struct {
		u64 iova, size, skew;
		u32 flags;
		int ret;
	} wrong[] = {
		{ 4 * PAGE_4K, size / 2, 0, MAP_VADDR, -EINVAL },
		{ 4 * PAGE_4K, 2 * size, 0, MAP_VADDR, -EINVAL },
		{ 5 * PAGE_4K, size, 0, MAP_VADDR, -EINVAL },
		{ 5 * PAGE_4K, size - PAGE_4K, 0, MAP_VADDR, -EINVAL },
		{ 0, 8 * PAGE_4K, 0, MAP_VADDR, -EINVAL },
		{ 0, size, 0, MAP_VADDR, -ENOENT },
		{ SZ_1M, size, 0, MAP_VADDR, -ENOENT },
		{ 4 * PAGE_4K, size, 8, MAP_VADDR, -EINVAL },
		{ 4 * PAGE_4K + 8, size, 0, MAP_VADDR, -EINVAL },
		{ 4 * PAGE_4K, size + 8, 0, MAP_VADDR, -EINVAL },
		{ 4 * PAGE_4K, 0, 0, MAP_VADDR, -EINVAL },
		{ 4 * PAGE_4K, size, 0, MAP_VADDR | VFIO_DMA_MAP_FLAG_READ, -EINVAL },
		{ 4 * PAGE_4K, size, 0, MAP_VADDR | VFIO_DMA_MAP_FLAG_WRITE, -EINVAL },
		{ 4 * PAGE_4K, size, 0, MAP_VADDR | PROT_DMA, -EINVAL },
		{ 4 * PAGE_4K, size, 0, PROT_DMA, -EEXIST },
	};
	char *mem = touched(_metadata, 4 * size);
	unsigned int i;

	ASSERT_EQ(0, iova_map(self->fd, mem, size, size));
	ASSERT_EQ(0, iova_map(self->fd, mem, 2 * size, size));
	ASSERT_EQ(0, iova_unmap_flags(self->fd, 0, 0, UNMAP_VADDR | UNMAP_ALL, NULL));
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		EXPECT_EQ(wrong[i].ret, iova_map_flags(self->fd, mem + wrong[i].skew, wrong[i].iova,
						       wrong[i].size, wrong[i].flags))
			TH_LOG("request %u", i);
	/* Still invalid, both of them, and to be had. */
	EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, size, size, UNMAP_VADDR, NULL));
	EXPECT_EQ(-EINVAL, iova_unmap_flags(self->fd, 2 * size, size, UNMAP_VADDR, NULL));
	EXPECT_EQ(2 * size, mem_locked());
	EXPECT_EQ(0, iova_map_flags(self->fd, mem, size, size, MAP_VADDR));
	EXPECT_EQ(0, iova_map_flags(self->fd, mem + size, 2 * size, size, MAP_VADDR));
	EXPECT_EQ(2 * size, mem_locked());
	EXPECT_EQ(ENTRY_LIMIT - 2, dma_avail(self->fd));
}

/* A child that replaces, within a limit, and stays; 0 for no limit. */
static pid_t child_that_replaces(struct __test_metadata *_metadata, int fd, int file, size_t limit,
				 int *ret)
{
	int done[2];
	pid_t child;

	ASSERT_EQ(0, pipe2(done, O_CLOEXEC));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (limit)
			drop_ipc_lock(_metadata, limit);
		*ret = give_vaddr(fd, file_memory(&file));
		if (write(done[1], ret, sizeof(*ret)) == sizeof(*ret))
			pause();
		_exit(1);
	}
	EXPECT_EQ(sizeof(*ret), read(done[0], ret, sizeof(*ret)));
	close(done[0]);
	close(done[1]);
	return child;
}

/* The charge is that of who replaced last. */
TEST_F(replace, s7_s8_charge_moves)
{
	s64 pins = pins_held();
	int file = -1, ret;
	pid_t child;

	ASSERT_EQ(0, invalid_range(self->fd, &file));
	EXPECT_EQ(REPLACE_SIZE, mem_locked());
	child = child_that_replaces(_metadata, self->fd, file, 0, &ret);
	EXPECT_EQ(0, ret);
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(REPLACE_SIZE, locked_of(child));
	/* And back. */
	ASSERT_EQ(0, take_vaddr(self->fd));
	EXPECT_EQ(REPLACE_SIZE, locked_of(child));
	ASSERT_EQ(0, give_vaddr(self->fd, file_memory(&file)));
	EXPECT_EQ(REPLACE_SIZE, mem_locked());
	EXPECT_EQ(0, locked_of(child));
	end(child);
	EXPECT_EQ(pins + 16, pins_held());
	expect_unmap(_metadata, self->fd, 0, REPLACE_SIZE, REPLACE_SIZE);
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(pins, pins_held());
}

/* Who dies takes the charge along, before or after somebody else replaces. */
TEST_F(replace, s7_s8_owner_dies)
{
	int file = -1, ret;
	pid_t child;

	ASSERT_EQ(0, invalid_range(self->fd, &file));
	child = child_that_replaces(_metadata, self->fd, file, 0, &ret);
	EXPECT_EQ(0, ret);
	ASSERT_EQ(0, take_vaddr(self->fd));
	end(child);
	EXPECT_EQ(0, mem_locked());
	drop_ipc_lock(_metadata, REPLACE_SIZE);
	ASSERT_EQ(0, give_vaddr(self->fd, file_memory(&file)));
	EXPECT_EQ(REPLACE_SIZE, mem_locked());
	EXPECT_EQ(-ENOMEM, iova_map(self->fd, touched(_metadata, PAGE_4K), SZ_1M, PAGE_4K));
	expect_unmap(_metadata, self->fd, 0, REPLACE_SIZE, REPLACE_SIZE);
	EXPECT_EQ(0, mem_locked());
}

/* Beyond the limit of who wants to replace: nothing changes, and others may. */
TEST_F(replace, s7_s8_limit_of_who_replaces)
{
	int file = -1, ret;
	pid_t child;

	ASSERT_EQ(0, invalid_range(self->fd, &file));
	child = child_that_replaces(_metadata, self->fd, file, REPLACE_SIZE - PAGE_4K, &ret);
	EXPECT_EQ(-ENOMEM, ret);
	EXPECT_EQ(REPLACE_SIZE, mem_locked());
	EXPECT_EQ(0, locked_of(child));
	end(child);
	EXPECT_EQ(REPLACE_SIZE, mem_locked());
	EXPECT_EQ(-EINVAL, take_vaddr(self->fd));
	child = child_that_replaces(_metadata, self->fd, file, REPLACE_SIZE, &ret);
	EXPECT_EQ(0, ret);
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(REPLACE_SIZE, locked_of(child));
	end(child);
	EXPECT_EQ(0, mem_locked());
}

/* What the program does after exec(): the number of the step that went wrong. */
static int after_exec(int fd, int file)
{
	const u64 rest = REPLACE_LIMIT - REPLACE_SIZE;
	char *more = mem_alloc(REPLACE_LIMIT, MEM_4K);

	/* So that the new image does not happen to have the old address. */
	if (file_memory(&file) == MAP_FAILED || mem_locked())
		return 1;
	if (give_vaddr(fd, file_memory(&file)))
		return 2;
	if (mem_locked() != REPLACE_SIZE)
		return 3;
	if (iova_map(fd, more, SZ_1M, rest) || mem_locked() != REPLACE_LIMIT)
		return 4;
	if (iova_map(fd, more + rest, 2 * SZ_1M, PAGE_4K) != -ENOMEM)
		return 5;
	if (iova_unmap(fd, 0, REPLACE_SIZE, NULL) || (u64)mem_locked() != rest)
		return 6;
	if (iova_unmap(fd, SZ_1M, rest, NULL) || mem_locked())
		return 7;
	if (iova_map(fd, more, 0, REPLACE_LIMIT) || mem_locked() != REPLACE_LIMIT)
		return 8;
	if (iova_unmap(fd, 0, REPLACE_LIMIT, NULL) || mem_locked())
		return 9;
	return 0;
}

/* This program again, for that purpose. */
static void __attribute__((constructor)) run_after_exec(void)
{
	const char *fds = getenv("TYPE1P_AFTER_EXEC");
	int fd, file;

	if (fds && sscanf(fds, "%d:%d", &fd, &file) == 2)
		_exit(after_exec(fd, file));
}

/* A program that is limited maps, and starts itself anew with the range invalid. */
static void before_exec(struct __test_metadata *_metadata, int fd)
{
	int file = -1;
	char fds[32];

	/* Otherwise exec() would give root the capability back. */
	if (prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK))
		_exit(100);
	drop_ipc_lock(_metadata, REPLACE_LIMIT);
	if (invalid_range(fd, &file) || mem_locked() != REPLACE_SIZE)
		_exit(101);
	snprintf(fds, sizeof(fds), "%d:%d", fd, file);
	if (setenv("TYPE1P_AFTER_EXEC", fds, 1) || fcntl(fd, F_SETFD, 0))
		_exit(102);
	execl("/proc/self/exe", "after-exec", NULL);
	_exit(103);
}

/*
 * exec() with locked memory: the old mm takes its count along, the new one begins
 * with none. A driver that mixed them up would let it go below zero, which is a very
 * great number, and refuse all mappings from then on.
 */
TEST_F(replace, s7_s8_exec)
{
	s64 pins = pins_held();
	int status = -1;
	pid_t child;

	child = fork();
	ASSERT_GE(child, 0);
	if (!child)
		before_exec(_metadata, self->fd);
	waitpid(child, &status, 0);
	EXPECT_EQ(0, status)
		TH_LOG("step %d", WEXITSTATUS(status));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(pins, pins_held());
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
}
