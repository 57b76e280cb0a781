// SPDX-License-Identifier: GPL-2.0-only
/* Memory that is not there when it is wanted, and limits on it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/userfaultfd.h>

#include "kids.h"

#define CGROUPS	"/tmp/cgroup"

/* One who provides missing pages, late; or not at all, and takes himself off. */
struct provider {
	int fd;
	char *mem;
	unsigned int seed;
	pthread_t thread;
	bool running;
};

static struct provider provider = { .fd = -1 };

static void provide(struct provider *p, u64 address)
{
	struct uffdio_zeropage page = { .range = { address & -PAGE_4K, PAGE_4K } };

	ioctl(p->fd, UFFDIO_ZEROPAGE, &page);
}

static void *provide_all(void *arg)
{
	struct provider *p = arg;
	struct pollfd fd = { .fd = p->fd, .events = POLLIN };
	struct uffdio_range range = { (uintptr_t)p->mem, PART_SIZE };
	struct uffd_msg message;

	for (;;) {
		if (poll(&fd, 1, -1) <= 0 || read(p->fd, &message, sizeof(message)) <= 0)
			continue;
		if (message.event != UFFD_EVENT_PAGEFAULT)
			continue;
		if (!draw(&p->seed, 4)) {
			usleep(draw(&p->seed, 300000));
			ioctl(p->fd, UFFDIO_UNREGISTER, &range);
			continue;
		}
		usleep(draw(&p->seed, 5000));
		provide(p, message.arg.pagefault.address);
	}
	return NULL;
}

int fault_begin(struct kid *k, unsigned int part)
{
	struct uffdio_register reg = {
		.range = { (uintptr_t)kid_part(k, part), PART_SIZE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_api api = { .api = UFFD_API };

	if (provider.fd < 0) {
		provider.fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
		if (provider.fd < 0 || ioctl(provider.fd, UFFDIO_API, &api))
			return -errno;
		provider.mem = kid_part(k, part);
		provider.seed = k->seed;
		if (pthread_create(&provider.thread, NULL, provide_all, &provider))
			return -EAGAIN;
	}
	madvise(kid_part(k, part), PART_SIZE, MADV_DONTNEED);
	return ioctl(provider.fd, UFFDIO_REGISTER, &reg) ? -errno : 0;
}

/* Without the right to lock as much as it likes. */
int limit_begin(void)
{
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return -errno;
	return prctl(PR_SET_PDEATHSIG, SIGKILL);
}

int limit_draw(struct kid *k)
{
	struct rlimit limit;
	int pages = draw(&k->seed, KID_PAGES + 64);

	getrlimit(RLIMIT_MEMLOCK, &limit);
	if ((u64)pages * PAGE_4K > limit.rlim_max)
		pages = limit.rlim_max / PAGE_4K;
	limit.rlim_cur = pages * PAGE_4K;
	setrlimit(RLIMIT_MEMLOCK, &limit);
	return pages;
}

static int write_number(const char *dir, const char *file, u64 number)
{
	char path[100];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "we");
	if (!f)
		return -errno;
	fprintf(f, "%llu\n", number);
	return fclose(f) ? -errno : 0;
}

static int cgroup_add(const char *name)
{
	FILE *f = fopen(CGROUPS "/cgroup.subtree_control", "we");

	if (!f)
		return -errno;
	fputs("+memory", f);
	if (fclose(f))
		return -errno;
	return mkdir(name, 0755) && errno != EEXIST ? -errno : 0;
}

static void cgroup_name(const struct kid *k, char name[64])
{
	snprintf(name, 64, CGROUPS "/kid%u", k->nr);
}

int memcg_begin(struct kid *k)
{
	char name[64];
	int ret;

	mkdir(CGROUPS, 0755);
	if (access(CGROUPS "/cgroup.procs", F_OK) && mount("none", CGROUPS, "cgroup2", 0, NULL))
		return -errno;
	cgroup_name(k, name);
	ret = cgroup_add(name);
	return ret ?: write_number(name, "cgroup.procs", getpid());
}

/* Now and then so low that nothing is left but to be killed. */
void memcg_draw(struct kid *k)
{
	char name[64];

	cgroup_name(k, name);
	if (draw(&k->seed, 2))
		write_number(name, "memory.high", (1 + draw(&k->seed, 32)) << 18);
	write_number(name, "memory.max", (1 + draw(&k->seed, 32)) << 18);
}

/* One who takes memory away while it is being mapped. */
static void *move_all(void *arg)
{
	unsigned int seed = (uintptr_t)arg >> 12;
	char *mem = arg, *to;
	u64 at, size;

	for (;;) {
		at = draw(&seed, PART_PAGES) * PAGE_4K;
		size = PAGE_4K + draw(&seed, (PART_SIZE - at) / PAGE_4K) * PAGE_4K;
		switch (draw(&seed, 3)) {
		case 0:
			munmap(mem + at, size);
			break;
		case 1:
			madvise(mem + at, size, MADV_DONTNEED);
			break;
		default:
			to = mremap(mem + at, size, size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
			if (to != MAP_FAILED)
				munmap(to, size);
		}
		usleep(draw(&seed, 500));
		mmap(mem, PART_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	}
	return NULL;
}

void move_begin(struct kid *k, unsigned int part)
{
	pthread_t thread;

	pthread_create(&thread, NULL, move_all, kid_part(k, part));
}
