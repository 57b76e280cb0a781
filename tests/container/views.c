// SPDX-License-Identifier: GPL-2.0-only
/* What root sees of containers in debugfs. Ours alone: the in-tree driver shows nothing. */

#define VIEWS		"/sys/kernel/debug/vfio_iommu_type1p"
#define VIEW_SIZE	4096
#define VIEW_IOVA	(16 * SZ_1M)

FIXTURE(views) {
	int fd;
	int group;
	int emulated;
	int device;
	char dir[sizeof(VIEWS) + 32];
};

/* One read of a file's beginning, as text. */
static int view_read(const char *dir, const char *name, char *text)
{
	char path[sizeof(VIEWS) + 64];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, text, VIEW_SIZE - 1);
	text[len > 0 ? len : 0] = 0;
	close(fd);
	return len < 0 ? -EIO : 0;
}

static bool view_has(const char *dir, const char *name, const char *line)
{
	char text[VIEW_SIZE];
	const char *at;

	if (view_read(dir, name, text))
		return false;
	at = strstr(text, line);
	return at && (at == text || at[-1] == '\n') && at[strlen(line)] == '\n';
}

static void expect_view(struct __test_metadata *_metadata, const char *dir, const char *name,
			const char *format, u64 value)
{
	char line[256], text[VIEW_SIZE];

	snprintf(line, sizeof(line), format, (unsigned long long)value);
	EXPECT_TRUE(view_has(dir, name, line)) {
		view_read(dir, name, text);
		TH_LOG("not found: %s\nin %s:\n%s", line, name, text);
	}
}

static void expect_no_jobs(struct __test_metadata *_metadata, const char *dir)
{
	char text[VIEW_SIZE];

	EXPECT_EQ(0, view_read(dir, "jobs", text));
	EXPECT_STREQ("", text);
}

/* The directory of the one container that has this line in its state. */
static bool find_view(char *dir, size_t size, const char *line)
{
	struct dirent *entry;
	DIR *views = opendir(VIEWS);
	bool found = false;

	while (views && !found && (entry = readdir(views))) {
		snprintf(dir, size, VIEWS "/%.20s", entry->d_name);
		found = view_has(dir, "state", line);
	}
	if (views)
		closedir(views);
	return found;
}

/* That of the one container which this process has set up. */
static bool find_own_view(char *dir, size_t size)
{
	char line[32];

	snprintf(line, sizeof(line), "pid %d", getpid());
	return find_view(dir, size, line);
}

FIXTURE_SETUP(views)
{
	self->fd = container_served(_metadata, BACKEND_TYPE1P, VFIO_TYPE1v2_IOMMU, 0,
				    &self->group);
	self->device = -1;
	self->emulated = -1;
	ASSERT_TRUE(find_own_view(self->dir, sizeof(self->dir)))
		TH_LOG("no container of this process under " VIEWS);
}

FIXTURE_TEARDOWN(views)
{
	close(self->device);
	close(self->emulated);
	close(self->group);
	close(self->fd);
	params_reset(BACKEND_TYPE1P);
}

/* Nobody but root, and nobody may write. */
TEST_F(views, root_only)
{
	static const char * const names[] = { "state", "groups", "ranges", "jobs" };
	char path[sizeof(self->dir) + 16];
	struct stat st;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", self->dir, names[i]);
		ASSERT_EQ(0, stat(path, &st));
		EXPECT_EQ(0400, st.st_mode & 07777);
		EXPECT_EQ(0, st.st_uid);
	}
}

