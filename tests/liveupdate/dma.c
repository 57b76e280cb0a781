// SPDX-License-Identifier: GPL-2.0-only
/* Real devices' DMA, kept going by a driver process each. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/edu.h"
#include "../lib/nvme.h"
#include "dma.h"
#include "guest.h"

/* The disk's first bytes are what is read, over and over. */
#define DISK_AMOUNT	(1UL << 20)
#define DISK_TRANSFER	(64UL << 10)
#define LIMIT_MS	30000

struct driver {
	struct state *state;
	struct traffic *traffic;
	u8 *mem;			/* the device's part of the guest */
	u64 iova;
	u64 size;
	u64 seed;
};

static bool stopping(const struct driver *d)
{
	return __atomic_load_n(&d->state->stop, __ATOMIC_RELAXED);
}

/* None where @to is the end of a phase, and the transfer that ended at @from came later. */
static void gap(struct traffic *t, enum phase in, u64 from, u64 to)
{
	if (to > from && t->longest_ns[in] < to - from)
		t->longest_ns[in] = to - from;
}

/* A transfer has ended: @ret tells how, -EILSEQ with other bytes than expected. */
static int transferred(struct driver *d, u64 bytes, int ret)
{
	struct traffic *t = d->traffic;
	const enum phase phase = state_phase(d->state);
	const u64 now = now_ns();
	u32 i;

	/* A gap counts for each phase that it touches, as long as it was by the end of it. */
	for (i = t->last_phase; t->last && i <= phase; i++)
		gap(t, i, t->last, i < phase ? d->state->phase_at[i + 1] : now);
	t->last_phase = phase;
	__atomic_store_n(&t->last, now, __ATOMIC_RELEASE);
	if (ret == -EILSEQ) {
		t->wrong++;
	} else if (ret) {
		t->errors++;
		t->error = t->error ? t->error : ret;
	} else {
		t->bytes += bytes;
	}
	t->transfers[phase]++;
	return ret;
}

/* Some place in @size bytes where @len of them fit, on a multiple of @align. */
static u64 some_place(struct driver *d, u64 size, u64 len, u64 align)
{
	d->seed++;
	return random() % ((size - len) / align + 1) * align;
}

/* The device fetches bytes from one place and puts them down at another. */
static int engine_copy(struct driver *d, struct edu *edu)
{
	const u64 len = EDU_MAX_TRANSFER, half = d->size / 2;
	const u64 from = some_place(d, half, len, 8), to = half + some_place(d, half, len, 8);
	int ret;

	mem_fill(d->mem + from, len, d->seed);
	memset(d->mem + to, 0, len);
	ret = transferred(d, len, edu_from_memory(edu, d->iova + from, len));
	if (ret)
		return ret;
	ret = edu_to_memory(edu, d->iova + to, len);
	if (!ret && mem_check(d->mem + to, len, d->seed) != len)
		ret = -EILSEQ;
	return transferred(d, len, ret);
}

static int drive_engine(struct driver *d, int device)
{
	struct edu edu;
	int ret = edu_open(device, &edu);

	while (!ret && !stopping(d))
		ret = engine_copy(d, &edu);
	return ret;
}

/* The disk writes what it holds into memory, then reads it from there to compare. */
static int disk_copy(struct driver *d, struct nvme *n, const u8 *disk)
{
	const u64 from = some_place(d, DISK_AMOUNT, DISK_TRANSFER, PAGE_4K);
	const u64 to = some_place(d, d->size, DISK_TRANSFER, 512);
	int ret;

	mem_fill(d->mem + to, DISK_TRANSFER, d->seed);
	ret = nvme_read(n, from / n->block_size, DISK_TRANSFER, d->iova + to);
	if (!ret && memcmp(d->mem + to, disk + from, DISK_TRANSFER))
		ret = -EILSEQ;
	ret = transferred(d, DISK_TRANSFER, ret);
	if (ret || !n->compares)
		return ret;
	ret = nvme_compare(n, from / n->block_size, DISK_TRANSFER, d->iova + to);
	if (ret == -EREMOTEIO && (n->status & NVME_STATUS_MASK) == NVME_COMPARE_FAILURE)
		ret = -EILSEQ;
	return transferred(d, DISK_TRANSFER, ret);
}

