// SPDX-License-Identifier: GPL-2.0-only
/* Reading, and if allowed writing, an NVMe disk by the disk's own DMA. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/interrupt.h"
#include "../lib/nvme.h"
#include "../lib/progress.h"
#include "disk.h"
#include "session.h"

#define HIGH_IOVA	(4UL << 30)
#define REREAD_SIZE	(4UL << 20)
#define WRITE_SIZE	(4UL << 20)
#define SKEW		512	/* into a page, so that transfers straddle pages */

struct disk {
	struct session *session;
	const char *bdf;
	const struct reference *ref;
	struct nvme nvme;
	u8 *first;			/* the two halves of the memory */
	u8 *second;
	u64 half;
	u64 iova;			/* of the first; the second follows */
	u64 amount;			/* bytes that are read from the start of the disk */
	bool writing;			/* not to be interrupted: the disk is damaged meanwhile */
};

static u64 min(u64 a, u64 b)
{
	return a < b ? a : b;
}

/* Where in the mapping the memory is, as the disk has to address it. */
static u64 iova_of(const struct disk *d, const u8 *mem)
{
	return d->iova + (mem - d->first);
}

static int read_some(struct disk *d, struct check *c, u64 offset, u32 bytes, u8 *to)
{
	struct nvme *n = &d->nvme;
	int ret = -EINTR;

	if (d->writing || !interrupted())
		ret = nvme_read(n, offset / n->block_size, bytes, iova_of(d, to));

	if (!ret)
		c->from_device += bytes;
	progress_add(bytes);
	return ret;
}

static int read_forwards(struct disk *d, struct check *c, u64 offset, u64 bytes, u8 *to)
{
	u64 done, len;
	int ret = 0;

	for (done = 0; done < bytes && !ret; done += len) {
		len = min(bytes - done, d->nvme.max_transfer);
		ret = read_some(d, c, offset + done, len, to + done);
	}
	return ret;
}

/* In other pieces and in the other order than read_forwards(). */
static int read_backwards(struct disk *d, struct check *c, u64 bytes, u8 *to)
{
	const u64 piece = d->nvme.max_transfer > PAGE_4K ? d->nvme.max_transfer - PAGE_4K : PAGE_4K;
	u64 len, left;
	int ret = 0;

	for (left = bytes; left && !ret; left -= len) {
		len = min(left, piece);
		ret = read_some(d, c, left - len, len, to + left - len);
	}
	return ret;
}

/* Returns true if it is over: after telling why, unless that is an interrupt. */
static bool failed(struct check *c, const struct disk *d, int ret, const char *doing)
{
	if (!ret)
		return false;
	if (ret == -EREMOTEIO)
		check_end(c, false, "%s: NVMe status %#x", doing, d->nvme.status);
	else if (ret != -EINTR)
		check_end(c, false, "%s: %s", doing, strerror(-ret));
	return true;
}

/* Offset of the first difference, or @size. */
static u64 differ(const u8 *a, const u8 *b, u64 size)
{
	u64 i = 0;

	if (!memcmp(a, b, size))
		return size;
	while (a[i] == b[i])
		i++;
	return i;
}

static bool same(struct check *c, const u8 *a, const u8 *b, u64 size, const char *what)
{
	const u64 at = differ(a, b, size);

	if (at == size)
		return true;
	return check_end(c, false, "WRONG DATA: byte %llu of %llu is not as %s", at, size, what);
}

static bool read_once(struct disk *d)
{
	const struct reference *ref = d->ref;
	const bool compare = ref->size && ref->nsid == d->nvme.nsid;
	struct check c;
	int ret;

	/* Else what lies there from before could pass for what the disk brought. */
	mem_fill(d->first, d->amount, 1);
	c = check_begin(d->session->report, d->bdf, "read");
	progress_begin("reading the disk", d->amount);
	ret = read_forwards(d, &c, 0, d->amount, d->first);
	progress_end();
	c.seconds = check_time(&c);
	if (failed(&c, d, ret, "reading") ||
	    (compare && !same(&c, d->first, ref->data, min(d->amount, ref->size),
			      "the kernel's driver had read it")))
		return false;
	return check_end(&c, true, "%s in %.3f s (%s); %s", human_bytes(d->amount), c.seconds,
			 human_rate(d->amount, c.seconds),
			 compare ? "the same as the kernel's driver had read before" :
			 "the kernel's driver was not there to compare with");
}

