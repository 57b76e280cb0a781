// SPDX-License-Identifier: GPL-2.0-only
/* A small NVMe driver in user space: one I/O queue pair, polled, one command at a time. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <linux/pci_regs.h>

#include "nvme.h"

#define REG_CAP			0x00
#define REG_CC			0x14
#define REG_CSTS		0x1c
#define REG_AQA			0x24
#define REG_ASQ			0x28
#define REG_ACQ			0x30
#define REG_DOORBELLS		0x1000

#define CC_ENABLE		0x1
#define CC_ENTRY_SIZES		(6 << 16 | 4 << 20)	/* 64 and 16 bytes, as powers of two */
#define CSTS_READY		0x1
#define CSTS_FATAL		0x2

#define ADMIN_CREATE_SQ		0x01
#define ADMIN_CREATE_CQ		0x05
#define ADMIN_IDENTIFY		0x06
#define ADMIN_SET_FEATURES	0x09
#define FEATURE_QUEUES		0x07
#define IDENTIFY_NAMESPACE	0
#define IDENTIFY_CONTROLLER	1
#define IDENTIFY_ACTIVE		2
#define ONCS_COMPARE		0x1
#define IO_FLUSH		0x00
#define IO_WRITE		0x01
#define IO_READ			0x02
#define IO_COMPARE		0x05

#define QUEUE_CONTIGUOUS	1
#define QUEUE_DEPTH		32
#define LIST_ENTRIES		(PAGE_4K / sizeof(u64))
#define TRANSFER_LIMIT		(256 * PAGE_4K)
#define COMMAND_LIMIT_MS	30000

/* The pages of the area. */
enum {
	PAGE_ADMIN_SQ,
	PAGE_ADMIN_CQ,
	PAGE_IO_SQ,
	PAGE_IO_CQ,
	PAGE_IDENTIFY,
	PAGE_LIST,
};

struct nvme_command {
	u8 opcode;
	u8 flags;
	u16 id;
	u32 nsid;
	u64 reserved;
	u64 metadata;
	u64 prp1;
	u64 prp2;
	u32 dword10[6];
};

struct nvme_completion {
	u32 result;
	u32 reserved;
	u16 sq_head;
	u16 sq_id;
	u16 id;
	u16 status;			/* bit 0: phase */
};

static_assert(sizeof(struct nvme_command) == 64, "as the hardware has it");
static_assert(sizeof(struct nvme_completion) == 16, "as the hardware has it");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "no byte swapping here");

static void *area_page(const struct nvme *n, int page)
{
	return n->area + page * PAGE_4K;
}

static u64 area_iova(const struct nvme *n, int page)
{
	return n->area_iova + page * PAGE_4K;
}

static u64 now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

static void nap(void)
{
	const struct timespec t = { .tv_nsec = 50000 };

	nanosleep(&t, NULL);
}

/* Waits until the controller says that it is (or is not) ready. */
static int wait_ready(struct nvme *n, bool ready)
{
	const u64 end = now_ms() + n->time_limit;
	u32 csts;

	for (;;) {
		csts = bar_read32(&n->bar, REG_CSTS);
		if (csts == ~0U || (ready && csts & CSTS_FATAL))
			return -EIO;
		if (!!(csts & CSTS_READY) == ready)
			return 0;
		if (now_ms() > end)
			return -ETIMEDOUT;
		nap();
	}
}

static void ring(struct nvme *n, unsigned int index, u16 val)
{
	bar_write32(&n->bar, REG_DOORBELLS + index * n->stride, val);
}

static int wait_completion(struct nvme *n, const struct nvme_completion *c, u16 phase)
{
	const u64 end = now_ms() + COMMAND_LIMIT_MS;
	unsigned int spins = 0;

	while ((__atomic_load_n(&c->status, __ATOMIC_ACQUIRE) & 1) != phase) {
		if (++spins < 1000)
			continue;
		if (bar_read32(&n->bar, REG_CSTS) & CSTS_FATAL)
			return -EIO;
		if (now_ms() > end)
			return -ETIMEDOUT;
		nap();
	}
	return 0;
}

