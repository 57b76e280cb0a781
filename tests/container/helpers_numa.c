// SPDX-License-Identifier: GPL-2.0-only
/* Where pages are that helpers fault in: on the nodes that the caller wants them on. */

#include <linux/mempolicy.h>

FIXTURE(helped_numa) {
	int fd;
	int group;
};

FIXTURE_SETUP(helped_numa)
{
	if (!has_two_cpus())
		SKIP(return, "needs two CPUs");
	if (access("/sys/devices/system/node/node1", F_OK))
		SKIP(return, "needs two NUMA nodes: --numa");
	if (syscall(SYS_move_pages, 0, 0UL, NULL, NULL, NULL, 0))
		SKIP(return, "needs move_pages(), to ask where pages are");
	self->fd = container_helped(_metadata, &self->group);
	cgroup_make(_metadata, CGROUP_ALL);
}

FIXTURE_TEARDOWN(helped_numa)
{
	close(self->group);
	close(self->fd);
	cgroup_end();
	params_reset(BACKEND_TYPE1P);
}

/* The node that is not used by default: most of what runs is on the first one. */
static const unsigned long node1 = 1UL << 1;

static int pages_elsewhere(char *mem, u64 size)
{
	enum { CHUNK = 1024 };
	void *pages[CHUNK];
	int nodes[CHUNK], i, count = 0;
	u64 at;

	for (at = 0; at < size; at += CHUNK * PAGE_4K) {
		for (i = 0; i < CHUNK; i++)
			pages[i] = mem + at + i * PAGE_4K;
		if (syscall(SYS_move_pages, 0, CHUNK, pages, NULL, nodes, 0))
			return -errno;
		for (i = 0; i < CHUNK; i++)
			count += nodes[i] != 1;
	}
	return count;
}

static void map_on_node1(struct __test_metadata *_metadata, struct _test_data_helped_numa *self,
			 char *mem, bool helped)
{
	struct watch watch;

	watch_begin(_metadata, &watch);
	EXPECT_EQ(0, iova_map(self->fd, mem, HELPED_IOVA, HELPED_SIZE));
	watch_end(_metadata, &watch);
	EXPECT_EQ(helped, watch.most > 0);
	EXPECT_EQ(0, pages_elsewhere(mem, HELPED_SIZE));
	EXPECT_EQ(HELPED_SIZE, mem_locked());
}

/* A thread of the kernel has no such policy: then there is none. */
TEST_F_TIMEOUT(helped_numa, s0_policy_of_the_caller, 60)
{
	ASSERT_EQ(0, syscall(SYS_set_mempolicy, MPOL_BIND, &node1, 8 * sizeof(node1)));
	map_on_node1(_metadata, self, fresh(_metadata, HELPED_SIZE), kernel_has_user_workers());
}

TEST_F_TIMEOUT(helped_numa, s0_policy_of_the_memory, 60)
{
	char *mem = fresh(_metadata, HELPED_SIZE);

	ASSERT_EQ(0, syscall(SYS_mbind, mem, HELPED_SIZE, MPOL_BIND, &node1, 8 * sizeof(node1),
			     0));
	map_on_node1(_metadata, self, mem, true);
}

TEST_F_TIMEOUT(helped_numa, s0_nodes_of_the_cpuset, 60)
{
	ASSERT_EQ(0, cgroup_write("cpuset.mems", "1"));
	ASSERT_EQ(0, cgroup_enter());
	map_on_node1(_metadata, self, fresh(_metadata, HELPED_SIZE), true);
}
