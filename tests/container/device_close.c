// SPDX-License-Identifier: GPL-2.0-only
/*
 * SPEC 8: the deadlock that upstream found no way out of. A driver waits for a
 * vaddr, whose giver waits for the driver: for to close a device is to stop the
 * threads of its driver, and to flush its work. Whatever is ended in whatever way,
 * it ends: at once where the waiter can be told so, else by the time limit.
 */

EMULATED_FIXTURE(device_close, VFIO_TYPE1v2_IOMMU)

#define LIMIT_MS	1500
#define LIMIT		"1500"
/* Too long to be taken for "at once" on a host that is busy. */
#define LONG_LIMIT	"60000"
#define CLOSE_STEP	SZ_1M
#define CLOSE_RANGES	8

/* How much later than it should something may be seen to end. */
static double slack_ms(void)
{
	return kernel_has_lockdep() ? 10000 : 3000;
}

static const int close_orders[6][3] = {
	{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
};

/* A number of ranges of private memory, side by side, all invalid. */
static char *invalid_ranges(struct __test_metadata *_metadata, int fd, int ranges)
{
	char *mem = touched(_metadata, ranges * PAGE_4K);
	int i;

	for (i = 0; i < ranges; i++)
		ASSERT_EQ(0, iova_map(fd, mem + i * PAGE_4K, i * PAGE_4K, PAGE_4K));
	ASSERT_EQ(0, iova_unmap_flags(fd, 0, 0, UNMAP_VADDR | UNMAP_ALL, NULL));
	return mem;
}

static int one_invalid(int fd, int nth)
{
	return iova_unmap_flags(fd, nth * PAGE_4K, PAGE_4K, UNMAP_VADDR, NULL);
}

static int one_replaced(int fd, void *mem, int nth)
{
	return iova_map_flags(fd, mem, nth * PAGE_4K, PAGE_4K, MAP_VADDR);
}

/* What waits on the invalid ranges: for the first of @pages as long as it is invalid. */
static struct type1p_emulated_order waiting(enum type1p_emulated_by by, bool pins, int first,
					    int pages)
{
	return (struct type1p_emulated_order){
		.op = pins ? TYPE1P_EMULATED_PIN : TYPE1P_EMULATED_READ, .by = by,
		.prot = EMULATED_READ, .iova = first * PAGE_4K,
		.npages = pages, .size = pages * PAGE_4K,
	};
}

/* One that waits: a job of the device's, or a thread that is in a call of it. */
struct close_waiter {
	struct type1p_emulated_order order;
	int device;
	int id;
	int ret;
	double ms;
	pthread_t thread;
};

static void *waiter_thread(void *arg)
{
	struct close_waiter *waiter = arg;
	double start = now_ms();

	waiter->ret = emulated_order(waiter->device, &waiter->order);
	waiter->ms = now_ms() - start;
	return NULL;
}

static void waiter_start(struct __test_metadata *_metadata, struct close_waiter *waiter)
{
	if (waiter->order.by == TYPE1P_EMULATED_CALLER) {
		ASSERT_EQ(0, pthread_create(&waiter->thread, NULL, waiter_thread, waiter));
		return;
	}
	waiter->id = emulated_start(waiter->device, &waiter->order);
	ASSERT_GE(waiter->id, 0);
	EXPECT_EQ(-ETIMEDOUT, emulated_wait(waiter->device, waiter->id, 50));
}

/* Closes what the fixture has, in one of the orders; how long that takes. */
static double close_all(struct _test_data_device_close *self, int order)
{
	int *fds[] = { &self->device, &self->group, &self->fd };
	double start = now_ms();
	int i;

	for (i = 0; i < 3; i++)
		close(*fds[close_orders[order][i]]);
	self->device = -1;
	self->group = -1;
	self->fd = -1;
	return now_ms() - start;
}

static void reopen(struct __test_metadata *_metadata, struct _test_data_device_close *self)
{
	self->fd = emulated_served(_metadata, BACKEND_TYPE1P, VFIO_TYPE1v2_IOMMU, 0, &self->group);
	self->device = emulated_open(self->group, 0);
	ASSERT_GE(self->device, 0);
}

static void expect_all_returned(struct __test_metadata *_metadata,
				struct _test_data_device_close *self)
{
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(0, mem_locked());
}

/* Whoever waits for whatever: the device, its group and the container may go in any order. */
TEST_F_TIMEOUT(device_close, s8_every_order, 90)
{
	struct close_waiter waiter;
	enum type1p_emulated_by by;
	double ms;
	int order;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	for (by = TYPE1P_EMULATED_CALLER; by <= TYPE1P_EMULATED_WORK; by++) {
		for (order = 0; order < 6; order++) {
			set_timeout(_metadata, by == TYPE1P_EMULATED_KTHREAD ? LONG_LIMIT : LIMIT);
			invalid_ranges(_metadata, self->fd, 1);
			waiter = (struct close_waiter){
				.order = waiting(by, order % 2, 0, 1), .device = self->device,
			};
			waiter_start(_metadata, &waiter);
			if (by == TYPE1P_EMULATED_CALLER)
				usleep(50000);
			ms = close_all(self, order);
			EXPECT_GT((by == TYPE1P_EMULATED_WORK ? LIMIT_MS : 0) + slack_ms(), ms)
				TH_LOG("by %d, order %d", by, order);
			/* Who is in a call keeps the device open, and goes on waiting. */
			if (by == TYPE1P_EMULATED_CALLER) {
				pthread_join(waiter.thread, NULL);
				EXPECT_EQ(-EAGAIN, waiter.ret);
				EXPECT_GT(LIMIT_MS + slack_ms(), waiter.ms);
			}
			ksft_print_msg("by %d, order %d: closed in %.0f ms\n", by, order, ms);
			reopen(_metadata, self);
		}
	}
	expect_all_returned(_metadata, self);
}

/* Eight who wait, for one range each or for all of them: still one time limit. */
TEST_F_TIMEOUT(device_close, s8_many_waiters, 90)
{
	struct close_waiter waiter;
	int order, i;
	double ms;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	for (order = 0; order < 6; order++) {
		set_timeout(_metadata, LIMIT);
		invalid_ranges(_metadata, self->fd, CLOSE_RANGES);
		for (i = 0; i < CLOSE_RANGES; i++) {
			waiter = (struct close_waiter){ .device = self->device };
			waiter.order = waiting(i % 4 == 3 ? TYPE1P_EMULATED_KTHREAD :
							    TYPE1P_EMULATED_WORK,
					       i & 1, i, i < 2 ? CLOSE_RANGES - i : 1);
			waiter_start(_metadata, &waiter);
		}
		ms = close_all(self, order);
		EXPECT_GT(LIMIT_MS + slack_ms(), ms);
		ksft_print_msg("order %d: closed in %.0f ms\n", order, ms);
		reopen(_metadata, self);
	}
	expect_all_returned(_metadata, self);
}

/*
 * The limit is that of a call, not of each wait in it: one that goes from range to
 * range, each replaced just in time, ends with the first limit.
 */
TEST_F_TIMEOUT(device_close, s8_one_limit_for_a_call, 60)
{
	struct close_waiter waiter = { .device = self->device };
	char *mem;
	int pins, i;
	double start;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	set_timeout(_metadata, LIMIT);
	mem = invalid_ranges(_metadata, self->fd, CLOSE_RANGES);
	for (pins = 0; pins < 2; pins++) {
		waiter.order = waiting(TYPE1P_EMULATED_KTHREAD, pins, 0, CLOSE_RANGES);
		start = now_ms();
		waiter_start(_metadata, &waiter);
		for (i = 0; i < CLOSE_RANGES; i++) {
			if (emulated_wait(self->device, waiter.id, LIMIT_MS * 6 / 10) != -ETIMEDOUT)
				break;
			ASSERT_EQ(0, one_replaced(self->fd, mem, i));
		}
		EXPECT_EQ(-EAGAIN, emulated_wait(self->device, waiter.id, 0))
			TH_LOG("with %d ranges replaced", i);
		EXPECT_LE(LIMIT_MS - 50, now_ms() - start);
		EXPECT_GT(LIMIT_MS + slack_ms(), now_ms() - start);
		EXPECT_EQ(0, emulated_stop(self->device, waiter.id, NULL));
		while (i--)
			ASSERT_EQ(0, one_invalid(self->fd, i));
	}
	expect_all_returned(_metadata, self);
}

static void *closer_thread(void *arg)
{
	close(*(int *)arg);
	return arg;
}

/* While a close waits, nothing else does; and what ends the wait ends the close. */
TEST_F_TIMEOUT(device_close, s8_others_go_on, 60)
{
	struct close_waiter waiter = { .order = waiting(TYPE1P_EMULATED_WORK, true, 0, 1) };
	int replaces, fd, group;
	pthread_t closer;
	double start;
	char *mem;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	for (replaces = 0; replaces < 2; replaces++) {
		set_timeout(_metadata, LONG_LIMIT);
		mem = invalid_ranges(_metadata, self->fd, 1);
		waiter.device = self->device;
		waiter_start(_metadata, &waiter);
		ASSERT_EQ(0, pthread_create(&closer, NULL, closer_thread, &self->device));
		usleep(100000);
		EXPECT_EQ(EBUSY, pthread_tryjoin_np(closer, NULL));

		start = now_ms();
		EXPECT_EQ(0, iova_map(self->fd, mem, CLOSE_STEP, PAGE_4K));
		EXPECT_EQ(1, container_check(self->fd, VFIO_UPDATE_VADDR));
		EXPECT_EQ(ENTRY_LIMIT - 2, dma_avail(self->fd));
		EXPECT_EQ(-EBUSY, container_add_group(self->fd, emulated_test_group(_metadata, 1)));
		fd = container_served(_metadata, BACKEND_TYPE1P, VFIO_TYPE1v2_IOMMU, 0, &group);
		close(group);
		close(fd);
		expect_unmap(_metadata, self->fd, CLOSE_STEP, PAGE_4K, PAGE_4K);
		EXPECT_GT(slack_ms(), now_ms() - start);
		EXPECT_EQ(EBUSY, pthread_tryjoin_np(closer, NULL));

		start = now_ms();
		EXPECT_EQ(0, replaces ? one_replaced(self->fd, mem, 0) :
					iova_unmap(self->fd, 0, PAGE_4K, NULL));
		pthread_join(closer, NULL);
		EXPECT_GT(slack_ms(), now_ms() - start);
		self->device = -1;
		close_all(self, 0);
		reopen(_metadata, self);
	}
	expect_all_returned(_metadata, self);
}

enum ending {
	BY_SIGKILL,
	BY_EXIT,
	BY_EXEC,
};

/* The process that is to end: waits for the word, with all in its hands. */
static void mortal(struct close_waiter *waiter, int fd, int ready, int go)
{
	void *mem = mem_alloc(PAGE_4K, MEM_4K);
	int err;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	err = iova_map(fd, mem, 0, PAGE_4K) ?:
	      iova_unmap_flags(fd, 0, PAGE_4K, UNMAP_VADDR, NULL);
	if (!err && waiter->order.by == TYPE1P_EMULATED_CALLER)
		err = pthread_create(&waiter->thread, NULL, waiter_thread, waiter);
	else if (!err)
		err = emulated_start(waiter->device, &waiter->order) < 0;
	if (err)
		_exit(1);
	usleep(50000);
	if (write(ready, "", 1) != 1 || read(go, &byte, 1) != 1)
		_exit(2);
	if (byte == BY_EXEC)
		execlp("true", "true", NULL);
	_exit(byte == BY_EXIT ? 0 : 3);
}

/* Returns how long it takes to end. */
static double process_ends(struct __test_metadata *_metadata, struct _test_data_device_close *self,
			   enum type1p_emulated_by by, char how)
{
	struct close_waiter waiter = {
		.order = waiting(by, how != BY_EXIT, 0, 1), .device = self->device,
	};
	int ready[2], go[2], status = -1;
	double start;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child)
		mortal(&waiter, self->fd, ready[1], go[0]);
	close_all(self, 0);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
	start = now_ms();
	if (how == BY_SIGKILL)
		kill(child, SIGKILL);
	else
		EXPECT_EQ(1, write(go[1], &how, 1));
	EXPECT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(how == BY_SIGKILL ? SIGKILL : 0, status);
	close(ready[0]);
	close(ready[1]);
	close(go[0]);
	close(go[1]);
	return now_ms() - start;
}