static int execute(struct nvme *n, struct nvme_queue *q, struct nvme_command *command)
{
	struct nvme_completion *c = (struct nvme_completion *)q->completion + q->head;
	int ret;

	command->id = q->tail;
	memcpy((struct nvme_command *)q->submission + q->tail, command, sizeof(*command));
	q->tail = (q->tail + 1) % QUEUE_DEPTH;
	ring(n, 2 * q->id, q->tail);

	ret = wait_completion(n, c, q->phase);
	if (ret)
		return ret;
	n->status = c->status >> 1;
	if (c->id != command->id)
		return -EIO;
	if (++q->head == QUEUE_DEPTH) {
		q->head = 0;
		q->phase ^= 1;
	}
	ring(n, 2 * q->id + 1, q->head);
	return n->status ? -EREMOTEIO : 0;
}

static int identify(struct nvme *n, u32 what, u32 nsid)
{
	struct nvme_command command = {
		.opcode = ADMIN_IDENTIFY,
		.nsid = nsid,
		.prp1 = area_iova(n, PAGE_IDENTIFY),
		.dword10 = { what },
	};

	memset(area_page(n, PAGE_IDENTIFY), 0, PAGE_4K);
	return execute(n, &n->admin, &command);
}

static int identify_controller(struct nvme *n)
{
	const u8 *page = area_page(n, PAGE_IDENTIFY);
	int i, ret = identify(n, IDENTIFY_CONTROLLER, 0);

	if (ret)
		return ret;
	memcpy(n->model, page + 24, sizeof(n->model) - 1);
	for (i = sizeof(n->model) - 2; i >= 0 && n->model[i] == ' '; i--)
		n->model[i] = '\0';
	n->max_transfer = TRANSFER_LIMIT;
	/* A power of two of 4 KiB pages, 0 for no limit. */
	if (page[77] && page[77] < 8)
		n->max_transfer = PAGE_4K << page[77];
	n->compares = page[520] & ONCS_COMPARE;
	return 0;
}

static int identify_namespace(struct nvme *n)
{
	const u8 *page = area_page(n, PAGE_IDENTIFY);
	const u8 *format;
	int ret;

	ret = identify(n, IDENTIFY_ACTIVE, 0);
	if (ret && ret != -EREMOTEIO)
		return ret;
	/* The first disks (NVMe 1.0) have no such list. */
	n->nsid = 1;
	if (!ret)
		memcpy(&n->nsid, page, sizeof(n->nsid));
	if (!n->nsid)
		return -ENOMEDIUM;
	ret = identify(n, IDENTIFY_NAMESPACE, n->nsid);
	if (ret)
		return ret;
	memcpy(&n->blocks, page, sizeof(n->blocks));
	format = page + 128 + 4 * (page[26] & 0xf);
	/* Metadata between the blocks, or blocks of more than a page: not for us. */
	if (format[0] || format[1] || format[2] < 9 || format[2] > 12)
		return -EOPNOTSUPP;
	n->block_size = 1U << format[2];
	return 0;
}

static int create_queues(struct nvme *n)
{
	const u32 size_and_id = (QUEUE_DEPTH - 1) << 16 | n->io.id;
	struct nvme_command ask = {
		.opcode = ADMIN_SET_FEATURES,
		.dword10 = { FEATURE_QUEUES, 0 },
	};
	struct nvme_command completion = {
		.opcode = ADMIN_CREATE_CQ,
		.prp1 = area_iova(n, PAGE_IO_CQ),
		.dword10 = { size_and_id, QUEUE_CONTIGUOUS },
	};
	struct nvme_command submission = {
		.opcode = ADMIN_CREATE_SQ,
		.prp1 = area_iova(n, PAGE_IO_SQ),
		.dword10 = { size_and_id, (u32)n->io.id << 16 | QUEUE_CONTIGUOUS },
	};
	int ret;

	ret = execute(n, &n->admin, &ask);
	if (!ret)
		ret = execute(n, &n->admin, &completion);
	if (!ret)
		ret = execute(n, &n->admin, &submission);
	return ret;
}

