// SPDX-License-Identifier: GPL-2.0-only
/* Processes that are killed, stopped or replaced while helpers work for them, and that end. */

FIXTURE_HELPED(helped_end)

/* A process that maps fresh memory in our container and exits with the errno. */
static pid_t child_maps(struct __test_metadata *_metadata, int fd, u64 size)
{
	pid_t child = fork();

	ASSERT_GE(child, 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(-iova_map(fd, mem_alloc(size, MEM_4K), HELPED_IOVA, size));
	}
	return child;
}

/* The status of a child that ends or, with @options, stops in time; else -1. */
static int child_status(pid_t child, int options)
{
	int status = -1, i;

	for (i = 0; i < PATIENCE_MS; i++) {
		if (waitpid(child, &status, options | WNOHANG) == child)
			return status;
		usleep(1000);
	}
	return -1;
}

TEST_F_TIMEOUT(helped_end, s4_killed, 60)
{
	const u64 size = 2 * HELPED_SIZE;
	double whole = now_ms(), died, worst = 0;
	pid_t child;
	int i;

	EXPECT_EQ(0, child_status(child_maps(_metadata, self->fd, size), 0));
	whole = now_ms() - whole;
	expect_unmap(_metadata, self->fd, HELPED_IOVA, size, size);
	for (i = 0; i < 5; i++) {
		child = child_maps(_metadata, self->fd, size);
		ASSERT_TRUE(helper_comes(child));
		usleep(i * 20000);
		died = now_ms();
		kill(child, SIGKILL);
		EXPECT_EQ(SIGKILL, child_status(child, 0));
		died = now_ms() - died;
		worst = died > worst ? died : worst;
		expect_nothing_left(_metadata, self->fd, self->pins);
		EXPECT_TRUE(helpers_gone(child));
	}
	ksft_print_msg("MAP in %.0f ms; dead after %.1f ms at most\n", whole, worst);
	EXPECT_GT(whole / 2, worst);
}

/* A stop takes hold when the MAP is done, and is told then; the MAP is whole. */
TEST_F_TIMEOUT(helped_end, s4_stopped, 60)
{
	pid_t child = child_maps(_metadata, self->fd, HELPED_SIZE);
	int status;

	ASSERT_TRUE(helper_comes(child));
	usleep(20000);
	kill(child, SIGSTOP);
	status = child_status(child, WUNTRACED);
	EXPECT_TRUE(WIFSTOPPED(status))
		TH_LOG("not stopped: status %#x", status);
	EXPECT_EQ(self->pins + HELPED_SIZE / PAGE_4K, pins_held());
	kill(child, SIGCONT);
	EXPECT_EQ(0, child_status(child, 0));
	expect_unmap(_metadata, self->fd, HELPED_IOVA, HELPED_SIZE, HELPED_SIZE);
	expect_nothing_left(_metadata, self->fd, self->pins);
}

/* Another program takes the place of one of whose threads is mapping. */
TEST_F_TIMEOUT(helped_end, s4_replaced, 60)
{
	struct map_job job = { self->fd, NULL, HELPED_IOVA, HELPED_SIZE, -1 };
	pthread_t thread;
	pid_t child;

	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		job.mem = mem_alloc(HELPED_SIZE, MEM_4K);
		pthread_create(&thread, NULL, map_job, &job);
		while (!count_helpers(getpid()))
			usleep(500);
		execlp("true", "true", NULL);
		_exit(1);
	}
	EXPECT_EQ(0, child_status(child, 0));
	expect_nothing_left(_metadata, self->fd, self->pins);
	EXPECT_TRUE(helpers_gone(child));
}

/* Closing the container takes all apart, with helpers. */
TEST_F_TIMEOUT(helped_end, s11_close, 60)
{
	const u64 size = 4 * PIECE;
	char *mem = fresh(_metadata, size);
	struct watch watch;

	ASSERT_EQ(0, iova_map(self->fd, mem, HELPED_IOVA, size));
	close(self->fd);
	self->fd = -1;
	watch_begin(_metadata, &watch);
	close(self->group);
	watch_end(_metadata, &watch);
	self->group = -1;
	EXPECT_LT(0, watch.most);
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
}

/* So does the end of the process, which has threads of the kernel for that. */
TEST_F_TIMEOUT(helped_end, s11_exit, 90)
{
	const u64 size = 8 * PIECE;
	struct watch watch;
	int ready[2], ret = -1;
	pid_t child;

	ASSERT_EQ(0, pipe(ready));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ret = iova_map(self->fd, mem_alloc(size, MEM_4K), HELPED_IOVA, size);
		if (write(ready[1], &ret, sizeof(ret)) != sizeof(ret))
			_exit(1);
		pause();
	}
	ASSERT_EQ(sizeof(ret), read(ready[0], &ret, sizeof(ret)));
	ASSERT_EQ(0, ret);
	EXPECT_EQ(self->pins + size / PAGE_4K, pins_held());
	close(self->fd);
	close(self->group);
	self->fd = -1;
	self->group = -1;
	watch_for(_metadata, &watch, count_kernel_helpers, child);
	end(child);
	watch_end(_metadata, &watch);
	ksft_print_msg("end with 1 GiB: helpers found by %d of %d looks\n", watch.found,
		       watch.looks);
	EXPECT_LT(0, watch.most);
	EXPECT_EQ(self->pins, pins_held());
}
