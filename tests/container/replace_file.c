// SPDX-License-Identifier: GPL-2.0-only
/*
 * SPEC 8, better on purpose: where memory is a shared mapping of a memory file, the
 * new vaddr must be one of the same. The in-tree driver takes whatever it is given.
 */

CONTAINER_FIXTURE(replace_file, VFIO_TYPE1v2_IOMMU)

/* The range is a part of its file, in the middle. */
#define FILE_PAGES	16
#define PART_AT		(4 * PAGE_4K)
#define PART_SIZE	(8 * PAGE_4K)

static int new_file(struct __test_metadata *_metadata)
{
	int file = memfd_create("replace", 0);

	ASSERT_GE(file, 0);
	ASSERT_EQ(0, ftruncate(file, FILE_PAGES * PAGE_4K));
	return file;
}

/* The part of a file at @offset, at an address that suits, or at @at. */
static char *part(struct __test_metadata *_metadata, char *at, int file, u64 offset, u64 size,
		  int flags)
{
	char *mem = mmap(at, size, PROT_READ | PROT_WRITE, flags | (at ? MAP_FIXED : 0), file,
			 offset);

	ASSERT_NE(MAP_FAILED, mem);
	return mem;
}

static char *all_of_it(struct __test_metadata *_metadata, int file)
{
	return part(_metadata, NULL, file, PART_AT, PART_SIZE, MAP_SHARED);
}

static int part_gives(int fd, void *mem)
{
	return iova_map_flags(fd, mem, 0, PART_SIZE, MAP_VADDR);
}

static void part_invalid(struct __test_metadata *_metadata, int fd)
{
	ASSERT_EQ(0, iova_unmap_flags(fd, 0, PART_SIZE, UNMAP_VADDR, NULL));
}

static void part_map(struct __test_metadata *_metadata, int fd, void *mem)
{
	ASSERT_EQ(0, iova_map(fd, mem, 0, PART_SIZE));
	part_invalid(_metadata, fd);
}

/* Both end with the range invalid, whatever the backend thinks of the memory. */
static void expect_not_taken(struct __test_metadata *_metadata, enum backend backend, int fd,
			     void *mem, const char *what)
{
	int ret = part_gives(fd, mem);

	EXPECT_EQ(backend == BACKEND_TYPE1P ? -EINVAL : 0, ret)
		TH_LOG("%s", what);
	EXPECT_EQ(PART_SIZE, mem_locked());
	if (!ret)
		part_invalid(_metadata, fd);
}

static void expect_taken(struct __test_metadata *_metadata, int fd, void *mem, const char *what)
{
	int ret = part_gives(fd, mem);

	EXPECT_EQ(0, ret)
		TH_LOG("%s", what);
	EXPECT_EQ(PART_SIZE, mem_locked());
	if (!ret)
		part_invalid(_metadata, fd);
}

TEST_F(replace_file, s0_s8_other_memory)
{
	int file = new_file(_metadata), other = new_file(_metadata);
	char *mem = all_of_it(_metadata, file), *new;

	part_map(_metadata, self->fd, mem);
#define REFUSED(new, what)	expect_not_taken(_metadata, variant->backend, self->fd, new, what)
	REFUSED(touched(_metadata, PART_SIZE), "private memory");
	REFUSED(part(_metadata, NULL, -1, 0, PART_SIZE, MAP_SHARED | MAP_ANONYMOUS), "no file");
	REFUSED(all_of_it(_metadata, other), "another file");
	REFUSED(part(_metadata, NULL, file, PART_AT, PART_SIZE, MAP_PRIVATE), "private copy");
	REFUSED(part(_metadata, NULL, file, PART_AT + PAGE_4K, PART_SIZE, MAP_SHARED), "on");
	REFUSED(part(_metadata, NULL, file, PART_AT - PAGE_4K, PART_SIZE, MAP_SHARED), "back");
	REFUSED(mem + PAGE_4K, "the same mapping, a page on");
	REFUSED((void *)PAGE_4K, "nothing");
	REFUSED((void *)KERNEL_ADDRESS, "an address of the kernel");
#undef REFUSED
	new = all_of_it(_metadata, file);
	EXPECT_EQ(0, part_gives(self->fd, new));
	expect_unmap(_metadata, self->fd, 0, PART_SIZE, PART_SIZE);
	EXPECT_EQ(0, mem_locked());
}

