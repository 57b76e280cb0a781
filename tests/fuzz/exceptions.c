// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "exceptions.h"

static bool emulated_attached(const struct world *w)
{
	return w->model.attached & EMULATED_MEMBERS;
}

static bool results(const struct world *w, const struct diff *diff, int in_tree, int type1p)
{
	return diff->aspect == IN_RESULT && w->out[0].ret == in_tree && w->out[1].ret == type1p;
}

static bool says_update_vaddr(struct world *w, const struct step *step, const struct diff *diff)
{
	return step->op == OP_EXTENSION && (u32)step->number == VFIO_UPDATE_VADDR &&
	       emulated_attached(w) && results(w, diff, 0, 1);
}

static bool is_invalidate(const struct step *step)
{
	return step->op >= OP_UNMAP && step->op <= OP_INVALIDATE && step->flags & UNMAP_VADDR;
}

static bool invalidates(struct world *w, const struct step *step, const struct diff *diff)
{
	return is_invalidate(step) && emulated_attached(w) &&
	       diff->aspect == IN_RESULT && w->out[0].ret == -EBUSY;
}

/* The first group's IOMMU, as QEMU has it, translates 39 bits. */
static bool beyond_aperture(struct world *w, const struct step *step, const struct diff *diff)
{
	const struct model *m = &w->model;

	return step->op == OP_ATTACH && !(m->attached & IOMMU_MEMBERS) && m->count &&
	       m->map[m->count - 1].last >> 39 && diff->aspect == IN_RESULT &&
	       w->out[0].ret < 0 && w->out[1].ret == -EINVAL;
}

static bool verifies(struct world *w, const struct step *step, const struct diff *diff)
{
	return w->setup.verify && w->setup.memory == MEMORY_SHARED &&
	       (step->op == OP_MAP || step->op == OP_REPLACE) && step->flags == MAP_VADDR &&
	       results(w, diff, 0, -EINVAL);
}

/* The bits of a word that lie above the end of such a mapping. */
static u64 tail_bits(const struct model *m, const struct step *step, u64 word)
{
	u64 bits = 0, end;
	int i;

	for (i = 0; i < m->count; i++) {
		end = (m->map[i].last + 1 - step->iova) / PAGE_4K;
		if (m->map[i].moved && m->map[i].iova >= step->iova && end / 64 == word && end % 64)
			bits |= ~0ULL << end % 64;
	}
	return bits;
}

static bool moved_bits(struct world *w, const struct step *step, const struct diff *diff)
{
	u64 in_tree, type1p, i, at = step->bits.offset;

	if (diff->aspect != IN_BITMAP || step->bits.at != AT_BITS ||
	    memcmp(w->side[0].bits, w->side[1].bits, at < BITS_SIZE ? at : BITS_SIZE))
		return false;
	for (i = 0; at < BITS_SIZE - 7; i++, at += 8) {
		memcpy(&in_tree, w->side[0].bits + at, 8);
		memcpy(&type1p, w->side[1].bits + at, 8);
		if ((in_tree ^ type1p) & ~(in_tree & tail_bits(&w->model, step, i)))
			return false;
	}
	return true;
}

/* What has not been touched is the zero page to who only reads; since 6.2, a page of its own. */
static bool has_zero_pages(const struct world *w)
{
	struct utsname name;
	int major, minor;

	uname(&name);
	return (w->setup.memory == MEMORY_ANON || w->setup.memory == MEMORY_THP) &&
	       sscanf(name.release, "%d.%d", &major, &minor) == 2 && major == 6 && minor < 2;
}

static bool counts_fewer(struct world *w, const struct step *step, const struct diff *diff)
{
	return step->op == OP_MAP && step->flags == VFIO_DMA_MAP_FLAG_READ &&
	       w->model.refused && has_zero_pages(w) &&
	       ((diff->aspect == IN_RESULT && w->out[0].ret == -ENOMEM) ||
		(diff->aspect == IN_CHARGE && w->out[0].charged > w->out[1].charged));
}

static const struct exception exceptions[] = {
	{ "update-vaddr-offered",
	  "CHECK_EXTENSION(VFIO_UPDATE_VADDR) is 1 with an emulated group attached: we can.",
	  false, says_update_vaddr },
	{ "invalidate-with-emulated",
	  "INVALIDATE works with an emulated group attached; in-tree it is EBUSY.",
	  true, invalidates },
	{ "attach-beyond-aperture",
	  "A mapping outside the aperture of the first group with an IOMMU is EINVAL at once. The\n"
	  "    in-tree driver pins and maps until something fails, and gives the errno of that.",
	  false, beyond_aperture },
	{ "verified-replace",
	  "REPLACE by other memory than the same file at the same offset is EINVAL (verify_replace).",
	  true, verifies },
	{ "moved-up-bits",
	  "After a GET in which a mapping did not begin at a word of the bitmap, the in-tree driver\n"
	  "    keeps bits above the mapping's end; they come out in the same word of a later bitmap.",
	  false, moved_bits },
	{ "refused-untouched",
	  "A MAP beyond the limit of locked memory touches more pages in-tree before it fails. To a\n"
	  "    later MAP for reading, pages that nobody has touched do not count, before 6.2.",
	  true, counts_fewer },
	{ }
};

static bool maps_to_the_end(struct world *w, const struct step *step)
{
	return (step->op == OP_MAP || step->op == OP_REPLACE) && step->iova &&
	       step->iova + step->size == 0;
}

static bool unmaps_to_the_end(struct world *w, const struct step *step)
{
	const struct model *m = &w->model;

	return step->op >= OP_UNMAP && step->op <= OP_GET_BITS && step->iova &&
	       step->iova + step->size == 0 && m->count &&
	       m->map[m->count - 1].last >= step->iova;
}

