// SPDX-License-Identifier: GPL-2.0-only
/* What a process does until it is killed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kids.h"
#include "slot.h"

/* The part whose memory is not what it seems, if there is one. */
#define TROUBLED	(PARTS - 1)
#define NO_LIMIT	(-1)

static u64 kid_word(const struct kid *k, u64 iova)
{
	return TAG_KID << 48 | (u64)k->box->nr << 32 | iova;
}

static void stamp(struct kid *k, unsigned int part, unsigned int pages)
{
	u64 at;

	for (at = 0; at < pages * PAGE_4K; at += PAGE_4K)
		*(volatile u64 *)(kid_part(k, part) + at) =
			kid_word(k, kid_part_iova(k, part) + at);
}

static unsigned int mapped(const struct kid *k)
{
	unsigned int i, pages = 0;

	for (i = 0; i < PARTS; i++)
		pages += k->mapped[i];
	return pages;
}

/* Only where the IOMMU is always there. */
static void check_locked(struct kid *k)
{
	s64 locked = mem_locked();

	if (k->box->has_edu && locked != (s64)(mapped(k) * PAGE_4K))
		violation(k->seat, "%lld bytes of locked memory, but %u pages are mapped", locked,
			  mapped(k));
	r->checks++;
}

/* @limit: pages that may be locked. */
static void judge_map(struct kid *k, enum operation mode, unsigned int part, int ret, int limit,
		      unsigned int pages)
{
	bool fits = limit == NO_LIMIT || mapped(k) + pages <= (unsigned int)limit;

	switch (mode) {
	case OP_KID_LIMIT:
		judge(k->seat, ret, -ENOMEM, 0);
		if (k->box->has_edu && ret != (fits ? 0 : -ENOMEM))
			violation(k->seat, "map of %u pages returned %d: %u are mapped, limit %d",
				  pages, ret, mapped(k), limit);
		return;
	case OP_KID_MEMCG:
		judge(k->seat, ret, -ENOMEM, -EFAULT, 0);
		return;
	case OP_KID_MOVE:
		judge(k->seat, ret, part == TROUBLED ? -EFAULT : 0, 0);
		return;
	default:
		judge(k->seat, ret, 0);
	}
}

static void kid_map(struct kid *k, enum operation mode, unsigned int part)
{
	unsigned int pages = 1 + draw(&k->seed, PART_PAGES);
	bool troubled = part == TROUBLED && (mode == OP_KID_MOVE || mode == OP_KID_FAULT);
	int ret, limit = mode == OP_KID_LIMIT ? limit_draw(k) : NO_LIMIT;

	if (mode == OP_KID_MEMCG)
		memcg_draw(k);
	if (mode == OP_KID_FAULT && troubled && fault_begin(k, part))
		return;
	if (!troubled && draw(&k->seed, 2))
		madvise(kid_part(k, part), PART_SIZE, MADV_DONTNEED);
	begin(k->seat, mode, k->box->nr, kid_part_iova(k, part));
	ret = iova_map(k->box->fd, kid_part(k, part), kid_part_iova(k, part),
		       pages * PAGE_4K);
	judge_map(k, mode, part, ret, limit, pages);
	if (ret)
		return;
	k->mapped[part] = pages;
	if (!troubled)
		stamp(k, part, pages);
}

static void kid_unmap(struct kid *k, enum operation mode, unsigned int part)
{
	u64 done = 0;

	begin(k->seat, mode, k->box->nr, kid_part_iova(k, part));
	judge(k->seat, iova_unmap(k->box->fd, kid_part_iova(k, part), PART_SIZE, &done), 0);
	if (done != k->mapped[part] * PAGE_4K)
		violation(k->seat, "unmapped %llu bytes of %u pages", done, k->mapped[part]);
	k->mapped[part] = 0;
}

