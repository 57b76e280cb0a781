// SPDX-License-Identifier: GPL-2.0-only
/* What helpers use is the caller's: CPU time and memory are its cgroup's, within its limits. */

FIXTURE(helped_charge) {
	int fd;
	int group;
	s64 pins;
};

FIXTURE_SETUP(helped_charge)
{
	if (!has_two_cpus())
		SKIP(return, "needs two CPUs");
	if (!cgroup_works(CGROUP_ALL))
		SKIP(return, "this kernel has no cgroup controllers");
	self->fd = container_helped(_metadata, &self->group);
	cgroup_make(_metadata, CGROUP_ALL);
	self->pins = pins_held();
}

FIXTURE_TEARDOWN(helped_charge)
{
	close(self->group);
	close(self->fd);
	cgroup_end();
	params_reset(BACKEND_TYPE1P);
}

/* CPU time, in ms, from one moment to another. */
struct cpu_time {
	double own;			/* of the thread that asks */
	double cgroup;
	double all;			/* of the whole machine */
	double wall;
};

static struct cpu_time cpu_time_now(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (struct cpu_time){
		.own = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
		       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3,
		.cgroup = cgroup_read(CGROUP, "cpu.stat", "usage_usec") / 1e3,
		.all = cgroup_read(CGROUP_ROOT, "cpu.stat", "usage_usec") / 1e3,
		.wall = now_ms(),
	};
}

static struct cpu_time cpu_time_of_map(struct __test_metadata *_metadata,
				       struct _test_data_helped_charge *self, size_t size)
{
	/* The first and the last are halves of pieces. */
	char *mem = fresh(_metadata, size);
	struct cpu_time before = cpu_time_now(), after, used;

	EXPECT_EQ(0, iova_map(self->fd, mem, ROOM_IOVA + PIECE / 2, size));
	after = cpu_time_now();
	used = (struct cpu_time){
		.own = after.own - before.own,
		.cgroup = after.cgroup - before.cgroup,
		.all = after.all - before.all,
		.wall = after.wall - before.wall,
	};
	ksft_print_msg("MAP: %.0f ms, CPU time: caller %.0f, its cgroup %.0f, all %.0f ms\n",
		       used.wall, used.own, used.cgroup, used.all);
	return used;
}

/* Nothing else runs here: what the machine spends is the cgroup's, and more than the caller's. */
TEST_F_TIMEOUT(helped_charge, s0_cpu_time, 60)
{
	struct cpu_time used;

	ASSERT_EQ(0, cgroup_enter());
	used = cpu_time_of_map(_metadata, self, PIECE);
	EXPECT_LT(used.own * 1.25, used.cgroup);
	EXPECT_LT(used.all * 0.85, used.cgroup);
}

TEST_F_TIMEOUT(helped_charge, s0_cpu_limit, 90)
{
	struct cpu_time used;

	ASSERT_EQ(0, cgroup_write("cpu.max", "50000 100000"));
	ASSERT_EQ(0, cgroup_enter());
	if (kernel_throttles_in_kernel()) {
		used = cpu_time_of_map(_metadata, self, PIECE);
		EXPECT_LT(used.own * 1.25, used.cgroup);
		EXPECT_GT(used.wall * 0.6, used.cgroup);
		EXPECT_GT(used.wall * 0.6, used.all * 0.85);
	} else {
		/* The caller goes on and stands still later; a helper does its first piece. */
		used = cpu_time_of_map(_metadata, self, 6 * PIECE);
		EXPECT_LT(used.own, used.cgroup);
		EXPECT_GT(used.own * 1.75, used.cgroup);
		EXPECT_GT(used.wall * 0.6, used.own);
	}
}

TEST_F_TIMEOUT(helped_charge, s0_memory, 60)
{
	char *mem = fresh(_metadata, HELPED_SIZE);
	struct watch watch;
	s64 memory;

	ASSERT_EQ(0, cgroup_enter());
	watch_begin(_metadata, &watch);
	EXPECT_EQ(0, iova_map(self->fd, mem, HELPED_IOVA, HELPED_SIZE));
	watch_end(_metadata, &watch);
	EXPECT_LT(0, watch.most);
	memory = cgroup_read(CGROUP, "memory.current", NULL);
	ksft_print_msg("MAP of %lu MiB: memory.current %lld MiB\n", HELPED_SIZE / SZ_1M,
		       (long long)memory / SZ_1M);
	EXPECT_LE(HELPED_SIZE, memory);
	EXPECT_GT(HELPED_SIZE + 16 * SZ_1M, memory);
}

