// SPDX-License-Identifier: GPL-2.0-only
/* SPEC 7: whose locked memory a mapping is, and for how long. */

FIXTURE(accounting) {
	int fd;
	int group;
	s64 pins;
};

TWO_BACKENDS(accounting);

FIXTURE_SETUP(accounting)
{
	self->fd = container_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0,
				    &self->group);
	self->pins = pins_held();
}

TEARDOWN_CONTAINER(accounting)

/* VmLck of a process in bytes; 0 also for one that has no memory any more. */
static s64 locked_of(pid_t pid)
{
	long long kib = 0;
	char line[128];
	FILE *status;

	snprintf(line, sizeof(line), "/proc/%d/status", pid);
	status = fopen(line, "re");
	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "VmLck: %lld", &kib) == 1)
			break;
	if (status)
		fclose(status);
	return kib * 1024;
}

/* A child that has mapped memory of its own, and does nothing more until killed. */
static pid_t child_that_maps(struct __test_metadata *_metadata, int fd, u64 iova, u64 size)
{
	int ready[2], ret = -1;
	pid_t child;

	ASSERT_EQ(0, pipe(ready));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ret = iova_map(fd, mem_alloc(size, MEM_4K), iova, size);
		if (write(ready[1], &ret, sizeof(ret)) != sizeof(ret))
			_exit(1);
		pause();
		_exit(0);
	}
	EXPECT_EQ(sizeof(ret), read(ready[0], &ret, sizeof(ret)));
	EXPECT_EQ(0, ret);
	close(ready[0]);
	close(ready[1]);
	return child;
}

static void end(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

TEST_F(accounting, s7_limit_is_exact)
{
	const u64 size = 17 * SZ_1M;
	char *mem = touched(_metadata, size + PAGE_4K);

	drop_ipc_lock(_metadata, size);
	EXPECT_EQ(-ENOMEM, iova_map(self->fd, mem, 0, size + PAGE_4K));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(0, iova_map(self->fd, mem, 0, size));
	EXPECT_EQ(size, mem_locked());
	EXPECT_EQ(-ENOMEM, iova_map(self->fd, mem, 2 * size, PAGE_4K));
	EXPECT_EQ(ENTRY_LIMIT - 1, dma_avail(self->fd));
	EXPECT_EQ(size, mem_locked());
	EXPECT_EQ(0, iova_unmap(self->fd, 0, size, NULL));
	EXPECT_EQ(0, iova_map(self->fd, mem, 2 * size, PAGE_4K));
}

TEST_F(accounting, s7_limit_over_several_mappings)
{
	char *mem = touched(_metadata, PAGE_4K);
	int i;

	drop_ipc_lock(_metadata, 8 * PAGE_4K);
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, iova_map(self->fd, mem, i * PAGE_4K, PAGE_4K));
	EXPECT_EQ(-ENOMEM, iova_map(self->fd, mem, SZ_1M, PAGE_4K));
	EXPECT_EQ(0, iova_unmap(self->fd, 0, PAGE_4K, NULL));
	EXPECT_EQ(0, iova_map(self->fd, mem, SZ_1M, PAGE_4K));
	EXPECT_EQ(-ENOMEM, iova_map(self->fd, mem, 2 * SZ_1M, PAGE_4K));
}

TEST_F(accounting, s7_limit_zero)
{
	void *fresh = mem_alloc(PAGE_4K, MEM_4K);

	drop_ipc_lock(_metadata, 0);
	EXPECT_EQ(-ENOMEM, iova_map(self->fd, touched(_metadata, PAGE_4K), 0, PAGE_4K));
	/* The zero page costs nothing where it is the zero page. */
	EXPECT_EQ(kernel_unshares_zero_page() ? -ENOMEM : 0,
		  iova_map_flags(self->fd, fresh, SZ_1M, PAGE_4K, VFIO_DMA_MAP_FLAG_READ));
}

/* mlock() and MAP_DMA draw on one account. */
TEST_F(accounting, s7_limit_is_shared_with_mlock)
{
	char *mem = touched(_metadata, 8 * PAGE_4K);

	drop_ipc_lock(_metadata, 8 * PAGE_4K);
	ASSERT_EQ(0, mlock(mem, 4 * PAGE_4K));
	EXPECT_EQ(-ENOMEM, iova_map(self->fd, mem, 0, 5 * PAGE_4K));
	EXPECT_EQ(4 * PAGE_4K, mem_locked());
	EXPECT_EQ(0, iova_map(self->fd, mem, 0, 4 * PAGE_4K));
	EXPECT_EQ(8 * PAGE_4K, mem_locked());
	ASSERT_EQ(0, munlock(mem, 4 * PAGE_4K));
	EXPECT_EQ(4 * PAGE_4K, mem_locked());
}

TEST_F(accounting, s7_capability_lifts_the_limit)
{
	struct rlimit none = {};

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &none));
	EXPECT_EQ(0, iova_map(self->fd, touched(_metadata, SZ_1M), 0, SZ_1M));
	EXPECT_EQ(SZ_1M, mem_locked());
}