/* Not all of it: to the last page. */
TEST_F(replace_file, s0_s8_partly_other_memory)
{
	const u64 last = PART_SIZE - PAGE_4K;
	int file = new_file(_metadata), other = new_file(_metadata);
	char *mem;

	part_map(_metadata, self->fd, all_of_it(_metadata, file));
#define REFUSED(what)	expect_not_taken(_metadata, variant->backend, self->fd, mem, what)
	mem = all_of_it(_metadata, file);
	munmap(mem + last, PAGE_4K);
	REFUSED("too short");
	mem = all_of_it(_metadata, file);
	munmap(mem + PAGE_4K, PAGE_4K);
	REFUSED("with a hole");
	mem = all_of_it(_metadata, file);
	munmap(mem, PAGE_4K);
	REFUSED("without its beginning");
	mem = all_of_it(_metadata, file);
	part(_metadata, mem + last, other, PART_AT + last, PAGE_4K, MAP_SHARED);
	REFUSED("ends in another file");
	mem = all_of_it(_metadata, other);
	part(_metadata, mem, file, PART_AT, last, MAP_SHARED);
	REFUSED("ends in another file, begun later");
	mem = all_of_it(_metadata, file);
	part(_metadata, mem + last, file, PART_AT + last, PAGE_4K, MAP_PRIVATE);
	REFUSED("ends in a private copy");
	mem = all_of_it(_metadata, file);
	part(_metadata, mem + last, file, PART_AT, PAGE_4K, MAP_SHARED);
	REFUSED("ends with a page of its beginning");
#undef REFUSED
	EXPECT_EQ(0, part_gives(self->fd, all_of_it(_metadata, file)));
}

/* The same memory by whatever way. */
TEST_F(replace_file, s8_same_memory)
{
	int file = new_file(_metadata), second;
	char *mem = all_of_it(_metadata, file), path[40];
	const u64 half = PART_SIZE / 2;

	part_map(_metadata, self->fd, mem);
	expect_taken(_metadata, self->fd, mem, "the same mapping");
	expect_taken(_metadata, self->fd, all_of_it(_metadata, file), "another mapping");
	munmap(mem, PART_SIZE);
	expect_taken(_metadata, self->fd, all_of_it(_metadata, file), "the first one is gone");

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	second = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_GE(second, 0);
	expect_taken(_metadata, self->fd, all_of_it(_metadata, second), "opened again");
	mem = all_of_it(_metadata, file);
	part(_metadata, mem + half, second, PART_AT + half, half, MAP_SHARED);
	expect_taken(_metadata, self->fd, mem, "half of it opened again");
	mem = part(_metadata, NULL, file, 0, FILE_PAGES * PAGE_4K, MAP_SHARED);
	expect_taken(_metadata, self->fd, mem + PART_AT, "in a larger mapping");
	ASSERT_EQ(0, mprotect(mem + PART_AT, 2 * PAGE_4K, PROT_READ));
	expect_taken(_metadata, self->fd, mem + PART_AT, "partly not to be written");
	/* The pages stay what they are. */
	close(second);
	close(file);
	expect_taken(_metadata, self->fd, mem + PART_AT, "the descriptors are closed");
}

/* What was taken last is what counts next time. */
TEST_F(replace_file, s0_s8_after_a_replace)
{
	int file = new_file(_metadata), other = new_file(_metadata);

	part_map(_metadata, self->fd, touched(_metadata, PART_SIZE));
	/* Of private memory nobody can tell whether it is the same. */
	expect_taken(_metadata, self->fd, touched(_metadata, PART_SIZE), "other private memory");
	expect_taken(_metadata, self->fd, all_of_it(_metadata, file), "a file for private memory");
	expect_not_taken(_metadata, variant->backend, self->fd, all_of_it(_metadata, other),
			 "another file");
	expect_taken(_metadata, self->fd, all_of_it(_metadata, file), "the file");
}

