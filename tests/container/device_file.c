// SPDX-License-Identifier: GPL-2.0-only
/*
 * SPEC 8, type1p alone: where memory is a shared mapping of a memory file, device
 * drivers reach it through the file while the vaddr is invalid. No time limit
 * hides a wait here: it is 0.
 */

#define FILE_STAMP	0x66696c0000000000ULL
#define FILE_SIZE	(4 * PAGE_4K)

FIXTURE(device_file) {
	int fd;
	int group;
	int device;
	int file;
	s64 pins;
};

FIXTURE_SETUP(device_file)
{
	self->fd = emulated_served(_metadata, BACKEND_TYPE1P, VFIO_TYPE1v2_IOMMU, 0,
				   &self->group);
	self->device = emulated_open(self->group, 0);
	ASSERT_GE(self->device, 0);
	self->file = -1;
	self->pins = pins_held();
	ASSERT_EQ(0, param_write(BACKEND_TYPE1P, "vaddr_timeout_ms", "0"));
}

FIXTURE_TEARDOWN(device_file)
{
	param_write(BACKEND_TYPE1P, "vaddr_timeout_ms", "30000");
	close(self->file);
	close(self->device);
	close(self->group);
	close(self->fd);
}

static void *file_mapped(struct __test_metadata *_metadata, int file, int prot)
{
	void *mem = mmap(NULL, FILE_SIZE, prot, MAP_SHARED, file, 0);

	ASSERT_NE(MAP_FAILED, mem);
	return mem;
}

/* A memory file of one page more than is mapped, with seals allowed. */
static void *file_made(struct __test_metadata *_metadata, struct _test_data_device_file *self,
		       unsigned int flags)
{
	self->file = memfd_create("file", MFD_ALLOW_SEALING | flags);
	ASSERT_GE(self->file, 0);
	ASSERT_EQ(0, ftruncate(self->file, flags & MFD_HUGETLB ? PAGE_2M : FILE_SIZE + PAGE_4K));
	return file_mapped(_metadata, self->file, PROT_READ | PROT_WRITE);
}

static void file_invalid(struct __test_metadata *_metadata, struct _test_data_device_file *self,
			 void *mem)
{
	ASSERT_EQ(0, iova_map(self->fd, mem, 0, FILE_SIZE));
	ASSERT_EQ(0, iova_unmap_flags(self->fd, 0, FILE_SIZE, UNMAP_VADDR, NULL));
	munmap(mem, FILE_SIZE);
}

static void expect_copies(struct __test_metadata *_metadata, struct _test_data_device_file *self)
{
	u64 word = 0, *mem;

	EXPECT_EQ(0, emulated_read(self->device, 2 * PAGE_4K, &word, sizeof(word)));
	EXPECT_EQ(FILE_STAMP + 2 * PAGE_4K, word);
	/* Into two pages. */
	word = 0x0123456789abcdefULL;
	EXPECT_EQ(0, emulated_write(self->device, PAGE_4K - 4, &word, sizeof(word)));
	word = 0;
	EXPECT_EQ(0, emulated_read(self->device, PAGE_4K - 4, &word, sizeof(word)));
	EXPECT_EQ(0x0123456789abcdefULL, word);
	mem = file_mapped(_metadata, self->file, PROT_READ);
	EXPECT_EQ(0, memcmp((char *)mem + PAGE_4K - 4, &word, sizeof(word)));
}

static void expect_pins(struct __test_metadata *_metadata, struct _test_data_device_file *self)
{
	u64 words[4] = {};
	void *mem;

	EXPECT_EQ(4, emulated_pin(self->device, 0, 4, PROT_RW_EMULATED, words));
	EXPECT_EQ(FILE_STAMP + 3 * PAGE_4K, words[3]);
	EXPECT_EQ(self->pins + 4, pins_held());
	EXPECT_EQ(FILE_SIZE, mem_locked());
	EXPECT_EQ(0, emulated_unpin(self->device, 0, 2));
	EXPECT_EQ(FILE_SIZE / 2, mem_locked());

	mem = file_mapped(_metadata, self->file, PROT_READ | PROT_WRITE);
	ASSERT_EQ(0, iova_map_flags(self->fd, mem, 0, FILE_SIZE, MAP_VADDR));
	EXPECT_EQ(self->pins + 2, pins_held());
	EXPECT_EQ(1, emulated_pin(self->device, 3 * PAGE_4K, 1, PROT_RW_EMULATED, NULL));
	EXPECT_EQ(0, emulated_unpin(self->device, 0, 4));
	EXPECT_EQ(self->pins + 1, pins_held());
	EXPECT_EQ(0, emulated_unpin(self->device, 3 * PAGE_4K, 1));
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(0, mem_locked());
}