static bool read_twice(struct disk *d)
{
	struct check c = check_begin(d->session->report, d->bdf, "read, other way");
	u8 *to = d->second + SKEW, *after = to + d->amount;
	const u64 beside = PAGE_4K - SKEW;
	int ret;

	mem_fill(d->second, SKEW + d->amount, 2);
	mem_fill(after, beside, 3);
	progress_begin("reading the disk again", d->amount);
	ret = read_backwards(d, &c, d->amount, to);
	progress_end();
	if (failed(&c, d, ret, "reading") ||
	    !same(&c, to, d->first, d->amount, "the first time"))
		return false;
	if (mem_check(d->second, SKEW, 2) != SKEW || mem_check(after, beside, 3) != beside)
		return check_end(&c, false, "memory NEXT TO the buffer has changed");
	return check_end(&c, true, "%s backwards, across pages, to iova %#llx: the same",
			 human_bytes(d->amount), iova_of(d, to));
}

/* The same memory at another iova: the disk must find it there. */
static bool read_remapped(struct disk *d)
{
	struct check c = check_begin(d->session->report, d->bdf, "read, remapped");
	struct session *s = d->session;
	const u64 size = s->options->size, len = min(d->amount, REREAD_SIZE);
	const u64 old = d->iova;
	int ret;

	ret = iova_unmap(s->container, old, size, NULL);
	if (!ret)
		ret = container_find_iova(&s->info, old + size + PAGE_2M, ~0ULL, size, &d->iova);
	if (!ret)
		ret = iova_map(s->container, d->first, d->iova, size);
	if (failed(&c, d, ret, "mapping it elsewhere"))
		return false;
	mem_fill(d->first, len, 4);
	ret = read_forwards(d, &c, 0, len, d->first);
	if (failed(&c, d, ret, "reading") ||
	    !same(&c, d->first, d->second + SKEW, len, "the first time"))
		return false;
	return check_end(&c, true, "%s after moving the memory from iova %#llx to %#llx: the same",
			 human_bytes(len), old, d->iova);
}

static int write_blocks(struct disk *d, struct check *c, u64 offset, u64 bytes, const u8 *from)
{
	struct nvme *n = &d->nvme;
	u64 done, len;
	int ret = 0;

	for (done = 0; done < bytes && !ret; done += len) {
		len = min(bytes - done, n->max_transfer);
		ret = nvme_write(n, (offset + done) / n->block_size, len, iova_of(d, from + done));
		if (!ret)
			c->to_device += len;
	}
	return ret ? ret : nvme_flush(n);
}

static bool write_and_put_back(struct disk *d)
{
	struct check c = check_begin(d->session->report, d->bdf, "write");
	const u64 capacity = d->nvme.blocks * d->nvme.block_size;
	const u64 len = min(min(WRITE_SIZE, d->half), capacity) & -PAGE_4K;
	const u64 offset = (capacity - len) / 2 & -PAGE_4K;
	u8 *saved = malloc(len);
	bool good = false;
	int ret, back;

	ret = saved ? read_forwards(d, &c, offset, len, d->first) : -ENOMEM;
	if (failed(&c, d, ret, "saving what is there"))
		goto out;
	d->writing = true;
	memcpy(saved, d->first, len);

	mem_fill(d->first, len, 5);
	ret = write_blocks(d, &c, offset, len, d->first);
	memset(d->second, 0, len);
	if (!ret)
		ret = read_forwards(d, &c, offset, len, d->second);

	memcpy(d->first, saved, len);
	back = write_blocks(d, &c, offset, len, d->first);
	memset(d->first, 0, len);
	if (!back)
		back = read_forwards(d, &c, offset, len, d->first);
	if (failed(&c, d, back, "PUTTING BACK what was there") ||
	    !same(&c, d->first, saved, len, "it was before: NOT PUT BACK") ||
	    failed(&c, d, ret, "writing"))
		goto out;
	good = mem_check(d->second, len, 5) == len;
	check_end(&c, good, "%s at byte %llu written and read back: %s; old content put back",
		  human_bytes(len), offset, good ? "as written" : "WRONG DATA");
out:
	d->writing = false;
	free(saved);
	return good;
}

