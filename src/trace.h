/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace points: what a container was asked to do, with what result, and how long it
 * took. Numbers only, and no vaddr: an iova says something about a process's addresses
 * only where that process has made it so.
 *
 * A duration is 0 where the event was not yet enabled when the work began.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vfio_type1p

#if !defined(TYPE1P_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define TYPE1P_TRACE_H

#include <linux/ktime.h>
#include <linux/tracepoint.h>
#include <linux/types.h>

/* The begin of what @event, of the names below, is going to tell: for its @begun. */
#define t1p_trace_begin(event)						\
	(trace_type1p_##event##_enabled() ? ktime_get_ns() : 0)

#ifndef TYPE1P_TRACE_NS
#define TYPE1P_TRACE_NS
static inline u64 t1p_trace_ns(u64 begun)
{
	return begun ? ktime_get_ns() - begun : 0;
}
#endif

/* An ioctl about a stretch of iova; @size as each of them means it. */
DECLARE_EVENT_CLASS(type1p_range,
	TP_PROTO(unsigned long container, u64 iova, u64 size, int ret, u64 begun),
	TP_ARGS(container, iova, size, ret, begun),
	TP_STRUCT__entry(
		__field(unsigned long, container)
		__field(u64, iova)
		__field(u64, size)
		__field(u64, ns)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->iova = iova;
		__entry->size = size;
		__entry->ns = t1p_trace_ns(begun);
		__entry->ret = ret;
	),
	TP_printk("container=%lu iova=%#llx size=%#llx ret=%d ns=%llu",
		  __entry->container, __entry->iova, __entry->size,
		  __entry->ret, __entry->ns)
);

DEFINE_EVENT(type1p_range, type1p_map,
	TP_PROTO(unsigned long container, u64 iova, u64 size, int ret, u64 begun),
	TP_ARGS(container, iova, size, ret, begun)
);

DEFINE_EVENT(type1p_range, type1p_unmap,
	TP_PROTO(unsigned long container, u64 iova, u64 size, int ret, u64 begun),
	TP_ARGS(container, iova, size, ret, begun)
);

DEFINE_EVENT(type1p_range, type1p_invalidate,
	TP_PROTO(unsigned long container, u64 iova, u64 size, int ret, u64 begun),
	TP_ARGS(container, iova, size, ret, begun)
);

DEFINE_EVENT(type1p_range, type1p_replace,
	TP_PROTO(unsigned long container, u64 iova, u64 size, int ret, u64 begun),
	TP_ARGS(container, iova, size, ret, begun)
);

/* A group, by its number, joins or leaves. */
DECLARE_EVENT_CLASS(type1p_group,
	TP_PROTO(unsigned long container, int group, bool emulated, int ret, u64 begun),
	TP_ARGS(container, group, emulated, ret, begun),
	TP_STRUCT__entry(
		__field(unsigned long, container)
		__field(u64, ns)
		__field(int, group)
		__field(int, ret)
		__field(bool, emulated)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->ns = t1p_trace_ns(begun);
		__entry->group = group;
		__entry->ret = ret;
		__entry->emulated = emulated;
	),
	TP_printk("container=%lu group=%d emulated=%d ret=%d ns=%llu",
		  __entry->container, __entry->group, __entry->emulated,
		  __entry->ret, __entry->ns)
);

DEFINE_EVENT(type1p_group, type1p_attach,
	TP_PROTO(unsigned long container, int group, bool emulated, int ret, u64 begun),
	TP_ARGS(container, group, emulated, ret, begun)
);

DEFINE_EVENT(type1p_group, type1p_detach,
	TP_PROTO(unsigned long container, int group, bool emulated, int ret, u64 begun),
	TP_ARGS(container, group, emulated, ret, begun)
);

/* A device driver pins pages; @ret is how many, or an errno. */
TRACE_EVENT(type1p_pin,
	TP_PROTO(unsigned long container, u64 iova, int npages, int ret, u64 begun),
	TP_ARGS(container, iova, npages, ret, begun),
	TP_STRUCT__entry(
		__field(unsigned long, container)
		__field(u64, iova)
		__field(u64, ns)
		__field(int, npages)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->iova = iova;
		__entry->ns = t1p_trace_ns(begun);
		__entry->npages = npages;
		__entry->ret = ret;
	),
	TP_printk("container=%lu iova=%#llx npages=%d ret=%d ns=%llu",
		  __entry->container, __entry->iova, __entry->npages,
		  __entry->ret, __entry->ns)
);

TRACE_EVENT(type1p_unpin,
	TP_PROTO(unsigned long container, u64 iova, int npages, u64 begun),
	TP_ARGS(container, iova, npages, begun),
	TP_STRUCT__entry(
		__field(unsigned long, container)
		__field(u64, iova)
		__field(u64, ns)
		__field(int, npages)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->iova = iova;
		__entry->ns = t1p_trace_ns(begun);
		__entry->npages = npages;
	),
	TP_printk("container=%lu iova=%#llx npages=%d ns=%llu",
		  __entry->container, __entry->iova, __entry->npages,
		  __entry->ns)
);

/* A device driver has waited for a valid vaddr; @ret as t1p_use_wait() returns it. */
TRACE_EVENT(type1p_wait,
	TP_PROTO(unsigned long container, u64 iova, int ret, u64 begun),
	TP_ARGS(container, iova, ret, begun),
	TP_STRUCT__entry(
		__field(unsigned long, container)
		__field(u64, iova)
		__field(u64, ns)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->container = container;
		__entry->iova = iova;
		__entry->ns = t1p_trace_ns(begun);
		__entry->ret = ret;
	),
	TP_printk("container=%lu iova=%#llx ret=%d ns=%llu",
		  __entry->container, __entry->iova, __entry->ret, __entry->ns)
);

#endif /* TYPE1P_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