TEST_F(device_file, s8_copies)
{
	void *mem = file_made(_metadata, self, 0);

	emulated_stamp(mem, 0, FILE_SIZE, FILE_STAMP);
	file_invalid(_metadata, self, mem);
	expect_copies(_metadata, self);
}

TEST_F(device_file, s8_pins)
{
	void *mem = file_made(_metadata, self, 0);

	if (!kernel_pins_files())
		SKIP(return, "before 6.11 nothing can pin pages of a file");
	emulated_stamp(mem, 0, FILE_SIZE, FILE_STAMP);
	file_invalid(_metadata, self, mem);
	expect_pins(_metadata, self);
}

TEST_F(device_file, s8_huge_pages)
{
	void *mem;

	if (!kernel_pins_files())
		SKIP(return, "before 6.11 nothing can pin pages of a file");
	ASSERT_EQ(0, file_write("/proc/sys/vm/nr_hugepages", "2"));
	mem = file_made(_metadata, self, MFD_HUGETLB);
	emulated_stamp(mem, 0, FILE_SIZE, FILE_STAMP);
	file_invalid(_metadata, self, mem);
	expect_copies(_metadata, self);
	expect_pins(_metadata, self);
	EXPECT_EQ(0, iova_unmap(self->fd, 0, FILE_SIZE, NULL));
	EXPECT_EQ(0, file_write("/proc/sys/vm/nr_hugepages", "0"));
}

/* What fallocate() promised has no contents yet, and whoever maps it first clears it. */
TEST_F(device_file, s8_allocated_but_never_touched)
{
	struct type1p_emulated_order order = {
		.op = TYPE1P_EMULATED_PIN, .by = TYPE1P_EMULATED_CALLER, .npages = 4,
		.prot = PROT_RW_EMULATED, .flags = TYPE1P_EMULATED_STAMP, .stamp = FILE_STAMP,
	};
	void *mem = file_made(_metadata, self, 0);
	u64 *words;
	int i;

	if (!kernel_pins_files())
		SKIP(return, "before 6.11 nothing can pin pages of a file");
	ASSERT_EQ(0, fallocate(self->file, 0, 0, FILE_SIZE));
	file_invalid(_metadata, self, mem);
	EXPECT_EQ(4, emulated_order(self->device, &order));
	EXPECT_EQ(0, emulated_unpin(self->device, 0, 4));
	words = file_mapped(_metadata, self->file, PROT_READ);
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(FILE_STAMP + i * PAGE_4K, words[i * PAGE_4K / 8]);
		EXPECT_EQ(0, words[i * PAGE_4K / 8 + 1]);
	}
}

/* Only as the memory was mapped, and only as far as the file reaches. */
TEST_F(device_file, s8_permissions)
{
	void *mem = file_made(_metadata, self, 0);
	u64 word;

	emulated_stamp(mem, 0, FILE_SIZE, FILE_STAMP);
	munmap(mem, FILE_SIZE);
	file_invalid(_metadata, self, file_mapped(_metadata, self->file, PROT_READ));
	EXPECT_EQ(0, emulated_read(self->device, 0, &word, sizeof(word)));
	EXPECT_EQ(FILE_STAMP, word);
	EXPECT_EQ(-EFAULT, emulated_write(self->device, 0, &word, sizeof(word)));
	if (kernel_pins_files())
		EXPECT_EQ(-EFAULT, emulated_pin(self->device, 0, 1, EMULATED_READ, NULL));
	ASSERT_EQ(0, ftruncate(self->file, PAGE_4K));
	EXPECT_EQ(0, emulated_read(self->device, 0, &word, sizeof(word)));
	EXPECT_EQ(-EFAULT, emulated_read(self->device, PAGE_4K, &word, sizeof(word)));
	if (kernel_pins_files())
		EXPECT_EQ(-EFAULT, emulated_pin(self->device, PAGE_4K, 1, EMULATED_READ, NULL));
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(0, mem_locked());
}

