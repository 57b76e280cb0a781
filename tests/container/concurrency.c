// SPDX-License-Identifier: GPL-2.0-only
/*
 * A slow MAP and what else happens in its container meanwhile. The in-tree
 * driver holds one lock all the while, so everything waits for it; ours delays
 * only what concerns the same range.
 */

#define ENOUGH		100	/* rounds of other calls that show that they are not delayed */
#define PATIENCE_MS	(kernel_is_slow() ? 200000 : 20000)	/* for what should happen */
#define GLANCE_MS	500	/* for what should not */
/* What is at once may take so long on a host that is busy; what it is told from, longer. */
#define AT_ONCE_MS	(PATIENCE_MS / 2)

CONTAINER_FIXTURE(concurrency, VFIO_TYPE1v2_IOMMU)

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static bool wait_for(sem_t *sem, int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	return !sem_timedwait(sem, &until);
}

/*
 * One MAP or UNMAP at work beside the test: a thread, or a process that shares
 * only the container, because the in-tree driver's page faults also hold the
 * lock of the memory itself.
 */
struct call {
	int fd;
	bool process;
	void *mem;
	u64 iova;
	u64 size;
	u32 prot;			/* none: UNMAP */
	int ret;
	u64 unmapped;
	double ms;
	sem_t done;
	pthread_t thread;
	pid_t pid;
};

static void *call_run(void *arg)
{
	struct call *call = arg;
	double start = now_ms();

	if (call->prot)
		call->ret = iova_map_flags(call->fd, call->mem, call->iova, call->size, call->prot);
	else
		call->ret = iova_unmap(call->fd, call->iova, call->size, &call->unmapped);
	call->ms = now_ms() - start;
	sem_post(&call->done);
	return NULL;
}

static struct call *call_start(struct __test_metadata *_metadata, struct call what)
{
	struct call *call = mmap(NULL, sizeof(*call), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, call);
	*call = what;
	sem_init(&call->done, 1, 0);
	if (!call->process) {
		ASSERT_EQ(0, pthread_create(&call->thread, NULL, call_run, call));
		return call;
	}
	call->pid = fork();
	ASSERT_GE(call->pid, 0);
	if (!call->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		call_run(call);
		_exit(0);
	}
	return call;
}

/* Both at iova 0. */
static struct call *thread_maps(struct __test_metadata *_metadata, int fd, void *mem, u64 size)
{
	struct call what = { .fd = fd, .mem = mem, .size = size, .prot = PROT_DMA };

	return call_start(_metadata, what);
}

static struct call *thread_unmaps(struct __test_metadata *_metadata, int fd, u64 size)
{
	struct call what = { .fd = fd, .size = size };

	return call_start(_metadata, what);
}

/* Whether it comes to an end. */
static bool call_end(struct call *call)
{
	if (!wait_for(&call->done, PATIENCE_MS))
		return false;
	if (call->process)
		waitpid(call->pid, NULL, 0);
	else
		pthread_join(call->thread, NULL);
	return true;
}

/* A MAP that waits for a page of a slow file, or NULL where there is no such file. */
static struct call *slow_map(struct __test_metadata *_metadata, int fd, struct slow_file *slow,
			     u64 size)
{
	struct call *call, map = {
		.fd = fd,
		.process = true,
		.size = size,
		.prot = VFIO_DMA_MAP_FLAG_READ,
	};

	map.mem = slow_file_map(_metadata, slow, size);
	if (!map.mem)
		return NULL;
	call = call_start(_metadata, map);
	ASSERT_TRUE(wait_for(&slow->asked, PATIENCE_MS))
		TH_LOG("MAP of the slow file: %d", call->ret);
	return call;
}

/* Asks, maps and unmaps elsewhere in the container, over and over, and takes the time. */
struct others {
	int fd;
	void *mem;
	u64 iova;
	bool stop;
	int rounds;
	int error;
	double worst[3];		/* GET_INFO, MAP, UNMAP */
	sem_t enough;
	pthread_t thread;
};