static int start(struct nvme *n)
{
	const u64 cap = bar_read64(&n->bar, REG_CAP);
	int ret;

	/* 4 KiB pages are what it is set to use below. */
	if (cap == ~0ULL || (cap >> 48 & 0xf) || (cap & 0xffff) < QUEUE_DEPTH - 1)
		return -EOPNOTSUPP;
	n->stride = 4U << (cap >> 32 & 0xf);
	n->time_limit = (cap >> 24 & 0xff) * 500 + 1000;

	bar_write32(&n->bar, REG_CC, 0);
	ret = wait_ready(n, false);
	if (ret)
		return ret;
	bar_write32(&n->bar, REG_AQA, (QUEUE_DEPTH - 1) << 16 | (QUEUE_DEPTH - 1));
	bar_write64(&n->bar, REG_ASQ, area_iova(n, PAGE_ADMIN_SQ));
	bar_write64(&n->bar, REG_ACQ, area_iova(n, PAGE_ADMIN_CQ));
	bar_write32(&n->bar, REG_CC, CC_ENTRY_SIZES | CC_ENABLE);
	return wait_ready(n, true);
}

int nvme_open(struct nvme *n, int device, void *area, u64 area_iova)
{
	int ret;

	*n = (struct nvme){ .device = device, .area = area, .area_iova = area_iova };
	memset(area, 0, NVME_AREA_SIZE);
	n->admin = (struct nvme_queue){ .id = 0, .phase = 1 };
	n->admin.submission = area_page(n, PAGE_ADMIN_SQ);
	n->admin.completion = area_page(n, PAGE_ADMIN_CQ);
	n->io = (struct nvme_queue){ .id = 1, .phase = 1 };
	n->io.submission = area_page(n, PAGE_IO_SQ);
	n->io.completion = area_page(n, PAGE_IO_CQ);

	ret = device_command(device, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, true);
	if (!ret)
		ret = device_map_bar(device, VFIO_PCI_BAR0_REGION_INDEX, &n->bar);
	if (ret)
		return ret;
	ret = start(n);
	if (!ret)
		ret = identify_controller(n);
	if (!ret)
		ret = identify_namespace(n);
	if (!ret)
		ret = create_queues(n);
	if (ret)
		nvme_close(n);
	return ret;
}

void nvme_close(struct nvme *n)
{
	/* Whatever it still does must not reach memory that is about to be unmapped. */
	bar_write32(&n->bar, REG_CC, 0);
	wait_ready(n, false);
	device_command(n->device, PCI_COMMAND_MASTER, false);
	device_unmap_bar(&n->bar);
}

/* Second PRP entry: nothing, a page, or a list of all pages but the first. */
static u64 list_pages(struct nvme *n, u64 iova, u32 bytes)
{
	u64 *list = area_page(n, PAGE_LIST);
	u64 page = (iova & -PAGE_4K) + PAGE_4K;
	const u64 end = iova + bytes;
	unsigned int i = 0;

	if (page >= end)
		return 0;
	if (page + PAGE_4K >= end)
		return page;
	for (; page < end; page += PAGE_4K)
		list[i++] = page;
	return area_iova(n, PAGE_LIST);
}

static int transfer(struct nvme *n, u8 opcode, u64 block, u32 bytes, u64 iova)
{
	const u32 blocks = bytes / n->block_size;
	struct nvme_command command = {
		.opcode = opcode,
		.nsid = n->nsid,
		.prp1 = iova,
		.dword10 = { (u32)block, block >> 32, blocks - 1 },
	};

	if (!blocks || bytes % n->block_size || bytes > n->max_transfer || iova % 4 ||
	    block + blocks > n->blocks)
		return -EINVAL;
	command.prp2 = list_pages(n, iova, bytes);
	return execute(n, &n->io, &command);
}

int nvme_read(struct nvme *n, u64 block, u32 bytes, u64 iova)
{
	return transfer(n, IO_READ, block, bytes, iova);
}

int nvme_write(struct nvme *n, u64 block, u32 bytes, u64 iova)
{
	return transfer(n, IO_WRITE, block, bytes, iova);
}

int nvme_compare(struct nvme *n, u64 block, u32 bytes, u64 iova)
{
	return n->compares ? transfer(n, IO_COMPARE, block, bytes, iova) : -EOPNOTSUPP;
}

int nvme_flush(struct nvme *n)
{
	struct nvme_command command = { .opcode = IO_FLUSH, .nsid = n->nsid };

	return execute(n, &n->io, &command);
}
