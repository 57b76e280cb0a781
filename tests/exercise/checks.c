// SPDX-License-Identifier: GPL-2.0-only
/* What must hold of mappings whatever the device: no DMA in here. */
#include <errno.h>
#include <string.h>
#include <linux/pci_regs.h>

#include "../lib/device.h"
#include "../lib/interrupt.h"
#include "../lib/progress.h"
#include "checks.h"
#include "session.h"

#define LOW_IOVA	PAGE_2M
#define HIGH_IOVA	(4UL << 30)
#define PIECES		16

/* Maps and unmaps all of the memory at @iova; time and accounting come out right. */
static void map_and_unmap(struct session *s, const char *name, u64 iova)
{
	struct check c = check_begin(s->report, NULL, name);
	const u64 size = s->options->size;
	const s64 before = mem_locked();
	double map_time, unmap_time;
	s64 locked, left;
	u64 done = 0;
	int ret;

	progress_begin("mapping memory", 0);
	ret = iova_map(s->container, s->mem, iova, size);
	progress_end();
	map_time = check_time(&c);
	if (ret) {
		check_end(&c, false, "mapping %s at iova %#llx: %s", human_bytes(size), iova,
			  strerror(-ret));
		return;
	}
	locked = mem_locked() - before;

	unmap_time = check_time(&c);
	progress_begin("unmapping memory", 0);
	ret = iova_unmap(s->container, iova, size, &done);
	progress_end();
	unmap_time = check_time(&c) - unmap_time;
	left = mem_locked() - before;
	if (ret || done != size || locked != (s64)size || left)
		check_end(&c, false,
			  "of %llu bytes at %#llx: locked %lld, unmapped %llu (%s), left locked %lld",
			  size, iova, locked, done, strerror(-ret), left);
	else
		check_end(&c, true, "%s at iova %#llx: mapped in %.4f s (%s), unmapped in %.4f s",
			  human_bytes(size), iova, map_time, human_rate(size, map_time),
			  unmap_time);
}

/* Overlaps are refused, and so is unmapping part of a mapping. */
static void refusals(struct session *s, u64 iova)
{
	struct check c = check_begin(s->report, NULL, "refusals");
	const u64 size = s->options->size;
	int same, tail, part;
	u64 done = 0;

	if (iova_map(s->container, s->mem, iova, size)) {
		check_end(&c, false, "mapping failed");
		return;
	}
	same = iova_map(s->container, s->mem, iova, size);
	tail = iova_map(s->container, s->mem, iova + size - PAGE_4K, PAGE_2M);
	part = iova_unmap(s->container, iova, size / 2, NULL);
	iova_unmap(s->container, iova, size, &done);
	check_end(&c, same == -EEXIST && tail == -EEXIST && part == -EINVAL && done == size,
		  "mapping it again: %s; overlapping its end: %s; unmapping half of it: %s",
		  strerror(-same), strerror(-tail), strerror(-part));
}

/* Many mappings, counted by the kernel, and gone with one call. */
static void pieces(struct session *s, u64 iova)
{
	struct check c = check_begin(s->report, NULL, "unmap all");
	const u64 size = s->options->size, piece = size / PIECES;
	struct container_info info;
	u64 done = 0;
	int i, ret = 0;

	for (i = 0; i < PIECES && !ret; i++)
		ret = iova_map(s->container, s->mem + i * piece, iova + i * piece, piece);
	if (!ret)
		ret = container_info(s->container, &info);
	if (!ret)
		ret = iova_unmap_flags(s->container, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, &done);
	check_end(&c, !ret && done == size && info.avail + PIECES == s->info.avail,
		  "%d mappings of %s: %u of %u left to make; then %s unmapped at once%s%s", PIECES,
		  human_bytes(piece), info.avail, s->info.avail, human_bytes(done),
		  ret ? ": " : "", ret ? strerror(-ret) : "");
}

/* Device memory seen by other devices: mapped without being pinned or charged. */
static void bar(struct session *s, struct target *t, u64 iova)
{
	struct check c = check_begin(s->report, t->dev.bdf, "its BAR mapped");
	const s64 before = mem_locked();
	struct bar bar = {};
	u64 done = 0;
	s64 locked;
	int ret;

	ret = device_command(t->fd, PCI_COMMAND_MEMORY, true);
	if (!ret)
		ret = device_map_bar(t->fd, VFIO_PCI_BAR0_REGION_INDEX, &bar);
	if (ret) {
		check_skip(s->report, t->dev.bdf, c.name, "BAR 0 cannot be mapped into a process");
		return;
	}
	ret = iova_map(s->container, bar.mem, iova, bar.size);
	locked = mem_locked() - before;
	if (!ret)
		ret = iova_unmap(s->container, iova, bar.size, &done);
	check_end(&c, !ret && done == bar.size && !locked, "%s of device memory%s%s, %lld locked",
		  human_bytes(bar.size), ret ? ": " : "", ret ? strerror(-ret) : "", locked);
	device_unmap_bar(&bar);
}

void checks_mappings(struct session *s)
{
	const u64 size = s->options->size;
	u64 low, high;
	int i;

	if (container_find_iova(&s->info, LOW_IOVA, ~0ULL, size, &low)) {
		report_error(s->report, RESULT_SYSTEM, "no room for %s of iova",
			     human_bytes(size));
		return;
	}
	map_and_unmap(s, "map and unmap", low);
	if (!container_find_iova(&s->info, HIGH_IOVA, ~0ULL, size, &high) && !interrupted())
		map_and_unmap(s, "elsewhere too", high);
	if (!interrupted())
		refusals(s, low);
	if (!interrupted())
		pieces(s, low);
	for (i = 0; i < s->ntargets && !interrupted(); i++)
		bar(s, &s->targets[i], low);
}