/* As by a mapping: nobody may seal the file against writing while drivers write. */
TEST_F(device_file, s8_seals)
{
	void *mem = file_made(_metadata, self, 0);
	u64 word = 1;

	file_invalid(_metadata, self, mem);
	EXPECT_EQ(-1, fcntl(self->file, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(0, emulated_write(self->device, 0, &word, sizeof(word)));
	mem = file_mapped(_metadata, self->file, PROT_READ | PROT_WRITE);
	ASSERT_EQ(0, iova_map_flags(self->fd, mem, 0, FILE_SIZE, MAP_VADDR));
	munmap(mem, FILE_SIZE);
	EXPECT_EQ(0, fcntl(self->file, F_ADD_SEALS, F_SEAL_WRITE));
	/* And when it is sealed before, then for reading. */
	EXPECT_EQ(0, iova_unmap(self->fd, 0, FILE_SIZE, NULL));
	file_invalid(_metadata, self, file_mapped(_metadata, self->file, PROT_READ));
	EXPECT_EQ(0, emulated_read(self->device, 0, &word, sizeof(word)));
	EXPECT_EQ(1, word);
	EXPECT_EQ(-EFAULT, emulated_write(self->device, 0, &word, sizeof(word)));
}

/* Mappings that differ in other things are one piece of the file still. */
TEST_F(device_file, s8_mapping_in_pieces)
{
	char *mem = file_made(_metadata, self, 0);

	emulated_stamp(mem, 0, FILE_SIZE, FILE_STAMP);
	ASSERT_EQ(0, madvise(mem + PAGE_4K, PAGE_4K, MADV_DONTFORK));
	file_invalid(_metadata, self, mem);
	expect_copies(_metadata, self);
}

static void expect_to_wait(struct __test_metadata *_metadata, struct _test_data_device_file *self)
{
	u64 word;

	EXPECT_EQ(-EAGAIN, emulated_read(self->device, 0, &word, sizeof(word)));
	EXPECT_EQ(-EAGAIN, emulated_pin(self->device, 0, 1, EMULATED_READ, NULL));
}

/* A vaddr alone tells what is to happen there. */
TEST_F(device_file, s8_half_of_it_read_only)
{
	char *mem = file_made(_metadata, self, 0);

	ASSERT_EQ(0, mprotect(mem + PAGE_4K, PAGE_4K, PROT_READ));
	file_invalid(_metadata, self, mem);
	expect_to_wait(_metadata, self);
}

/* Who catches faults would miss some, and a page that is still to come is no zeroes. */
TEST_F(device_file, s8_userfaultfd)
{
	void *mem = file_made(_metadata, self, 0);
	int uffd = missing(_metadata, mem, FILE_SIZE);

	file_invalid(_metadata, self, mem);
	expect_to_wait(_metadata, self);
	close(uffd);
	mem = file_mapped(_metadata, self->file, PROT_READ | PROT_WRITE);
	EXPECT_EQ(0, iova_map_flags(self->fd, mem, 0, FILE_SIZE, MAP_VADDR));
}

/* A huge page that is not there is not taken from what others have reserved. */
TEST_F(device_file, s8_huge_page_to_come)
{
	void *mem;

	ASSERT_EQ(0, file_write("/proc/sys/vm/nr_hugepages", "1"));
	mem = file_made(_metadata, self, MFD_HUGETLB);
	file_invalid(_metadata, self, mem);
	expect_to_wait(_metadata, self);
	mem = file_mapped(_metadata, self->file, PROT_READ | PROT_WRITE);
	ASSERT_EQ(0, iova_map_flags(self->fd, mem, 0, FILE_SIZE, MAP_VADDR));
	EXPECT_EQ(4, emulated_pin(self->device, 0, 4, EMULATED_READ, NULL));
	EXPECT_EQ(0, iova_unmap(self->fd, 0, FILE_SIZE, NULL));
	EXPECT_EQ(0, file_write("/proc/sys/vm/nr_hugepages", "0"));
}

/* Pages that a kernel thread brings into the file are paid by who mapped it. */
TEST_F(device_file, s8_memory_cgroup)
{
	const u64 size = 8 << 20;
	struct type1p_emulated_order order = {
		.op = TYPE1P_EMULATED_WRITE, .by = TYPE1P_EMULATED_KTHREAD, .size = size,
	};
	int file = memfd_create("sparse", 0), id, status;
	pid_t child;
	u64 before;

	ASSERT_EQ(0, ftruncate(file, size));
	cgroup_make(_metadata, "+memory");
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

		ASSERT_EQ(0, cgroup_enter());
		ASSERT_EQ(0, iova_map(self->fd, mem, 0, size));
		ASSERT_EQ(0, iova_unmap_flags(self->fd, 0, size, UNMAP_VADDR, NULL));
		_exit(_metadata->exit_code != KSFT_PASS);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	before = cgroup_read(CGROUP, "memory.current", NULL);
	id = emulated_start(self->device, &order);
	ASSERT_GE(id, 0);
	EXPECT_EQ(0, emulated_wait(self->device, id, PATIENCE_MS));
	EXPECT_EQ(0, emulated_stop(self->device, id, NULL));
	EXPECT_LE(before + size, (u64)cgroup_read(CGROUP, "memory.current", NULL));
	EXPECT_EQ(0, iova_unmap(self->fd, 0, size, NULL));
	close(file);
	EXPECT_EQ(0, rmdir(CGROUP));
}

/* What is no shared mapping of one file has no other way than to wait. */
TEST_F(device_file, s8_other_memory)
{
	char *mem = file_made(_metadata, self, 0), *part;
	int i;

	for (i = 0; i < 3; i++) {
		part = mem + (i == 2 ? PAGE_4K : 0);
		ASSERT_EQ(part, mmap(part, i == 2 ? PAGE_4K : FILE_SIZE, PROT_READ | PROT_WRITE,
				     MAP_FIXED | (i ? MAP_SHARED : MAP_PRIVATE), self->file, 0));
		if (i != 1) {
			ASSERT_EQ(0, iova_map(self->fd, mem, 0, FILE_SIZE));
			ASSERT_EQ(0, iova_unmap_flags(self->fd, 0, FILE_SIZE, UNMAP_VADDR, NULL));
			expect_to_wait(_metadata, self);
			ASSERT_EQ(0, iova_unmap(self->fd, 0, FILE_SIZE, NULL));
		}
	}
}

/* The owner's limit holds when it is gone, and what is given back can be had again. */
TEST_F(device_file, s8_s7_owner_is_gone)
{
	void *mem = file_made(_metadata, self, 0);
	int i, status;
	pid_t child;

	if (!kernel_pins_files())
		SKIP(return, "before 6.11 nothing can pin pages of a file");
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		drop_ipc_lock(_metadata, 2 * PAGE_4K);
		file_invalid(_metadata, self, mem);
		_exit(_metadata->exit_code != KSFT_PASS);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(-ENOMEM, emulated_pin(self->device, 0, 3, EMULATED_READ, NULL));
		EXPECT_EQ(2, emulated_pin(self->device, 0, 2, EMULATED_READ, NULL));
		EXPECT_EQ(0, emulated_unpin(self->device, 0, 2));
	}
	ASSERT_EQ(2, emulated_pin(self->device, 0, 2, EMULATED_READ, NULL));
	ASSERT_EQ(0, iova_map_flags(self->fd, mem, 0, FILE_SIZE, MAP_VADDR));
	EXPECT_EQ(2 * PAGE_4K, mem_locked());
	EXPECT_EQ(4, emulated_pin(self->device, 0, 4, EMULATED_READ, NULL));
	EXPECT_EQ(FILE_SIZE, mem_locked());
}
