/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between kernels, in the one place that knows. Each function
 * answers for the in-tree driver of the kernel that runs.
 */
#ifndef TYPE1P_TEST_KERNEL_H
#define TYPE1P_TEST_KERNEL_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

static bool kernel_since(int major, int minor)
{
	struct utsname name;
	int x, y;

	uname(&name);
	if (sscanf(name.release, "%d.%d", &x, &y) != 2)
		return false;
	return x > major || (x == major && y >= minor);
}

/* A kernel that looks for its own errors takes several times as long for everything. */
static bool kernel_is_slow(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

/* A range that wraps around 2^64. */
static int kernel_wrap_errno(void)
{
	return kernel_since(6, 18) ? -EOVERFLOW : -EINVAL;
}

/* VFIO_TYPE1_NESTING_IOMMU is an extension. */
static bool kernel_has_nesting(void)
{
	return !kernel_since(6, 13);
}

/*
 * None of QEMU's IOMMUs on a PC can serve it; Arm's can (or makes as if), but wants to hear
 * of it before it knows the device, which since 6.11 is too late.
 */
static int kernel_nesting_errno(void)
{
	if (!kernel_has_nesting())
		return -ENODEV;
#ifdef __aarch64__
	return kernel_since(6, 11) ? -EPERM : 0;
#else
	return -EINVAL;
#endif
}

/* Capabilities of GET_INFO stand at multiples of 8, and its struct is 24 bytes with a pad. */
static bool kernel_aligns_info(void)
{
	return kernel_since(6, 6);
}

/* A read-only mapping of untouched memory gets a page of its own, not the shared zero page. */
static bool kernel_unshares_zero_page(void)
{
	return kernel_since(6, 2);
}

/* Ranges that end at exactly 2^64 are found: to overlap, to unmap, to unpin. */
static bool kernel_manages_the_end(void)
{
	return kernel_since(6, 18);
}

/* Of QEMU's amd-iommu it is believed that it remaps interrupts. */
static bool kernel_isolates_amd_msi(void)
{
	return !kernel_since(7, 0);
}

/* Long-term writable pins of a shared mapping of a file with writeback are refused. */
static bool kernel_protects_writeback(void)
{
	return kernel_since(6, 5);
}

/* The core refuses to pin for a driver that has no dma_unmap callback. */
static bool kernel_pins_need_callback(void)
{
	return kernel_since(6, 2);
}

/* Threads of a process that run kernel code can be had by a module. */
static bool kernel_has_user_workers(void)
{
	return kernel_since(6, 10);
}

/* Whose cgroup has used up its CPU time stands still at once, not only before user space. */
static bool kernel_throttles_in_kernel(void)
{
	return !kernel_since(6, 18);
}

/* Pages of a memory file can be pinned without a mapping. */
static bool kernel_pins_files(void)
{
	return kernel_since(6, 11);
}

#endif
