// SPDX-License-Identifier: GPL-2.0-only
/*
 * Spans: look-up by overlap, and pieces, up to the last byte that there is.
 */
#include "../../src/span.c"

#include "kselftest_harness.h"

#define SLOTS	64
#define BASE	(U64_MAX - (SLOTS - 1))
#define GIB	(1ULL << 30)

TEST(empty)
{
	struct rb_root tree = {};

	EXPECT_EQ(NULL, t1p_span_first(&tree, 0, U64_MAX));
}

TEST(the_ends_belong_to_it)
{
	struct t1p_span span = { .iova = 0x1000, .last = 0x1fff };
	struct rb_root tree = {};

	t1p_span_insert(&tree, &span);
	EXPECT_EQ(0x1000, t1p_span_size(&span));
	EXPECT_EQ(NULL, t1p_span_first(&tree, 0, 0xfff));
	EXPECT_EQ(&span, t1p_span_first(&tree, 0, 0x1000));
	EXPECT_EQ(&span, t1p_span_first(&tree, 0x1fff, U64_MAX));
	EXPECT_EQ(NULL, t1p_span_first(&tree, 0x2000, U64_MAX));
	EXPECT_EQ(NULL, t1p_span_next(&span, U64_MAX));
}

/* Which span overlaps first, told slot by slot. */
static int first_in(const int *owner, unsigned int first, unsigned int last)
{
	for (; first <= last; first++)
		if (owner[first] >= 0)
			return owner[first];
	return -1;
}

TEST(random_against_a_model)
{
	struct t1p_span spans[SLOTS], *found;
	int owner[SLOTS], nr, expect;
	unsigned int a, b, i, round;

	srand(3);
	for (round = 0; round < 300; round++) {
		struct rb_root tree = {};

		nr = 0;
		for (i = 0; i < SLOTS; i++)
			owner[i] = -1;
		for (i = 0; i < 20; i++) {
			a = rand() % SLOTS;
			b = min(a + rand() % 8, SLOTS - 1U);
			if (first_in(owner, a, b) >= 0)
				continue;
			spans[nr].iova = BASE + a;
			spans[nr].last = BASE + b;
			t1p_span_insert(&tree, &spans[nr]);
			for (; a <= b; a++)
				owner[a] = nr;
			nr++;
		}
		for (a = 0; a < SLOTS; a++) {
			for (b = a; b < SLOTS; b++) {
				expect = first_in(owner, a, b);
				found = t1p_span_first(&tree, BASE + a,
						       BASE + b);
				ASSERT_EQ(expect < 0 ? NULL : &spans[expect],
					  found);
				if (!found)
					continue;
				i = found->last - BASE + 1;
				expect = i <= b ? first_in(owner, i, b) : -1;
				ASSERT_EQ(expect < 0 ? NULL : &spans[expect],
					  t1p_span_next(found, BASE + b));
			}
		}
	}
}

/* Pieces cover the span without a gap, and none crosses a multiple of their size. */
static void check_pieces(struct __test_metadata *_metadata, unsigned int shift, u64 first,
			 u64 last)
{
	struct t1p_span span = { .iova = first, .last = last, .shift = shift };
	unsigned long i, nr = t1p_span_pieces(&span);
	u64 iova, size, at = first;

	for (i = 0; i < nr; i++) {
		size = t1p_span_piece(&span, i, &iova);
		ASSERT_EQ(at, iova);
		ASSERT_GT(size, 0);
		ASSERT_EQ(iova >> shift, (iova + size - 1) >> shift);
		ASSERT_EQ(i, t1p_span_index(&span, iova));
		ASSERT_EQ(i, t1p_span_index(&span, iova + size - 1));
		at = iova + size;
	}
	ASSERT_EQ(last + 1, at);
}

TEST(pieces)
{
	check_pieces(_metadata, 30, 0, 0xfff);
	check_pieces(_metadata, 30, 0, GIB - 1);
	check_pieces(_metadata, 30, 0, GIB);
	check_pieces(_metadata, 30, 0x1000, 3 * GIB + 0xfff);
	check_pieces(_metadata, 30, GIB - 0x1000, GIB + 0xfff);
	check_pieces(_metadata, 30, U64_MAX - 5 * GIB, U64_MAX);
	check_pieces(_metadata, 30, U64_MAX - 0xfff, U64_MAX);
	check_pieces(_metadata, 27, 0x1000, 3 * GIB + 0xfff);
	check_pieces(_metadata, 27, U64_MAX - 5 * GIB, U64_MAX);
}

TEST_HARNESS_MAIN