static bool maps_too_much(struct world *w, const struct step *step)
{
	return step->op == OP_MAP && !(w->model.attached & IOMMU_MEMBERS) &&
	       step->size > 1ULL << 31 && step->size <= 1ULL << 43;
}

static bool attaches_to_too_much(struct world *w, const struct step *step)
{
	const struct model *m = &w->model;
	int i;

	if (step->op != OP_ATTACH || m->attached & IOMMU_MEMBERS ||
	    !(IOMMU_MEMBERS >> step->number & 1))
		return false;
	for (i = 0; i < m->count; i++)
		if (m->map[i].last - m->map[i].iova >= 1ULL << 31)
			return true;
	return false;
}

static bool access_wraps(struct world *w, const struct step *step)
{
	return (step->op == OP_READ || step->op == OP_WRITE) && step->size &&
	       step->iova + step->size - 1 < step->iova;
}

static bool no_page_size(struct world *w, const struct step *step)
{
	return step_has_bits(step) && !step->pgsize;
}

static bool unpins_nothing(struct world *w, const struct step *step)
{
	return step->op == OP_UNPIN && w->model.attached >> step->number & 1 && w->model.type &&
	       (w->model.type == VFIO_TYPE1_IOMMU ||
		!model_may_unpin(&w->model, step->number, step->iova, pages_of(step)));
}

static bool mostly_invalidates(struct world *w, const struct step *step)
{
	return is_invalidate(step) && emulated_attached(w) && step->chance % 64;
}

static bool needs_huge_pages(struct world *w, const struct step *step)
{
	return w->setup.memory == MEMORY_HUGETLB && step->op >= OP_MUNMAP && step->op <= OP_PROTECT;
}

/* Whether the user's bitmap has room for it where it is. */
static bool bits_within(const struct step *step)
{
	return step->bits.at == AT_BITS && step->bits.offset < BITS_SIZE &&
	       step->size / PAGE_4K / 8 + 8 <= BITS_SIZE - step->bits.offset;
}

static bool fails_half_way(struct world *w, const struct step *step)
{
	const struct model *m = &w->model;
	int i;

	if (!m->tracking || !step_has_bits(step) || bits_within(step))
		return false;
	for (i = 0; i < m->count; i++)
		if (moves_bits(&m->map[i], step))
			return true;
	return false;
}

static const struct avoidance avoidances[] = {
	{ "map-to-2^64",
	  "Up to 6.17 the in-tree driver never finds nor unpins what ends at 2^64.",
	  maps_to_the_end },
	{ "unmap-to-2^64",
	  "Up to 6.17 it finds nothing in a range that ends at 2^64.",
	  unmaps_to_the_end },
	{ "huge-bitmaps",
	  "Without an IOMMU a MAP of terabytes succeeds, and dirty bits for it take all memory.",
	  maps_too_much },
	{ "attach-to-huge-mapping",
	  "When the first IOMMU cannot have such a mapping, the in-tree driver undoes it page by\n"
	  "    page, all terabytes of it: it never ends.",
	  attaches_to_too_much },
	{ "access-wraps",
	  "A driver's access around 2^64 fails on both, but in-tree it is made as far as it gets.",
	  access_wraps },
	{ "no-page-size",
	  "The in-tree driver shifts by the lowest bit of a bitmap's pgsize, even of 0.",
	  no_page_size },
	{ "unpin-nothing",
	  "It WARNs of an unpin where nothing is mapped, and of any with version 1; and of a page\n"
	  "    that another device holds, the emulated one's own record would then be wrong.",
	  unpins_nothing },
	{ "invalidate-with-emulated",
	  "See the exception. Made one time in 64, as the sequence ends with it.",
	  mostly_invalidates },
	{ "huge-page-pool",
	  "What becomes of pages that leave the buffer depends on what is free in the pool.",
	  needs_huge_pages },
	{ "bitmap-fault-after-move",
	  "The in-tree driver moves its bits before it copies, and leaves them so if that fails.",
	  fails_half_way },
	{ }
};

const struct exception *excepted(struct world *w, const struct step *step,
				 const struct diff *diff)
{
	const struct exception *e;

	for (e = exceptions; e->name; e++)
		if (e->covers(w, step, diff))
			return e;
	return NULL;
}

const struct avoidance *avoided(struct world *w, const struct step *step)
{
	const struct avoidance *a;

	for (a = avoidances; a->name; a++)
		if (a->covers(w, step))
			return a;
	return NULL;
}

const struct exception *next_exception(const struct exception *e)
{
	e = e ? e + 1 : exceptions;
	return e->name ? e : NULL;
}

const struct avoidance *next_avoidance(const struct avoidance *a)
{
	a = a ? a + 1 : avoidances;
	return a->name ? a : NULL;
}

void exceptions_print(FILE *to)
{
	const struct exception *e = NULL;
	const struct avoidance *a = NULL;

	fputs("Differences that are meant:\n", to);
	while ((e = next_exception(e)))
		fprintf(to, "  %s%s\n    %s\n", e->name, e->ends ? " (ends the sequence)" : "",
			e->reason);
	fputs("\nSteps that are not made:\n", to);
	while ((a = next_avoidance(a)))
		fprintf(to, "  %s\n    %s\n", a->name, a->reason);
	fputs("\nNever in a sequence at all:\n"
	      "  memory of a userfaultfd: ours may wait for it, in-tree it is EFAULT\n"
	      "  a driver that keeps its pins in its callback: in-tree that is a BUG\n"
	      "  pins at part of a page: drivers do not, and ours here would never let go\n"
	      "  several processes: in some orders, in-tree pins from the wrong one\n", to);
}