static void kid_use(struct kid *k, enum operation mode, unsigned int part)
{
	unsigned int page = draw(&k->seed, PART_PAGES);
	u64 word = 0, iova = kid_part_iova(k, part) + page * PAGE_4K;
	struct type1p_emulated_order order = {
		.op = draw(&k->seed, 2) ? TYPE1P_EMULATED_READ : TYPE1P_EMULATED_PIN,
		.by = draw(&k->seed, 3), .prot = EMULATED_READ, .iova = iova, .npages = 1,
		.size = 8, .data = (uintptr_t)&word,
	};
	bool troubled = part == TROUBLED && (mode == OP_KID_MOVE || mode == OP_KID_FAULT);
	int ret;

	if (k->box->device < 0)
		return;
	/* A kernel thread would wait for a page that only who waits for it can bring. */
	if (troubled && mode == OP_KID_FAULT)
		order.by = TYPE1P_EMULATED_CALLER;
	begin(k->seat, OP_KID_USE, k->box->nr, iova);
	ret = emulated_order(k->box->device, &order);
	if (page >= k->mapped[part]) {
		judge(k->seat, ret, -EINVAL, 0);
		if (ret >= 0)
			violation(k->seat, "a device reaches what is not mapped");
	} else if (troubled) {
		judge(k->seat, ret, -EFAULT, 0);
	} else {
		judge(k->seat, ret, mode == OP_KID_LIMIT || mode == OP_KID_MEMCG ? -ENOMEM : 0,
		      mode == OP_KID_MEMCG ? -EFAULT : 0, 0);
		if (ret >= 0 && word != kid_word(k, iova))
			violation(k->seat, "a device finds %#llx, not %#llx", word,
				  kid_word(k, iova));
	}
	r->checks++;
	if (ret > 0)
		emulated_unpin(k->box->device, iova, ret);
}

/* A child unmaps what its parent has mapped, and the parent need not pay any more. */
static void kid_fork(struct kid *k, unsigned int part)
{
	pid_t child;
	int status;

	begin(k->seat, OP_KID_FORK, k->box->nr, kid_part_iova(k, part));
	child = fork();
	if (!child) {
		u64 done = 0;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		iova_unmap(k->box->fd, kid_part_iova(k, part), PART_SIZE, &done);
		_exit(done == k->mapped[part] * PAGE_4K ? 0 : 1);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		end(k->seat, -errno);
		return;
	}
	end(k->seat, 0);
	if (status)
		violation(k->seat, "a child cannot unmap its parent's range: status %#x", status);
	k->mapped[part] = 0;
	check_locked(k);
}

static void *map_all(void *arg)
{
	struct kid *k = arg;

	for (;;) {
		iova_map(k->box->fd, kid_part(k, 1), kid_part_iova(k, 1), PART_SIZE);
		iova_unmap(k->box->fd, kid_part_iova(k, 1), PART_SIZE, NULL);
		madvise(kid_part(k, 1), PART_SIZE, MADV_DONTNEED);
	}
	return NULL;
}

/* Replaced by a program that gives the vaddr back, while another thread is mapping. */
static void kid_exec(struct kid *k)
{
	int file = memfd_create("race", 0), fd = dup(k->box->fd), device = -1, ret;
	char numbers[5][24], *mem;
	pthread_t thread;

	if (file < 0 || ftruncate(file, PART_SIZE))
		return;
	if (k->box->device >= 0)
		device = dup(k->box->device);
	mem = mmap(kid_part(k, 0), PART_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		   file, 0);
	if (mem == MAP_FAILED)
		return;
	stamp(k, 0, PART_PAGES);
	begin(k->seat, OP_KID_EXEC, k->box->nr, k->iova);
	ret = iova_map(fd, mem, k->iova, PART_SIZE) ?:
		iova_unmap_flags(fd, k->iova, PART_SIZE, VFIO_DMA_UNMAP_FLAG_VADDR, NULL);
	judge(k->seat, ret, 0);
	pthread_create(&thread, NULL, map_all, k);
	usleep(draw(&k->seed, 10000));
	snprintf(numbers[0], sizeof(numbers[0]), "%d", fd);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", device);
	snprintf(numbers[2], sizeof(numbers[2]), "%d", file);
	snprintf(numbers[3], sizeof(numbers[3]), "%llu", k->iova);
	snprintf(numbers[4], sizeof(numbers[4]), "%llu", kid_word(k, k->iova));
	execl("/proc/self/exe", "type1p-race", "--reborn", numbers[0], numbers[1], numbers[2],
	      numbers[3], numbers[4], NULL);
}