static void *others_thread(void *arg)
{
	struct others *others = arg;
	struct container_info info;
	double start, end;
	int ret, i;

	while (!__atomic_load_n(&others->stop, __ATOMIC_ACQUIRE) && !others->error) {
		for (i = 0; i < 3; i++) {
			start = now_ms();
			if (i == 0)
				ret = container_info(others->fd, &info);
			else if (i == 1)
				ret = iova_map(others->fd, others->mem, others->iova, PAGE_4K);
			else
				ret = iova_unmap(others->fd, others->iova, PAGE_4K, NULL);
			end = now_ms();
			if (end - start > others->worst[i])
				others->worst[i] = end - start;
			if (ret)
				others->error = ret;
		}
		if (__atomic_add_fetch(&others->rounds, 1, __ATOMIC_ACQ_REL) == ENOUGH)
			sem_post(&others->enough);
	}
	return NULL;
}

static void others_start(struct __test_metadata *_metadata, struct others *others, int fd)
{
	*others = (struct others){ .fd = fd, .iova = 1ULL << 30 };
	others->mem = touched(_metadata, PAGE_4K);
	sem_init(&others->enough, 0, 0);
	ASSERT_EQ(0, pthread_create(&others->thread, NULL, others_thread, others));
}

static int others_rounds(struct others *others)
{
	return __atomic_load_n(&others->rounds, __ATOMIC_ACQUIRE);
}

static void others_end(struct __test_metadata *_metadata, struct others *others)
{
	__atomic_store_n(&others->stop, true, __ATOMIC_RELEASE);
	pthread_join(others->thread, NULL);
	EXPECT_EQ(0, others->error);
}

static void others_report(const struct others *others)
{
	ksft_print_msg("worst GET_INFO %.2f, MAP %.2f, UNMAP %.2f ms\n", others->worst[0],
		       others->worst[1], others->worst[2]);
}

/* While a MAP waits for a page: others get on with it, or, in-tree, not at all. */
static void expect_progress(struct __test_metadata *_metadata, enum backend backend,
			    struct others *others)
{
	bool enough = wait_for(&others->enough,
			       backend == BACKEND_TYPE1P ? PATIENCE_MS : GLANCE_MS);

	EXPECT_EQ(backend == BACKEND_TYPE1P, enough);
	ksft_print_msg("%s, while a MAP waits for its page: %d rounds elsewhere\n",
		       backend_name(backend), others_rounds(others));
	others_report(others);
	if (backend == BACKEND_INTREE)
		EXPECT_EQ(0, others_rounds(others));
}

TEST_F(concurrency, s0_map_that_waits_for_a_file)
{
	struct slow_file slow;
	struct others others;
	struct call *map;

	map = slow_map(_metadata, self->fd, &slow, PAGE_4K);
	if (!map)
		SKIP(return, "no FUSE here");
	others_start(_metadata, &others, self->fd);
	expect_progress(_metadata, variant->backend, &others);
	EXPECT_EQ(-1, sem_trywait(&map->done));
	sem_post(&slow.let);
	ASSERT_TRUE(call_end(map));
	EXPECT_EQ(0, map->ret);
	others_end(_metadata, &others);
}

/* Calls that concern the range itself wait until it is there, and then see it. */
TEST_F(concurrency, s0_overlapping_calls_wait)
{
	const u64 size = 2 * PAGE_4K;
	void *mem = touched(_metadata, size);
	struct call *map, *again, *half;
	struct slow_file slow;

	map = slow_map(_metadata, self->fd, &slow, size);
	if (!map)
		SKIP(return, "no FUSE here");
	again = thread_maps(_metadata, self->fd, mem, PAGE_4K);
	half = thread_unmaps(_metadata, self->fd, PAGE_4K);
	EXPECT_FALSE(wait_for(&again->done, GLANCE_MS));
	EXPECT_FALSE(wait_for(&half->done, GLANCE_MS));
	sem_post(&slow.let);
	sem_post(&slow.let);
	ASSERT_TRUE(call_end(map));
	ASSERT_TRUE(call_end(again));
	ASSERT_TRUE(call_end(half));
	EXPECT_EQ(0, map->ret);
	EXPECT_EQ(-EEXIST, again->ret);
	EXPECT_EQ(-EINVAL, half->ret);
	expect_unmap(_metadata, self->fd, 0, size, size);
}

TEST_F(concurrency, s0_unmap_waits_for_the_map)
{
	struct call *map, *unmap;
	struct slow_file slow;

	map = slow_map(_metadata, self->fd, &slow, PAGE_4K);
	if (!map)
		SKIP(return, "no FUSE here");
	unmap = thread_unmaps(_metadata, self->fd, PAGE_4K);
	EXPECT_FALSE(wait_for(&unmap->done, GLANCE_MS));
	sem_post(&slow.let);
	ASSERT_TRUE(call_end(map));
	ASSERT_TRUE(call_end(unmap));
	EXPECT_EQ(0, map->ret);
	EXPECT_EQ(0, unmap->ret);
	EXPECT_EQ(PAGE_4K, unmap->unmapped);
	EXPECT_EQ(0, mem_locked());
}