/* Who maps more than it may have is killed, as who touches it would be. */
TEST_F_TIMEOUT(helped_charge, s0_memory_limit, 60)
{
	const u64 limit = HELPED_SIZE * 3 / 4;
	struct watch watch;
	char value[32];
	int status;
	pid_t child;
	s64 peak;

	snprintf(value, sizeof(value), "%llu", (unsigned long long)limit);
	ASSERT_EQ(0, cgroup_write("memory.max", value));
	ASSERT_EQ(0, cgroup_enter());
	child = child_maps(_metadata, self->fd, HELPED_SIZE);
	cgroup_leave();
	watch_for(_metadata, &watch, count_helpers, child);
	status = child_status(child, 0);
	watch_end(_metadata, &watch);
	if (status != SIGKILL)
		EXPECT_EQ(ENOMEM, WEXITSTATUS(status));
	EXPECT_LT(0, watch.most);
	peak = cgroup_read(CGROUP, "memory.peak", NULL);
	ksft_print_msg("memory.max %llu MiB, memory.peak %lld MiB, status %#x\n",
		       (unsigned long long)limit / SZ_1M, (long long)peak / SZ_1M, status);
	EXPECT_GE(limit + SZ_1M, peak);
	EXPECT_LT(limit / 2, peak);
	expect_nothing_left(_metadata, self->fd, self->pins);
}

/* A process that only uses a CPU, till it is killed. */
static pid_t child_spins(struct __test_metadata *_metadata)
{
	pid_t child = fork();

	ASSERT_GE(child, 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			;
	}
	return child;
}

static bool cgroup_freezes(void)
{
	int i;

	for (i = 0; i < PATIENCE_MS; i++) {
		if (cgroup_read(CGROUP, "cgroup.events", "frozen") == 1)
			return true;
		usleep(1000);
	}
	return false;
}

/*
 * All of a cgroup is frozen when the MAP is done, and goes on when it is thawed. With
 * a CPU that is busy otherwise, the caller runs where a helper is about to end.
 */
TEST_F_TIMEOUT(helped_charge, s0_freezer, 90)
{
	pid_t spins = child_spins(_metadata), child;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, cgroup_enter());
		child = child_maps(_metadata, self->fd, HELPED_SIZE);
		cgroup_leave();
		ASSERT_TRUE(helper_comes(child));
		usleep(20000);
		ASSERT_EQ(0, cgroup_write("cgroup.freeze", "1"));
		EXPECT_TRUE(cgroup_freezes());
		EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
		ASSERT_EQ(0, cgroup_write("cgroup.freeze", "0"));
		EXPECT_EQ(0, child_status(child, 0));
		expect_unmap(_metadata, self->fd, HELPED_IOVA, HELPED_SIZE, HELPED_SIZE);
	}
	kill(spins, SIGKILL);
	waitpid(spins, NULL, 0);
}

/* Who is killed when it is frozen leaves no helper behind that the module would stay for. */
TEST_F_TIMEOUT(helped_charge, s0_freezer_and_kill, 60)
{
	long users = module_users(BACKEND_TYPE1P);
	pid_t child;
	int i;

	ASSERT_EQ(0, cgroup_enter());
	child = child_maps(_metadata, self->fd, HELPED_SIZE);
	cgroup_leave();
	ASSERT_TRUE(helper_comes(child));
	ASSERT_EQ(0, cgroup_write("cgroup.freeze", "1"));
	EXPECT_TRUE(cgroup_freezes());
	kill(child, SIGKILL);
	EXPECT_EQ(SIGKILL, child_status(child, 0));
	for (i = 0; i < PATIENCE_MS && module_users(BACKEND_TYPE1P) != users; i++)
		usleep(1000);
	EXPECT_EQ(users, module_users(BACKEND_TYPE1P));
	EXPECT_TRUE(helpers_gone(child));
	ASSERT_EQ(0, cgroup_write("cgroup.freeze", "0"));
}

/* A caller that may use one CPU only works alone. */
static void expect_alone(struct __test_metadata *_metadata,
			 struct _test_data_helped_charge *self)
{
	char *mem = fresh(_metadata, HELPED_SIZE);
	struct watch watch;

	watch_begin(_metadata, &watch);
	EXPECT_EQ(0, iova_map(self->fd, mem, HELPED_IOVA, HELPED_SIZE));
	expect_unmap(_metadata, self->fd, HELPED_IOVA, HELPED_SIZE, HELPED_SIZE);
	watch_end(_metadata, &watch);
	EXPECT_EQ(0, watch.most);
	mem_free(mem, HELPED_SIZE, MEM_4K);
}

TEST_F_TIMEOUT(helped_charge, s0_affinity, 60)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	expect_alone(_metadata, self);
}

TEST_F_TIMEOUT(helped_charge, s0_cpuset, 60)
{
	ASSERT_EQ(0, cgroup_write("cpuset.cpus", "1"));
	ASSERT_EQ(0, cgroup_enter());
	expect_alone(_metadata, self);
}