static int fail(const char *what, int ret)
{
	printf("# VIOLATION: a program that has been replaced: %s: %d\n", what, ret);
	return 1;
}

int reborn(int argc, char **argv)
{
	int fd, device, file, ret;
	u64 iova, word, found = 0, done = 0;
	char *mem;

	if (argc != 7)
		return 1;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = atoi(argv[2]);
	device = atoi(argv[3]);
	file = atoi(argv[4]);
	iova = strtoull(argv[5], NULL, 0);
	word = strtoull(argv[6], NULL, 0);
	mem = mmap(NULL, PART_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ret = iova_map_flags(fd, mem, iova, PART_SIZE, VFIO_DMA_MAP_FLAG_VADDR);
	if (ret)
		return fail("replace", ret);
	if (device >= 0) {
		ret = emulated_read(device, iova, &found, 8);
		if (ret || found != word)
			return fail("read by a device", ret);
	}
	ret = iova_unmap(fd, iova, PART_SIZE, &done);
	if (ret || done != PART_SIZE)
		return fail("unmap", ret);
	return 0;
}

/* Fresh memory, as much as to need helpers; it is killed at that more often than not. */
static void kid_big(struct kid *k)
{
	u64 done = 0;
	char *mem;

	mem = mmap(NULL, BIG_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return;
	if (draw(&k->seed, 2))
		madvise(mem, BIG_SIZE, MADV_HUGEPAGE);
	begin(k->seat, OP_KID_BIG, k->box->nr, k->iova);
	judge(k->seat, iova_map(k->box->fd, mem, k->iova, BIG_SIZE), 0);
	if (k->box->has_edu && mem_locked() != BIG_SIZE)
		violation(k->seat, "%lld bytes of locked memory", mem_locked());
	begin(k->seat, OP_KID_BIG, k->box->nr, k->iova);
	judge(k->seat, iova_unmap(k->box->fd, k->iova, BIG_SIZE, &done), 0);
	if (done != BIG_SIZE)
		violation(k->seat, "unmapped %llu bytes", done);
	check_locked(k);
	munmap(mem, BIG_SIZE);
}

static void kid_step(struct kid *k, enum operation mode, unsigned int part)
{
	if (draw(&k->seed, 2)) {
		kid_use(k, mode, part);
	} else if (!k->mapped[part]) {
		kid_map(k, mode, part);
		check_locked(k);
	} else if (mode == OP_KID_FORK) {
		kid_fork(k, part);
	} else {
		kid_unmap(k, mode, part);
		check_locked(k);
	}
}

void kid_run(struct kid *k, enum operation mode)
{
	int ret = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	k->mem = mem_alloc(KID_PAGES * PAGE_4K, MEM_4K);
	if (!k->mem)
		_exit(0);
	if (mode == OP_KID_LIMIT)
		ret = limit_begin();
	if (mode == OP_KID_MEMCG)
		ret = memcg_begin(k);
	if (mode == OP_KID_MOVE)
		move_begin(k, TROUBLED);
	if (mode == OP_KID_EXEC) {
		kid_exec(k);
		_exit(0);
	}
	if (ret)
		mode = OP_KID_MAP;
	while (mode == OP_KID_BIG)
		kid_big(k);
	for (;;) {
		kid_step(k, mode, draw(&k->seed, PARTS));
		usleep(draw(&k->seed, 4000));
	}
}