/* Memory whose last page user space fills in itself, when it is asked to. */
struct missing_page {
	int uffd;
	void *mem;
};

/* A descriptor that is told of pages that are missing there. */
static int missing(struct __test_metadata *_metadata, void *mem, u64 size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { (uintptr_t)mem, size }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	ASSERT_GE(uffd, 0);
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_API, &api));
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_REGISTER, &reg));
	return uffd;
}

static void missing_page(struct __test_metadata *_metadata, struct missing_page *page, u64 size)
{
	char *last;

	page->mem = touched(_metadata, size);
	last = (char *)page->mem + size - PAGE_4K;
	ASSERT_EQ(0, madvise(last, PAGE_4K, MADV_DONTNEED));
	page->uffd = missing(_metadata, last, PAGE_4K);
}

static bool page_asked_for(struct missing_page *page, int ms)
{
	struct pollfd poll_in = { .fd = page->uffd, .events = POLLIN };

	return poll(&poll_in, 1, ms) == 1;
}

static void page_fill(struct __test_metadata *_metadata, struct missing_page *page)
{
	struct uffd_msg msg;
	struct uffdio_copy copy = { .len = PAGE_4K };

	ASSERT_EQ(sizeof(msg), read(page->uffd, &msg, sizeof(msg)));
	copy.dst = msg.arg.pagefault.address & -PAGE_4K;
	copy.src = (uintptr_t)touched(_metadata, PAGE_4K);
	ASSERT_EQ(0, ioctl(page->uffd, UFFDIO_COPY, &copy));
}

/* Better on purpose: in-tree, such a page is EFAULT at once. */
TEST_F(concurrency, s0_s4_map_that_waits_for_userfaultfd)
{
	struct missing_page page;
	struct others others;
	struct call *map;

	missing_page(_metadata, &page, PAGE_4K);
	map = thread_maps(_metadata, self->fd, page.mem, PAGE_4K);
	if (variant->backend == BACKEND_INTREE) {
		ASSERT_TRUE(call_end(map));
		EXPECT_EQ(-EFAULT, map->ret);
		EXPECT_FALSE(page_asked_for(&page, 0));
		return;
	}
	ASSERT_TRUE(page_asked_for(&page, PATIENCE_MS));
	others_start(_metadata, &others, self->fd);
	expect_progress(_metadata, variant->backend, &others);
	EXPECT_EQ(-1, sem_trywait(&map->done));
	page_fill(_metadata, &page);
	ASSERT_TRUE(call_end(map));
	EXPECT_EQ(0, map->ret);
	others_end(_metadata, &others);
	EXPECT_EQ(PAGE_4K, mem_locked());
	EXPECT_EQ(0x5a, *(char *)page.mem);
}

/* kill -9 ends such a MAP, and a call that waits for its range, at once. */
TEST_F(concurrency, s4_map_that_waits_is_killable)
{
	s64 pins = pins_held();
	struct missing_page page;
	pid_t mapper, waiter;
	int i;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, "in-tree such a MAP is EFAULT, and its waiters are unkillable");
	mapper = fork();
	ASSERT_GE(mapper, 0);
	if (!mapper) {
		/* What comes before the missing page is pinned by then. */
		missing_page(_metadata, &page, 4 * SZ_1M);
		_exit(iova_map(self->fd, page.mem, 0, 4 * SZ_1M) ? 1 : 0);
	}
	usleep(GLANCE_MS * 1000);
	EXPECT_EQ(0, waitpid(mapper, NULL, WNOHANG));
	waiter = fork();
	ASSERT_GE(waiter, 0);
	if (!waiter)
		_exit(iova_map(self->fd, touched(_metadata, PAGE_4K), 0, PAGE_4K) ? 1 : 0);
	usleep(GLANCE_MS * 1000);
	EXPECT_EQ(0, waitpid(waiter, NULL, WNOHANG));
	kill(waiter, SIGKILL);
	for (i = 0; i < PATIENCE_MS && waitpid(waiter, NULL, WNOHANG) != waiter; i++)
		usleep(1000);
	ASSERT_LT(i, PATIENCE_MS);
	EXPECT_EQ(0, waitpid(mapper, NULL, WNOHANG));
	kill(mapper, SIGKILL);
	for (i = 0; i < PATIENCE_MS && waitpid(mapper, NULL, WNOHANG) != mapper; i++)
		usleep(1000);
	ASSERT_LT(i, PATIENCE_MS);
	EXPECT_EQ(pins, pins_held());
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
	EXPECT_EQ(0, iova_map(self->fd, touched(_metadata, PAGE_4K), 0, PAGE_4K));
}