/* A process that is killed, exits or starts another program closes all it has. */
TEST_F_TIMEOUT(device_close, s8_end_of_the_process, 90)
{
	enum type1p_emulated_by by;
	enum ending how;
	double ms;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	for (by = TYPE1P_EMULATED_CALLER; by <= TYPE1P_EMULATED_WORK; by++) {
		for (how = BY_SIGKILL; how <= BY_EXEC; how++) {
			set_timeout(_metadata, by == TYPE1P_EMULATED_WORK ? LIMIT : LONG_LIMIT);
			ms = process_ends(_metadata, self, by, how);
			/* Who is in a call is told by a signal, a thread by kthread_stop(). */
			EXPECT_GT((by == TYPE1P_EMULATED_WORK ? LIMIT_MS : 0) + slack_ms(), ms)
				TH_LOG("by %d, ending %d", by, how);
			ksft_print_msg("by %d, ending %d: gone in %.0f ms\n", by, how, ms);
			reopen(_metadata, self);
		}
	}
	expect_all_returned(_metadata, self);
}

/* kthread_stop(): at once. */
TEST_F(device_close, s8_stop_ends_the_wait)
{
	struct close_waiter waiter = { .device = self->device };
	struct type1p_emulated_status status;
	double start;
	int pins;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	set_timeout(_metadata, LONG_LIMIT);
	invalid_ranges(_metadata, self->fd, 1);
	for (pins = 0; pins < 2; pins++) {
		waiter.order = waiting(TYPE1P_EMULATED_KTHREAD, pins, 0, 1);
		waiter_start(_metadata, &waiter);
		start = now_ms();
		ASSERT_EQ(0, emulated_stop(self->device, waiter.id, &status));
		EXPECT_GT(slack_ms(), now_ms() - start);
		EXPECT_EQ(-EINTR, status.last);
	}
}

static void ignore_it(int signal)
{
	(void)signal;
}

/* A fatal signal: at once. Others are no reason to give up. */
TEST_F(device_close, s8_kill_ends_the_wait)
{
	struct close_waiter waiter = { .device = self->device };
	double start;
	pid_t child;
	int pins;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, IN_TREE_REFUSES);
	set_timeout(_metadata, LONG_LIMIT);
	invalid_ranges(_metadata, self->fd, 1);
	signal(SIGUSR1, ignore_it);
	for (pins = 0; pins < 2; pins++) {
		waiter.order = waiting(TYPE1P_EMULATED_CALLER, pins, 0, 1);
		child = fork();
		ASSERT_GE(child, 0);
		if (!child)
			_exit(emulated_order(self->device, &waiter.order) ? 1 : 0);
		usleep(100000);
		kill(child, SIGUSR1);
		usleep(100000);
		EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
		start = now_ms();
		end(child);
		EXPECT_GT(slack_ms(), now_ms() - start);
	}
}