/* The capability is asked for at each MAP, not once. */
TEST_F(accounting, s7_capability_at_the_time_of_the_map)
{
	void *mem = touched(_metadata, SZ_1M);

	EXPECT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	drop_ipc_lock(_metadata, SZ_1M);
	EXPECT_EQ(-ENOMEM, iova_map(self->fd, mem, SZ_1M, PAGE_4K));
	EXPECT_EQ(0, iova_unmap(self->fd, 0, SZ_1M, NULL));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(0, iova_map(self->fd, mem, SZ_1M, SZ_1M));
}

/* Root of a user namespace of one's own is not root here. */
TEST_F(accounting, s7_capability_of_a_user_namespace_does_not_count)
{
	struct rlimit page = { PAGE_4K, PAGE_4K };
	void *mem = touched(_metadata, 2 * PAGE_4K);

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &page));
	ASSERT_EQ(0, unshare(CLONE_NEWUSER));
	EXPECT_EQ(-ENOMEM, iova_map(self->fd, mem, 0, 2 * PAGE_4K));
	EXPECT_EQ(0, iova_map(self->fd, mem, 0, PAGE_4K));
}

/* Not the opener's limit counts, but that of who maps. */
TEST_F(accounting, s7_limit_of_the_mapper)
{
	void *mem = touched(_metadata, PAGE_4K);
	int status = -1;
	pid_t child;

	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		drop_ipc_lock(_metadata, 0);
		_exit(iova_map(self->fd, mem, 0, PAGE_4K) == -ENOMEM ? 0 : 1);
	}
	waitpid(child, &status, 0);
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, iova_map(self->fd, mem, 0, PAGE_4K));
}

TEST_F(accounting, s7_munmap_leaves_pin_and_charge)
{
	void *mem = touched(_metadata, SZ_1M);

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	ASSERT_EQ(0, munmap(mem, SZ_1M));
	EXPECT_EQ(SZ_1M, mem_locked());
	EXPECT_EQ(self->pins + 256, pins_held());
	EXPECT_EQ(0, iova_unmap(self->fd, 0, SZ_1M, NULL));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
}

TEST_F(accounting, s7_end_of_the_container_returns_all)
{
	void *mem = touched(_metadata, SZ_1M);

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	ASSERT_EQ(0, iova_map(self->fd, mem, SZ_1M, SZ_1M));
	close(self->fd);
	EXPECT_EQ(2 * SZ_1M, mem_locked());
	close(self->group);
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
}

TEST_F(accounting, s7_child_inherits_no_charge)
{
	void *mem = touched(_metadata, SZ_1M);
	int status = -1;
	pid_t child;

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(!!mem_locked());
	waitpid(child, &status, 0);
	EXPECT_EQ(0, status);
	EXPECT_EQ(SZ_1M, mem_locked());
}

TEST_F(accounting, s7_child_unmaps_for_the_parent)
{
	void *mem = touched(_metadata, SZ_1M);
	int status = -1;
	pid_t child;

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(iova_unmap(self->fd, 0, SZ_1M, NULL) || mem_locked());
	waitpid(child, &status, 0);
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
}

TEST_F(accounting, s7_parent_unmaps_for_the_child)
{
	pid_t child = child_that_maps(_metadata, self->fd, 0, SZ_1M);

	EXPECT_EQ(SZ_1M, locked_of(child));
	EXPECT_EQ(0, mem_locked());
	expect_unmap(_metadata, self->fd, 0, SZ_1M, SZ_1M);
	EXPECT_EQ(0, locked_of(child));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
	end(child);
}

/* What a dead process mapped stays mapped; taking it away charges or credits nobody. */
TEST_F(accounting, s7_mapper_dies)
{
	void *mem = touched(_metadata, PAGE_4K);
	pid_t child = child_that_maps(_metadata, self->fd, 0, SZ_1M);

	end(child);
	EXPECT_EQ(self->pins + 256, pins_held());
	EXPECT_EQ(-EEXIST, iova_map(self->fd, mem, 0, PAGE_4K));
	EXPECT_EQ(0, iova_map(self->fd, mem, SZ_1M, PAGE_4K));
	expect_unmap(_metadata, self->fd, 0, SZ_1M, SZ_1M);
	EXPECT_EQ(PAGE_4K, mem_locked());
	EXPECT_EQ(self->pins + 1, pins_held());
	EXPECT_EQ(0, iova_map(self->fd, mem, 0, PAGE_4K));
}

TEST_F(accounting, s7_mapper_dies_and_the_container_ends)
{
	end(child_that_maps(_metadata, self->fd, 0, SZ_1M));
	EXPECT_EQ(self->pins + 256, pins_held());
	close(self->group);
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(0, mem_locked());
}