/* Much memory to fault in and pin: how often others get their turn depends on the backend. */
TEST_F(concurrency, s0_long_map)
{
	const u64 size = 256 * SZ_1M;
	struct call what = {
		.fd = self->fd, .mem = mem_alloc(size, MEM_4K), .iova = ROOM_IOVA,
		.size = size, .prot = PROT_DMA,
	};
	struct others others;
	struct call *map;
	int before, during, i;

	ASSERT_NE(NULL, what.mem);
	others_start(_metadata, &others, self->fd);
	ASSERT_TRUE(wait_for(&others.enough, PATIENCE_MS));
	memset(others.worst, 0, sizeof(others.worst));
	before = others_rounds(&others);
	map = call_start(_metadata, what);
	ASSERT_TRUE(call_end(map));
	during = others_rounds(&others) - before;
	others_end(_metadata, &others);
	EXPECT_EQ(0, map->ret);
	ksft_print_msg("%s, MAP of 256 MiB in %.0f ms: %d rounds elsewhere meanwhile\n",
		       backend_name(variant->backend), map->ms, during);
	others_report(&others);
	/* In-tree somebody waits for all of it. What is allowed here is for busy hosts. */
	if (variant->backend == BACKEND_TYPE1P) {
		EXPECT_LE(20, during);
		for (i = 0; i < 3; i++)
			EXPECT_GT(map->ms * 3 / 4, others.worst[i]);
	}
	expect_unmap(_metadata, self->fd, ROOM_IOVA, size, size);
	EXPECT_EQ(0, mem_locked());
}

/* Threads that fight for the same few ranges; what is mapped at the end is what they think is. */
struct fighter {
	int fd;
	void *mem;
	unsigned int seed;
	long mapped;			/* pages, minus those unmapped */
	int error;
	pthread_t thread;
};

#define FIGHT_SLOTS	16
#define FIGHT_PAGES	4
#define FIGHT_ROUNDS	1500

static void *fighter_thread(void *arg)
{
	struct fighter *f = arg;
	u64 iova, size, done;
	int i, ret;

	for (i = 0; i < FIGHT_ROUNDS && !f->error; i++) {
		iova = rand_r(&f->seed) % FIGHT_SLOTS * FIGHT_PAGES * PAGE_4K;
		size = FIGHT_PAGES * PAGE_4K * (1 + rand_r(&f->seed) % 3);
		done = 0;
		if (rand_r(&f->seed) % 2) {
			ret = iova_map(f->fd, f->mem, iova, size);
			f->mapped += ret ? 0 : size / PAGE_4K;
		} else {
			ret = iova_unmap(f->fd, iova, size, &done);
			f->mapped -= done / PAGE_4K;
		}
		if (ret && ret != -EEXIST && ret != -EINVAL)
			f->error = ret;
	}
	return NULL;
}

TEST_F_TIMEOUT(concurrency, s0_threads_in_one_container, 60)
{
	enum { THREADS = 4 };
	struct fighter fighters[THREADS];
	s64 pins = pins_held();
	long mapped = 0;
	u64 done;
	int i;

	for (i = 0; i < THREADS; i++) {
		fighters[i] = (struct fighter){ .fd = self->fd, .seed = i };
		fighters[i].mem = touched(_metadata, 3 * FIGHT_PAGES * PAGE_4K);
		ASSERT_EQ(0, pthread_create(&fighters[i].thread, NULL, fighter_thread,
					    &fighters[i]));
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(fighters[i].thread, NULL);
		EXPECT_EQ(0, fighters[i].error);
		mapped += fighters[i].mapped;
	}
	EXPECT_EQ(mapped * PAGE_4K, mem_locked());
	EXPECT_EQ(pins + mapped, pins_held());
	EXPECT_EQ(0, iova_unmap_flags(self->fd, 0, 0, UNMAP_ALL, &done));
	EXPECT_EQ(mapped * PAGE_4K, done);
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(ENTRY_LIMIT, dma_avail(self->fd));
}