/* A range that is only partly of a file may be replaced by anything. */
TEST_F(replace_file, s8_not_of_one_file)
{
	int file = new_file(_metadata), other = new_file(_metadata);
	char *mem = all_of_it(_metadata, file);

	part(_metadata, mem, other, PART_AT, PAGE_4K, MAP_SHARED);
	part_map(_metadata, self->fd, mem);
	expect_taken(_metadata, self->fd, all_of_it(_metadata, file), "for two files");
	expect_unmap(_metadata, self->fd, 0, PART_SIZE, PART_SIZE);
	mem = part(_metadata, NULL, file, PART_AT, PART_SIZE, MAP_PRIVATE);
	part_map(_metadata, self->fd, mem);
	expect_taken(_metadata, self->fd, all_of_it(_metadata, other), "for a private copy");
}

/* Shared memory without a name is a file, which a child has at the same address. */
TEST_F(replace_file, s0_s8_anonymous_shared_memory)
{
	char *mem = part(_metadata, NULL, -1, 0, PART_SIZE, MAP_SHARED | MAP_ANONYMOUS);
	char *other = part(_metadata, NULL, -1, 0, PART_SIZE, MAP_SHARED | MAP_ANONYMOUS);
	int status = -1, refused = variant->backend == BACKEND_TYPE1P ? -EINVAL : 0;
	pid_t child;

	part_map(_metadata, self->fd, mem);
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		if (part_gives(self->fd, other) != refused)
			_exit(1);
		if (!refused && iova_unmap_flags(self->fd, 0, PART_SIZE, UNMAP_VADDR, NULL))
			_exit(2);
		_exit(part_gives(self->fd, mem) ? 3 : 0);
	}
	waitpid(child, &status, 0);
	EXPECT_EQ(0, WEXITSTATUS(status));
}

/* Files of tmpfs and of hugetlbfs are memory files as well. */
TEST_F(replace_file, s0_s8_kinds_of_files)
{
	const char *name = "/dev/shm/replace";
	int files[2], kind;
	char *mem;

	for (kind = 0; kind < 2; kind++) {
		files[0] = kind ? memfd_create("huge", MFD_HUGETLB) :
				  open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
		files[1] = kind ? memfd_create("huge", MFD_HUGETLB) : new_file(_metadata);
		ASSERT_GE(files[0], 0);
		ASSERT_GE(files[1], 0);
		if (kind)
			file_write("/proc/sys/vm/nr_hugepages", "4");
		ASSERT_EQ(0, ftruncate(files[0], PAGE_2M));
		ASSERT_EQ(0, ftruncate(files[1], PAGE_2M));
		mem = part(_metadata, NULL, files[0], 0, PAGE_2M, MAP_SHARED);
		part_map(_metadata, self->fd, mem);
		expect_not_taken(_metadata, variant->backend, self->fd,
				 part(_metadata, NULL, files[1], 0, PAGE_2M, MAP_SHARED),
				 "another file");
		expect_not_taken(_metadata, variant->backend, self->fd, mem + PAGE_4K, "on");
		expect_taken(_metadata, self->fd,
			     part(_metadata, NULL, files[0], 0, PAGE_2M, MAP_SHARED), "the same");
		expect_unmap(_metadata, self->fd, 0, PART_SIZE, PART_SIZE);
		if (kind)
			file_write("/proc/sys/vm/nr_hugepages", "0");
		else
			unlink(name);
	}
}

/* Who knows better may turn that off, for each replace anew. */
TEST_F(replace_file, s12_s8_verify_replace_read_at_replace)
{
	int file = new_file(_metadata), other = new_file(_metadata);

	part_map(_metadata, self->fd, all_of_it(_metadata, file));
	expect_not_taken(_metadata, variant->backend, self->fd, all_of_it(_metadata, other),
			 "checked");
	if (variant->backend == BACKEND_TYPE1P)
		ASSERT_EQ(0, param_write(BACKEND_TYPE1P, "verify_replace", "N"));
	expect_taken(_metadata, self->fd, all_of_it(_metadata, other), "not checked");
	expect_taken(_metadata, self->fd, touched(_metadata, PART_SIZE), "not checked");
}
