// SPDX-License-Identifier: GPL-2.0-only
/* A virtual machine monitor that is replaced while its devices work. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <linux/vfio_type1p.h>

#include "../lib/container.h"
#include "../lib/device.h"
#include "dma.h"
#include "guest.h"
#include "translators.h"
#include "vmm.h"

/* The phase before the update lasts as long as the update will, about. */
#define UPDATE_TAKES_MS	500
/* So soon after the replace, who had to wait has come back. */
#define SETTLE_MS	300
#define AFTER_MS	500
#define AFTER_LIMIT_MS	30000

static int add_group(struct state *s, int slot, int group)
{
	int ret = container_add_group(s->fds[FD_CONTAINER], group);

	if (ret >= 0)
		s->fds[slot] = ret;
	return ret < 0 ? ret : 0;
}

/* Index of the first device in the same group. */
static int group_of(const struct state *s, int device)
{
	int i = 0;

	while (s->group[i] != s->group[device])
		i++;
	return i;
}

static int open_devices(struct state *s)
{
	int i, ret = emulated_open(s->fds[FD_EMULATED_GROUP], 0);

	if (ret < 0)
		return ret;
	s->fds[FD_EMULATED] = ret;
	for (i = 0; i < (int)s->devices; i++) {
		ret = device_open(s->fds[FD_GROUPS + group_of(s, i)], s->device[i].bdf);
		if (ret < 0)
			return ret;
		s->fds[FD_DEVICES + i] = ret;
	}
	return 0;
}

static int open_container(struct state *s)
{
	struct container_info info;
	int i, ret = container_open();

	if (ret < 0)
		return ret;
	s->fds[FD_CONTAINER] = ret;
	ret = add_group(s, FD_EMULATED_GROUP, emulated_group(0));
	for (i = 0; i < (int)s->devices && !ret; i++)
		if (group_of(s, i) == i)
			ret = add_group(s, FD_GROUPS + i, s->group[i]);
	if (!ret)
		ret = container_set_iommu(s->fds[FD_CONTAINER], VFIO_TYPE1P_IOMMU);
	if (!ret)
		ret = container_info(s->fds[FD_CONTAINER], &info);
	s->avail = info.avail;
	return ret;
}

/* Private memory is not the file's any more once it has been written to. */
static u8 *create_guest(struct state *s)
{
	u8 *mem;

	if (guest_create(s))
		return NULL;
	mem = guest_map(s, true, 0);
	if (!mem)
		return NULL;
	guest_fill(mem);
	if (s->way != WAY_WAIT)
		return mem;
	guest_unmap(mem);
	return guest_map(s, false, 0);
}

static int invalidate(struct state *s)
{
	u64 done;
	int ret;

	s->invalid_at = now_ns();
	ret = iova_unmap_flags(s->fds[FD_CONTAINER], 0, 0,
			       VFIO_DMA_UNMAP_FLAG_VADDR | VFIO_DMA_UNMAP_FLAG_ALL, &done);
	return !ret && done != GUEST_SIZE ? -ERANGE : ret;
}

int vmm_start(struct state *s)
{
	struct echo echo = { };
	int ret;

	ret = open_container(s);
	if (!ret)
		ret = open_devices(s);
	if (ret)
		return state_fail(s, ret, "cannot set up a container");
	echo.mem = create_guest(s);
	if (!echo.mem)
		return state_fail(s, -errno, "no memory for a guest");
	s->vaddr = (uintptr_t)echo.mem;
	ret = guest_map_dma(s, echo.mem);
	if (ret)
		return state_fail(s, ret, "cannot map the guest for DMA");
	s->locked_before = mem_locked();
	ret = dma_start(s, echo.mem);
	if (!ret)
		ret = translators_start(s);
	if (!ret)
		ret = translators_sample(s, PHASE_SETUP);
	if (ret)
		return state_fail(s, ret, "cannot put the devices to work");

	state_enter(s, PHASE_BEFORE);
	echo_for(s, &echo, s->hold_ms + UPDATE_TAKES_MS);
	ret = translators_sample(s, PHASE_BEFORE);
	if (ret)
		return state_fail(s, ret, "no word from the emulated device");

	state_enter(s, PHASE_INVALID);
	ret = invalidate(s);
	if (ret)
		return state_fail(s, ret, "cannot invalidate the vaddr");
	return state_fail(s, handover(s), "cannot hand over");
}

/* All that is left when nobody works any more. */
static int look_at_remains(struct state *s, const u8 *mem)
{
	struct type1p_emulated_unmaps unmaps;
	struct container_info info;
	u64 done;
	int ret;

	s->wrong_pages = guest_check(mem);
	ret = emulated_unmaps(s->fds[FD_EMULATED], &unmaps);
	if (!ret)
		ret = iova_unmap_flags(s->fds[FD_CONTAINER], 0, 0, VFIO_DMA_UNMAP_FLAG_ALL, &done);
	if (!ret && done != GUEST_SIZE)
		ret = -ERANGE;
	if (!ret)
		ret = container_info(s->fds[FD_CONTAINER], &info);
	if (ret)
		return ret;
	s->locked_left = mem_locked();
	s->pinned_left = unmaps.pinned;
	s->avail_left = info.avail;
	return 0;
}

/* At least as long as it takes to see that the guest's memory is written to again. */
static int go_on(struct state *s, struct echo *echo)
{
	const u64 limit = now_ns() + AFTER_LIMIT_MS * 1000000ULL;

	do {
		echo_for(s, echo, AFTER_MS);
		if (now_ns() > limit)
			return -ETIMEDOUT;
	} while (!s->echoes[PHASE_AFTER]);
	return 0;
}

int vmm_continue(struct state *s)
{
	struct echo echo = { .mem = guest_map(s, s->way != WAY_WAIT, s->vaddr) };
	const u64 until = s->invalid_at + s->hold_ms * 1000000ULL, now = now_ns();
	int ret;

	if (!echo.mem)
		return state_fail(s, -errno, "no place for the guest");
	echo_listen(&echo);
	ret = translators_sample(s, PHASE_INVALID);
	memcpy(s->unheard, s->pauses[PHASE_INVALID].calls, sizeof(s->unheard));
	if (!ret && now < until)
		echo_for(s, &echo, (until - now) / 1000000);
	dma_note_gaps(s);
	if (!ret)
		ret = translators_sample(s, PHASE_INVALID);
	if (ret)
		return state_fail(s, ret, "no word from the emulated device");
	ret = guest_replace(s, echo.mem);
	if (ret)
		return state_fail(s, ret, "cannot replace the vaddr");
	s->valid_at = now_ns();
	state_enter(s, PHASE_REPLACED);

	echo_for(s, &echo, SETTLE_MS);
	ret = translators_sample(s, PHASE_REPLACED);
	if (ret)
		return state_fail(s, ret, "no word from the emulated device");
	state_enter(s, PHASE_AFTER);
	s->locked_after = mem_locked();
	ret = go_on(s, &echo);
	if (ret)
		return state_fail(s, ret, "the emulated device does not write into the new memory");
	ret = dma_stop(s);
	if (ret)
		return state_fail(s, ret, "DMA does not end");
	ret = translators_stop(s);
	if (!ret)
		ret = look_at_remains(s, echo.mem);
	if (ret)
		return state_fail(s, ret, "cannot clear up");
	s->finished = 1;
	return 0;
}
