// SPDX-License-Identifier: GPL-2.0-only
/*
 * Something for type1pctl to look at: a container with a device's group, some memory
 * that stays mapped, and MAPs and UNMAPs of much fresh memory, one after the other,
 * until it is killed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "mem.h"
#include "pci.h"
#include "size.h"

#define STAYS		(64UL << 20)
#define STAYS_AT	0x200000UL
#define COMES_AT	0x100000000UL

static int fail(const char *what, int ret)
{
	fprintf(stderr, "type1p-mapper: %s: %s\n", what, strerror(-ret));
	return 1;
}

/* Small pages that nobody has touched, so that a MAP has all of the work. */
static void *fresh(size_t size)
{
	void *mem = mem_alloc(size, MEM_4K);

	if (!mem)
		exit(fail("no memory", -errno));
	return mem;
}

static int map_and_unmap(int container, size_t size)
{
	void *mem = fresh(size);
	int ret = iova_map(container, mem, COMES_AT, size);
	u64 done;

	if (!ret)
		ret = iova_unmap(container, COMES_AT, size, &done);
	mem_free(mem, size, MEM_4K);
	return ret;
}

int main(int argc, char **argv)
{
	int container, group, ret;
	char bdf[PCI_BDF_LEN];
	u64 size;

	if (argc != 3 || pci_parse_bdf(argv[1], bdf) || size_parse(argv[2], &size)) {
		fputs("Usage: type1p-mapper BDF SIZE\n", stderr);
		return 2;
	}
	container = container_create(BACKEND_TYPE1P, VFIO_TYPE1v2_IOMMU, pci_group(bdf), &group);
	if (container < 0)
		return fail("no container", container);
	ret = iova_map(container, fresh(STAYS), STAYS_AT, STAYS);
	while (!ret)
		ret = map_and_unmap(container, size);
	return fail("MAP or UNMAP", ret);
}
