// SPDX-License-Identifier: GPL-2.0-only
/* Memory runs out, or may not be locked, in the midst of a call: it fails, or the caller dies. */

/* Three pieces, of fresh memory that the cgroup has no room for. */
#define FAULTS_LIMIT	"256M"
#define FAULTS_SIZE	(3 * PIECE)

FIXTURE(faults_memory) {
	int fd[2];			/* the other container has to go on */
	int group[2];
	void *page;
	s64 pins;
};

TWO_BACKENDS(faults_memory);

FIXTURE_SETUP(faults_memory)
{
	int i;

	if (!cgroup_works(CGROUP_ALL))
		SKIP(return, "this kernel has no cgroup controllers");
	for (i = 0; i < 2; i++)
		self->fd[i] = container_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, i,
					       &self->group[i]);
	self->page = touched(_metadata, PAGE_4K);
	cgroup_make(_metadata, CGROUP_ALL);
	self->pins = pins_held();
}

FIXTURE_TEARDOWN(faults_memory)
{
	int i;

	for (i = 0; i < 2; i++) {
		close(self->group[i]);
		close(self->fd[i]);
	}
	cgroup_end();
	params_reset(BACKEND_TYPE1P);
}

/* Waits for the child, while another container is used: its calls. */
static int use_other(struct __test_metadata *_metadata, struct _test_data_faults_memory *self,
		     pid_t child, int *status)
{
	int calls = 0, i;

	for (i = 0; i < PATIENCE_MS && !waitpid(child, status, WNOHANG); i++) {
		EXPECT_EQ(0, iova_map(self->fd[1], self->page, 0, PAGE_4K));
		EXPECT_EQ(0, iova_unmap(self->fd[1], 0, PAGE_4K, NULL));
		calls++;
		usleep(1000);
	}
	ASSERT_GT(PATIENCE_MS, i);
	return calls;
}

static void expect_killed_or(struct __test_metadata *_metadata, int status)
{
	int ret = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);

	if (WIFSIGNALED(status)) {
		EXPECT_EQ(SIGKILL, ret);
	} else {
		EXPECT_TRUE(ret == ENOMEM || ret == EFAULT)
			TH_LOG("errno %d", ret);
	}
}

/* In its cgroup, that is of this process before. */
static pid_t child_in_cgroup(struct __test_metadata *_metadata, pid_t (*child)(int fd), int fd)
{
	pid_t pid;

	ASSERT_EQ(0, cgroup_enter());
	pid = child(fd);
	cgroup_leave();
	ASSERT_GT(pid, 0);
	return pid;
}

static pid_t child_maps_fresh(int fd)
{
	pid_t child = fork();

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(-iova_map(fd, mem_alloc(FAULTS_SIZE, MEM_4K), HELPED_IOVA, FAULTS_SIZE));
	}
	return child;
}

TEST_F_TIMEOUT(faults_memory, s4_cgroup_has_no_room_for_the_pages, 90)
{
	int status = -1, calls;
	pid_t child;

	ASSERT_EQ(0, cgroup_write("memory.max", FAULTS_LIMIT));
	child = child_in_cgroup(_metadata, child_maps_fresh, self->fd[0]);
	calls = use_other(_metadata, self, child, &status);
	ksft_print_msg("status %#x, memory.peak %lld MiB; %d calls elsewhere meanwhile\n", status,
		       (long long)cgroup_read(CGROUP, "memory.peak", NULL) / (s64)SZ_1M, calls);
	expect_killed_or(_metadata, status);
	EXPECT_LT(2, calls);
	expect_nothing_left(_metadata, self->fd[0], self->pins);
	EXPECT_EQ(0, iova_map(self->fd[0], self->page, 0, PAGE_4K));
}

/* The same page over and over: what is used up is the memory of the ranges. */
static pid_t child_maps_many(int fd)
{
	void *page;
	pid_t child = fork();
	int ret = 0;
	u64 iova;

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		page = mem_alloc(PAGE_4K, MEM_4K);
		for (iova = HELPED_IOVA; !ret; iova += PAGE_4K)
			ret = iova_map(fd, page, iova, PAGE_4K);
		_exit(-ret);
	}
	return child;
}

TEST_F_TIMEOUT(faults_memory, s4_cgroup_has_no_room_for_the_ranges, 120)
{
	u32 made = ENTRY_LIMIT;
	int status = -1;
	pid_t child;
	u64 done = 0;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, "in-tree, ranges are nobody's memory");
	ASSERT_EQ(0, cgroup_write("memory.max", "12M"));
	child = child_in_cgroup(_metadata, child_maps_many, self->fd[0]);
	use_other(_metadata, self, child, &status);
	expect_killed_or(_metadata, status);
	made -= dma_avail(self->fd[0]);
	ksft_print_msg("status %#x after %u ranges\n", status, made);
	EXPECT_LT(1000, made);
	EXPECT_GT(ENTRY_LIMIT, made);
	/* Those that were made stay, whole. */
	EXPECT_EQ(self->pins + made, pins_held());
	EXPECT_EQ(0, iova_unmap_flags(self->fd[0], 0, 0, UNMAP_ALL, &done));
	EXPECT_EQ(made * PAGE_4K, done);
	expect_nothing_left(_metadata, self->fd[0], self->pins);
	EXPECT_EQ(0, iova_map(self->fd[0], self->page, 0, PAGE_4K));
}

FIXTURE(faults_limit) {
	int fd;
	int group;
	s64 pins;
};

FIXTURE_VARIANT(faults_limit) {
	enum backend backend;
	const char *threads;
};

FIXTURE_VARIANT_ADD(faults_limit, type1p) {
	.backend = BACKEND_TYPE1P, .threads = "1",
};

FIXTURE_VARIANT_ADD(faults_limit, type1p_helped) {
	.backend = BACKEND_TYPE1P, .threads = "2",
};

FIXTURE_VARIANT_ADD(faults_limit, in_tree) {
	.backend = BACKEND_INTREE, .threads = "1",
};

FIXTURE_SETUP(faults_limit)
{
	self->fd = container_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0,
				    &self->group);
	ASSERT_EQ(0, param_write(BACKEND_TYPE1P, "max_threads", variant->threads));
	self->pins = pins_held();
}

FIXTURE_TEARDOWN(faults_limit)
{
	close(self->group);
	close(self->fd);
	params_reset(BACKEND_TYPE1P);
}

/* It ends in the second of three pieces; what is before it fits. */
TEST_F_TIMEOUT(faults_limit, s7_half_way, 60)
{
	const u64 limit = PIECE_AT(1) + PIECE / 2 + 7 * PAGE_4K;
	char *mem = mem_alloc(HELPED_SIZE, MEM_THP);

	ASSERT_NE(NULL, mem);
	drop_ipc_lock(_metadata, limit);
	EXPECT_EQ(-ENOMEM, iova_map(self->fd, mem, HELPED_IOVA, HELPED_SIZE));
	expect_nothing_left(_metadata, self->fd, self->pins);
	EXPECT_EQ(0, iova_map(self->fd, mem, HELPED_IOVA, limit));
	EXPECT_EQ(limit, mem_locked());
	EXPECT_EQ(-ENOMEM, iova_map(self->fd, mem, 2 * HELPED_SIZE, PAGE_4K));
	expect_unmap(_metadata, self->fd, HELPED_IOVA, limit, limit);
	expect_nothing_left(_metadata, self->fd, self->pins);
}