/* The last thing done: a disk may take it as it likes, and be reset for it. */
static void read_into_nowhere(struct disk *d)
{
	struct check c = check_begin(d->session->report, d->bdf, "not mapped");
	const u64 size = d->session->options->size;
	bool good;
	int ret;

	mem_fill(d->first, PAGE_4K * 256, 6);
	iova_unmap(d->session->container, d->iova, size, NULL);
	ret = nvme_read(&d->nvme, 0, d->nvme.max_transfer, d->iova);
	good = mem_check(d->first, PAGE_4K * 256, 6) == PAGE_4K * 256;
	check_end(&c, good, "reading into iova %#llx: %s; the disk says: %s", d->iova,
		  good ? "did not reach the memory" : "IT REACHED THE MEMORY",
		  ret ? strerror(-ret) : "done");
}

static void run(struct disk *d)
{
	const struct options *o = d->session->options;
	const u64 capacity = d->nvme.blocks * d->nvme.block_size;

	d->amount = min(min(d->half - PAGE_4K, REFERENCE_MAX), capacity) & -PAGE_4K;
	if (!read_once(d) || !read_twice(d) || !read_remapped(d) || interrupted())
		return;
	if (!o->destructive)
		check_skip(d->session->report, d->bdf, "write", "only with --destructive");
	else if (!write_and_put_back(d))
		return;
	if (o->faults && !interrupted())
		read_into_nowhere(d);
}

static int set_up(struct disk *d, int device, void *area)
{
	struct session *s = d->session;
	u64 area_iova;
	int ret;

	ret = container_find_iova(&s->info, HIGH_IOVA, ~0ULL, s->options->size, &d->iova);
	if (ret)
		ret = container_find_iova(&s->info, PAGE_2M, ~0ULL, s->options->size, &d->iova);
	if (!ret)
		ret = iova_map(s->container, d->first, d->iova, s->options->size);
	if (!ret)
		ret = container_find_iova(&s->info, d->iova + s->options->size, ~0ULL,
					  NVME_AREA_SIZE, &area_iova);
	if (!ret)
		ret = iova_map(s->container, area, area_iova, NVME_AREA_SIZE);
	return ret ? ret : nvme_open(&d->nvme, device, area, area_iova);
}

void disk_exercise(struct session *s, struct target *t)
{
	struct check c = check_begin(s->report, t->dev.bdf, "start");
	struct disk d = {
		.session = s,
		.bdf = t->dev.bdf,
		.ref = &t->reference,
		.first = s->mem,
		.second = s->mem + s->options->size / 2,
		.half = s->options->size / 2,
	};
	void *area = mem_alloc(NVME_AREA_SIZE, MEM_4K);
	int ret;

	ret = area ? set_up(&d, t->fd, area) : -ENOMEM;
	if (ret == -EOPNOTSUPP || ret == -ENOMEDIUM) {
		check_skip(s->report, t->dev.bdf, c.name, "a disk of a kind that it cannot read");
	} else if (ret) {
		failed(&c, &d, ret, "setting it up");
	} else {
		check_end(&c, true, "%s, %s in blocks of %u; queues at iova %#llx", d.nvme.model,
			  human_bytes((double)d.nvme.blocks * d.nvme.block_size),
			  d.nvme.block_size, d.nvme.area_iova);
		run(&d);
		nvme_close(&d.nvme);
	}
	iova_unmap_flags(s->container, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, NULL);
	mem_free(area, NVME_AREA_SIZE, MEM_4K);
}