/* exec() is the death of the old memory. */
TEST_F(accounting, s7_mapper_execs)
{
	int done[2], status = -1;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe2(done, O_CLOEXEC));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (iova_map(self->fd, mem_alloc(SZ_1M, MEM_4K), 0, SZ_1M) ||
		    mem_locked() != SZ_1M)
			_exit(1);
		execlp("sleep", "sleep", "1000", NULL);
		_exit(2);
	}
	close(done[1]);
	/* Ends with exec(), or with the child. */
	EXPECT_EQ(0, read(done[0], &byte, 1));
	EXPECT_EQ(0, waitpid(child, &status, WNOHANG))
		TH_LOG("child ended with status %#x", status);
	EXPECT_EQ(0, locked_of(child));
	EXPECT_EQ(self->pins + 256, pins_held());
	EXPECT_EQ(-EEXIST, iova_map(self->fd, touched(_metadata, PAGE_4K), 0, PAGE_4K));
	expect_unmap(_metadata, self->fd, 0, SZ_1M, SZ_1M);
	EXPECT_EQ(0, locked_of(child));
	EXPECT_EQ(self->pins, pins_held());
	end(child);
}

/* The child alone keeps the container; its end frees the parent's charge. */
TEST_F(accounting, s7_last_descriptor_in_another_process)
{
	void *mem = touched(_metadata, SZ_1M);
	pid_t child;

	ASSERT_EQ(0, iova_map(self->fd, mem, 0, SZ_1M));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	close(self->group);
	close(self->fd);
	EXPECT_EQ(SZ_1M, mem_locked());
	end(child);
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
}

struct map_job {
	int fd;
	void *mem;
	u64 iova;
	u64 size;
	int ret;
};

static void *map_job(void *arg)
{
	struct map_job *job = arg;

	job->ret = iova_map(job->fd, job->mem, job->iova, job->size);
	return NULL;
}

/* A thread's mapping is the process's. */
TEST_F(accounting, s7_thread_maps_and_ends)
{
	struct map_job job = { self->fd, touched(_metadata, SZ_1M), 0, SZ_1M, -1 };
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, map_job, &job));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, job.ret);
	EXPECT_EQ(SZ_1M, mem_locked());
	EXPECT_EQ(0, iova_unmap(self->fd, 0, SZ_1M, NULL));
	EXPECT_EQ(0, mem_locked());
}

static int map_and_exit(void *arg)
{
	map_job(arg);
	return 0;
}

/* A process that shared our memory is gone, the memory is not. */
TEST_F(accounting, s7_mapper_shares_memory_and_dies)
{
	struct map_job job = { self->fd, touched(_metadata, SZ_1M), 0, SZ_1M, -1 };
	char *stack = touched(_metadata, SZ_1M);
	pid_t child;

	child = clone(map_and_exit, stack + SZ_1M, CLONE_VM | SIGCHLD, &job);
	ASSERT_GE(child, 0);
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	EXPECT_EQ(0, job.ret);
	EXPECT_EQ(SZ_1M, mem_locked());
	EXPECT_EQ(0, iova_unmap(self->fd, 0, SZ_1M, NULL));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
}

static void *outlive_the_leader(void *arg)
{
	struct map_job *job = arg;

	/* Long enough for the leader to be gone. */
	usleep(200000);
	map_job(job);
	if (!job->ret)
		job->ret = iova_unmap(job->fd, job->iova, job->size, NULL);
	_exit(job->ret ? 1 : 0);
}

/* The thread group's leader has ended, as a zombie, before another thread maps. */
TEST_F(accounting, s7_thread_maps_after_its_leader_ended)
{
	struct map_job job = { self->fd, touched(_metadata, SZ_1M), 0, SZ_1M, -1 };
	int status = -1;
	pthread_t thread;
	pid_t child;

	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pthread_create(&thread, NULL, outlive_the_leader, &job))
			_exit(2);
		syscall(SYS_exit, 0);
	}
	waitpid(child, &status, 0);
	EXPECT_EQ(0, status);
	EXPECT_EQ(self->pins, pins_held());
}

/* Two MAPs at once that fit the limit exactly: neither may stand in the other's way. */
TEST_F(accounting, s7_limit_fits_two_maps_at_once)
{
	const u64 size = 8 * SZ_1M;
	struct map_job job[2] = {
		{ self->fd, touched(_metadata, size), 0, size, -1 },
		{ self->fd, touched(_metadata, size), size, size, -1 },
	};
	pthread_t thread;
	int i;

	drop_ipc_lock(_metadata, 2 * size);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, pthread_create(&thread, NULL, map_job, &job[0]));
		map_job(&job[1]);
		ASSERT_EQ(0, pthread_join(thread, NULL));
		ASSERT_EQ(0, job[0].ret);
		ASSERT_EQ(0, job[1].ret);
		EXPECT_EQ(2 * size, mem_locked());
		expect_unmap(_metadata, self->fd, 0, 2 * size, 2 * size);
		EXPECT_EQ(0, mem_locked());
	}
}
