/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a test may order of the emulated devices, by ioctl on a device's
 * descriptor. Kernel and user space share this file.
 *
 * The devices are type1p-emulated.0 and on, on the platform bus, each in an
 * IOMMU group of its own that the vfio core makes up. Module parameters:
 * "devices" (2) of them have a dma_unmap callback, and "deaf" (1) more do not.
 */
#ifndef TYPE1P_EMULATED_UAPI_H
#define TYPE1P_EMULATED_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define TYPE1P_EMULATED_NAME	"type1p-emulated"

/* A word of memory that says which place it is: the stamp plus its iova. */
#define TYPE1P_EMULATED_WORD(stamp, iova)	((stamp) + (iova))

enum type1p_emulated_op {
	TYPE1P_EMULATED_PIN,
	TYPE1P_EMULATED_UNPIN,
	TYPE1P_EMULATED_READ,
	TYPE1P_EMULATED_WRITE,
};

/* Who makes the call into vfio. */
enum type1p_emulated_by {
	TYPE1P_EMULATED_CALLER,
	TYPE1P_EMULATED_KTHREAD,
	TYPE1P_EMULATED_WORK,
};

/* Again and again till it is stopped; a loop of PIN unpins each time. */
#define TYPE1P_EMULATED_LOOP	0x1
/* PIN, READ: count pages that do not start with TYPE1P_EMULATED_WORD(). */
#define TYPE1P_EMULATED_CHECK	0x2
/* PIN, WRITE: put that word at the start of each page. */
#define TYPE1P_EMULATED_STAMP	0x4

#define TYPE1P_EMULATED_MAX_SIZE	0x1000000

/**
 * struct type1p_emulated_order - one call, or an endless loop of it
 * @op: enum type1p_emulated_op
 * @by: enum type1p_emulated_by; a job cannot be the caller's
 * @flags: TYPE1P_EMULATED_LOOP (jobs only) and so on
 * @prot: PIN: IOMMU_READ 1, IOMMU_WRITE 2
 * @iova: of the first byte
 * @npages: PIN, UNPIN
 * @result: what the call returned
 * @size: READ, WRITE: bytes
 * @data: user address, or 0. PIN: gets the first 8 bytes of each page.
 *	READ, WRITE: the bytes. Not for jobs
 * @stamp: see TYPE1P_EMULATED_WORD()
 * @span: loops go through this many bytes from @iova on, piece after piece
 * @pause_us: loops rest this long between calls
 * @id: of a job: set by START
 */
struct type1p_emulated_order {
	__u32 op;
	__u32 by;
	__u32 flags;
	__u32 prot;
	__u64 iova;
	__s32 npages;
	__s32 result;
	__u64 size;
	__u64 data;
	__u64 stamp;
	__u64 span;
	__u32 pause_us;
	__u32 id;
};

#define TYPE1P_EMULATED_ERRNOS	134
#define TYPE1P_EMULATED_TIMES	48

/**
 * struct type1p_emulated_status - what a job has done, since its start or since it
 * was last told to begin anew
 * @id: of the job
 * @running: it has not ended
 * @wait_ms: return only when it has ended, or after that time
 * @last: what the last call returned
 * @anew: begin all counts below anew after this
 * @calls: calls that have returned
 * @wrong: pages with another first word than expected
 * @longest_ns: the longest call, or what there is of it yet: the one that is under
 *	way counts as well, all of it
 * @times: calls that took less than 2^index ns, but not less than half of that
 * @errors: calls that failed, by errno
 */
struct type1p_emulated_status {
	__u32 id;
	__u32 running;
	__u32 wait_ms;
	__s32 last;
	__u32 anew;
	__u32 pad;
	__u64 calls;
	__u64 wrong;
	__u64 longest_ns;
	__u64 times[TYPE1P_EMULATED_TIMES];
	__u64 errors[TYPE1P_EMULATED_ERRNOS];
};

/**
 * struct type1p_emulated_manners - how a device behaves from now on
 * @ignore: leave that many dma_unmap callbacks without effect; ~0 for all
 * @delay_ms: stay that long in each of them
 * @keep: leave the pages pinned when the device is closed
 */
struct type1p_emulated_manners {
	__u32 ignore;
	__u32 delay_ms;
	__u32 keep;
	__u32 pad;
};

/**
 * struct type1p_emulated_unmaps - the dma_unmap callbacks since the open
 * @calls: how many
 * @inside: how many of them have not returned
 * @iova: of the last one
 * @size: of the last one
 * @total: sum of sizes
 * @stalls: of them, how often a pin or unpin in the range did not return while
 *	the callback waited a second for it
 * @pinned: pages that the device holds now, a page pinned twice counting twice
 */
struct type1p_emulated_unmaps {
	__u64 calls;
	__u64 inside;
	__u64 iova;
	__u64 size;
	__u64 total;
	__u64 stalls;
	__u64 pinned;
};

/* One call; returns when it has. */
#define TYPE1P_EMULATED_ORDER	_IOWR('e', 0x70, struct type1p_emulated_order)
/* A job: a call or loop in the background. */
#define TYPE1P_EMULATED_START	_IOWR('e', 0x71, struct type1p_emulated_order)
#define TYPE1P_EMULATED_STATUS	_IOWR('e', 0x72, struct type1p_emulated_status)
/* Ends a job, waits for its end, and forgets it. */
#define TYPE1P_EMULATED_STOP	_IOWR('e', 0x73, struct type1p_emulated_status)
#define TYPE1P_EMULATED_BEHAVE	_IOW('e', 0x74, struct type1p_emulated_manners)
#define TYPE1P_EMULATED_UNMAPS	_IOR('e', 0x75, struct type1p_emulated_unmaps)

#endif /* TYPE1P_EMULATED_UAPI_H */