/* A disk that finds all the same could not tell us anything. */
static int disk_learn(struct driver *d, struct nvme *n, u8 *disk)
{
	u64 at;
	int ret = 0;

	if (n->max_transfer < DISK_TRANSFER || n->blocks * n->block_size < DISK_AMOUNT)
		return -EOPNOTSUPP;
	for (at = 0; at < DISK_AMOUNT && !ret; at += DISK_TRANSFER)
		ret = nvme_read(n, at / n->block_size, DISK_TRANSFER, d->iova + at);
	memcpy(disk, d->mem, DISK_AMOUNT);
	if (ret || !n->compares)
		return ret;
	d->mem[DISK_TRANSFER - 1] ^= 1;
	ret = nvme_compare(n, 0, DISK_TRANSFER, d->iova);
	if (ret == -EREMOTEIO && (n->status & NVME_STATUS_MASK) == NVME_COMPARE_FAILURE)
		return 0;
	n->compares = false;
	return ret == -EREMOTEIO ? 0 : ret;
}

static int drive_disk(struct driver *d, int device)
{
	u8 *disk = malloc(DISK_AMOUNT);
	struct nvme n;
	int ret;

	ret = disk ? nvme_open(&n, device, d->mem, d->iova) : -ENOMEM;
	if (ret)
		return ret;
	d->mem += NVME_AREA_SIZE;
	d->iova += NVME_AREA_SIZE;
	d->size -= NVME_AREA_SIZE;
	ret = disk_learn(d, &n, disk);
	while (!ret && !stopping(d))
		ret = disk_copy(d, &n, disk);
	nvme_close(&n);
	return ret;
}

static bool is_engine(const struct pci_dev *dev)
{
	return dev->vendor == EDU_VENDOR && dev->device == EDU_DEVICE;
}

bool dma_drives(const struct pci_dev *dev)
{
	return is_engine(dev) || dev->class == PCI_CLASS_NVME;
}

static void drive(struct state *s, unsigned int i, u8 *mem)
{
	const u64 size = (GUEST_SIZE - GUEST_DMA) / s->devices & -PAGE_4K;
	struct driver d = {
		.state = s,
		.traffic = &s->traffic[i],
		.mem = mem + GUEST_DMA + i * size,
		.iova = GUEST_IOVA + GUEST_DMA + i * size,
		.size = size,
		.seed = 1,
	};
	int device = s->fds[FD_DEVICES + i];
	int fd, ret;

	/* Processes of one session share a turn on the CPU, where others have one each. */
	setsid();
	for (fd = FD_STATE; fd < FDS; fd++)
		if (s->fds[fd] >= 0 && s->fds[fd] != device)
			close(s->fds[fd]);
	ret = is_engine(&s->device[i]) ? drive_engine(&d, device) : drive_disk(&d, device);
	/* One that could not even begin has not said so yet. */
	if (ret && !d.traffic->wrong && !d.traffic->errors)
		transferred(&d, 0, ret);
	__atomic_store_n(&d.traffic->ended, 1, __ATOMIC_RELEASE);
	_exit(!!ret);
}

/* Waits until all have begun, or have ended. */
static int await(const struct state *s, bool end)
{
	const u64 limit = now_ns() + LIMIT_MS * 1000000ULL;
	unsigned int i = 0;

	while (i < s->devices && now_ns() < limit) {
		if (__atomic_load_n(&s->traffic[i].ended, __ATOMIC_ACQUIRE) ||
		    (!end && __atomic_load_n(&s->traffic[i].last, __ATOMIC_ACQUIRE)))
			i++;
		else
			nap_ms(5);
	}
	return i == s->devices ? 0 : -ETIMEDOUT;
}

int dma_start(struct state *s, u8 *mem)
{
	unsigned int i;
	pid_t child;

	for (i = 0; i < s->devices; i++) {
		child = fork();
		if (child < 0)
			return -errno;
		if (!child)
			drive(s, i, mem);
		s->driver[i] = child;
	}
	return await(s, false);
}

void dma_note_gaps(struct state *s)
{
	unsigned int i;

	for (i = 0; i < s->devices; i++)
		gap(&s->traffic[i], state_phase(s),
		    __atomic_load_n(&s->traffic[i].last, __ATOMIC_ACQUIRE), now_ns());
}

int dma_stop(struct state *s)
{
	__atomic_store_n(&s->stop, 1, __ATOMIC_RELAXED);
	return await(s, true);
}