TEST_F(views, state)
{
	void *mem = touched(_metadata, SZ_1M);

	expect_view(_metadata, self->dir, "state", "type v2", 0);
	expect_view(_metadata, self->dir, "state", "comm type1p-containe", 0);
	expect_view(_metadata, self->dir, "state", "ranges %llu", 0);
	expect_view(_metadata, self->dir, "state", "ranges_left %llu", ENTRY_LIMIT);
	expect_view(_metadata, self->dir, "state", "domains %llu", 1);
	expect_no_jobs(_metadata, self->dir);

	ASSERT_EQ(0, iova_map(self->fd, mem, VIEW_IOVA, SZ_1M / 2));
	ASSERT_EQ(0, iova_map_flags(self->fd, (char *)mem + SZ_1M / 2, 2 * VIEW_IOVA, SZ_1M / 2,
				    VFIO_DMA_MAP_FLAG_READ));
	expect_view(_metadata, self->dir, "state", "ranges %llu", 2);
	expect_view(_metadata, self->dir, "state", "ranges_left %llu", ENTRY_LIMIT - 2);
	expect_view(_metadata, self->dir, "state", "mapped_bytes %llu", SZ_1M);
	expect_view(_metadata, self->dir, "state", "pinned_bytes %llu", SZ_1M);
	expect_view(_metadata, self->dir, "state", "invalid_ranges %llu", 0);
	expect_view(_metadata, self->dir, "state", "dirty_tracking %llu", 0);

	ASSERT_EQ(0, iova_unmap_flags(self->fd, VIEW_IOVA, SZ_1M, VFIO_DMA_UNMAP_FLAG_VADDR,
				      NULL));
	expect_view(_metadata, self->dir, "state", "invalid_ranges %llu", 1);
	expect_view(_metadata, self->dir, "ranges",
		    "iova 0x1000000 size 0x80000 prot rw state live vaddr invalid pinned_bytes 524288 device_pins 0 dirty_bits 0",
		    0);
	expect_view(_metadata, self->dir, "ranges",
		    "iova 0x2000000 size 0x80000 prot r state live vaddr valid pinned_bytes 524288 device_pins 0 dirty_bits 0",
		    0);
}

TEST_F(views, dirty_tracking)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = {
		.argsz = sizeof(dirty), .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START,
	};
	void *mem = touched(_metadata, PAGE_4K);

	ASSERT_EQ(0, iova_map(self->fd, mem, VIEW_IOVA, PAGE_4K));
	ASSERT_EQ(0, vfio_call(self->fd, VFIO_IOMMU_DIRTY_PAGES, &dirty));
	expect_view(_metadata, self->dir, "state", "dirty_tracking %llu", 1);
	expect_view(_metadata, self->dir, "ranges",
		    "iova 0x1000000 size 0x1000 prot rw state live vaddr valid pinned_bytes 4096 device_pins 0 dirty_bits 1",
		    0);
}

/* Groups by their numbers; who waits for a vaddr. */
TEST_F(views, groups_and_waiters)
{
	struct type1p_emulated_order order = {
		.op = TYPE1P_EMULATED_READ, .by = TYPE1P_EMULATED_KTHREAD,
		.iova = VIEW_IOVA, .size = PAGE_4K,
	};
	void *mem = touched(_metadata, PAGE_4K);
	int i, id;

	expect_view(_metadata, self->dir, "groups", "iommu %llu domain 0",
		    test_group(_metadata, 0));
	close(self->group);
	/* The last group takes all with it: a new container, of the emulated one alone. */
	self->group = -1;
	close(self->fd);
	EXPECT_EQ(-1, access(self->dir, F_OK));
	self->fd = emulated_served(_metadata, BACKEND_TYPE1P, VFIO_TYPE1v2_IOMMU, 0,
				   &self->emulated);
	self->device = emulated_open(self->emulated, 0);
	ASSERT_GE(self->device, 0);
	ASSERT_TRUE(find_own_view(self->dir, sizeof(self->dir)));
	expect_view(_metadata, self->dir, "groups", "emulated %llu", emulated_group(0));
	expect_view(_metadata, self->dir, "state", "domains %llu", 0);

	ASSERT_EQ(0, iova_map(self->fd, mem, VIEW_IOVA, PAGE_4K));
	ASSERT_EQ(1, emulated_pin(self->device, VIEW_IOVA, 1, EMULATED_READ, NULL));
	expect_view(_metadata, self->dir, "ranges",
		    "iova 0x1000000 size 0x1000 prot rw state live vaddr valid pinned_bytes 4096 device_pins 1 dirty_bits 0",
		    0);
	ASSERT_EQ(0, iova_unmap_flags(self->fd, VIEW_IOVA, PAGE_4K, VFIO_DMA_UNMAP_FLAG_VADDR,
				      NULL));
	expect_view(_metadata, self->dir, "state", "waiters %llu", 0);
	id = emulated_start(self->device, &order);
	ASSERT_GE(id, 0);
	for (i = 0; i < PATIENCE_MS && !view_has(self->dir, "state", "waiters 1"); i++)
		usleep(1000);
	expect_view(_metadata, self->dir, "state", "waiters %llu", 1);
	ASSERT_EQ(0, iova_map_flags(self->fd, mem, VIEW_IOVA, PAGE_4K,
				    VFIO_DMA_MAP_FLAG_VADDR));
	EXPECT_EQ(0, emulated_wait(self->device, id, PATIENCE_MS));
	EXPECT_EQ(0, emulated_stop(self->device, id, NULL));
	expect_view(_metadata, self->dir, "state", "waiters %llu", 0);
	EXPECT_EQ(0, emulated_unpin(self->device, VIEW_IOVA, 1));
}

/* More ranges than a read has room for: each of them once, in their order. */
TEST_F(views, many_ranges)
{
	const int count = 3000;
	void *mem = touched(_metadata, PAGE_4K);
	unsigned long long iova, size, expected = VIEW_IOVA;
	char path[sizeof(self->dir) + 16];
	char line[256];
	int i, fields, lines = 0;
	FILE *file;

	for (i = 0; i < count; i++)
		ASSERT_EQ(0, iova_map(self->fd, mem, VIEW_IOVA + 2 * i * PAGE_4K, PAGE_4K));
	expect_view(_metadata, self->dir, "state", "ranges %llu", count);
	expect_view(_metadata, self->dir, "state", "mapped_bytes %llu", count * PAGE_4K);
	snprintf(path, sizeof(path), "%s/ranges", self->dir);
	file = fopen(path, "re");
	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file)) {
		fields = sscanf(line, "iova %llx size %llx", &iova, &size);
		ASSERT_EQ(2, fields);
		EXPECT_EQ(expected, iova);
		EXPECT_EQ(PAGE_4K, size);
		expected += 2 * PAGE_4K;
		lines++;
	}
	/* There is no way to have the lock held for all that is before a place. */
	EXPECT_EQ(-1, pread(fileno(file), line, 1, 65536));
	EXPECT_EQ(ESPIPE, errno);
	fclose(file);
	EXPECT_EQ(count, lines);
}

/* A process calls itself what it likes, and says nothing else by that. */
TEST_F(views, name_of_two_lines)
{
	char dir[sizeof(self->dir)];
	int fd, group;

	ASSERT_EQ(0, prctl(PR_SET_NAME, "a\npid 1"));
	fd = container_served(_metadata, BACKEND_TYPE1P, VFIO_TYPE1v2_IOMMU, 1, &group);
	EXPECT_TRUE(find_view(dir, sizeof(dir), "comm a\\npid 1"));
	EXPECT_FALSE(view_has(dir, "state", "pid 1"));
	close(group);
	close(fd);
}

#define MAP_JOB	"map pid %d iova %llx size %llx done %llu elapsed_ns %llu threads %u"

/* A MAP that takes a while can be seen as it goes, and one that is done cannot. */
TEST_F_TIMEOUT(views, jobs, 60)
{
	const u64 size = 3 * PIECE;
	struct map_job job = { self->fd, fresh(_metadata, size), HELPED_IOVA, size, -1 };
	unsigned long long iova, total, done, before = 0, ns;
	int i, pid, fields, seen = 0, grown = 0;
	unsigned int threads;
	char text[VIEW_SIZE];
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, map_job, &job));
	for (i = 0; i < PATIENCE_MS && job.ret == -1; i++) {
		usleep(1000);
		if (view_read(self->dir, "jobs", text) || !*text)
			continue;
		fields = sscanf(text, MAP_JOB, &pid, &iova, &total, &done, &ns, &threads);
		ASSERT_EQ(6, fields);
		EXPECT_EQ(getpid(), pid);
		EXPECT_EQ(HELPED_IOVA, iova);
		EXPECT_EQ(size, total);
		EXPECT_LE(before, done);
		EXPECT_GE(size, done);
		grown += done > before;
		before = done;
		seen++;
	}
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, job.ret);
	ksft_print_msg("MAP of %llu MiB: seen %d times, further %d times\n", size / SZ_1M, seen,
		       grown);
	EXPECT_LT(2, grown);
	expect_no_jobs(_metadata, self->dir);
}

/* Who has a file open does not keep a container, or the module. */
TEST_F(views, read_after_close)
{
	long users = module_users(BACKEND_TYPE1P);
	char path[sizeof(self->dir) + 16], byte;
	int view;

	snprintf(path, sizeof(path), "%s/ranges", self->dir);
	view = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_GE(view, 0);
	close(self->group);
	close(self->fd);
	self->group = -1;
	self->fd = -1;
	EXPECT_EQ(-1, access(self->dir, F_OK));
	EXPECT_EQ(-1, read(view, &byte, 1));
	EXPECT_EQ(EIO, errno);
	close(view);
	EXPECT_EQ(users - 1, module_users(BACKEND_TYPE1P));
}
