// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows of valid iova: cases by hand, and random ones against a plain model.
 */
#include "../../src/windows.c"

#include "kselftest_harness.h"

static struct t1p_windows one(u64 start, u64 last)
{
	struct t1p_windows w = {};

	t1p_windows_clip(&w, start, last);
	return w;
}

TEST(none_allow_everything)
{
	struct t1p_windows w = {};

	EXPECT_TRUE(t1p_windows_allow(&w, 0, U64_MAX));
}

TEST(first_aperture_is_the_window)
{
	struct t1p_windows w = one(0x1000, 0x1fff);

	ASSERT_EQ(1, w.nr);
	EXPECT_EQ(0x1000, w.window[0].start);
	EXPECT_EQ(0x1fff, w.window[0].last);
	EXPECT_TRUE(t1p_windows_allow(&w, 0x1000, 0x1fff));
	EXPECT_FALSE(t1p_windows_allow(&w, 0xfff, 0x1fff));
	EXPECT_FALSE(t1p_windows_allow(&w, 0x1000, 0x2000));
	t1p_windows_free(&w);
}

TEST(a_stretch_needs_one_window)
{
	struct t1p_windows w = one(0, 0x3fff);

	ASSERT_EQ(0, t1p_windows_exclude(&w, 0x1000, 0x1fff));
	ASSERT_EQ(2, w.nr);
	EXPECT_TRUE(t1p_windows_allow(&w, 0, 0xfff));
	EXPECT_TRUE(t1p_windows_allow(&w, 0x2000, 0x3fff));
	EXPECT_FALSE(t1p_windows_allow(&w, 0, 0x3fff));
	EXPECT_FALSE(t1p_windows_allow(&w, 0x1000, 0x1fff));
	t1p_windows_free(&w);
}

TEST(clip_drops_what_lies_outside)
{
	struct t1p_windows w = one(0, 0xffff);

	ASSERT_EQ(0, t1p_windows_exclude(&w, 0x4000, 0x7fff));
	ASSERT_EQ(0, t1p_windows_clip(&w, 0x8000, 0x8fff));
	ASSERT_EQ(1, w.nr);
	EXPECT_EQ(0x8000, w.window[0].start);
	EXPECT_EQ(0x8fff, w.window[0].last);
	EXPECT_EQ(-EINVAL, t1p_windows_clip(&w, 0, 0x7fff));
	t1p_windows_free(&w);
}

TEST(exclude_all_is_refused)
{
	struct t1p_windows w = one(0x1000, 0x1fff);

	EXPECT_EQ(-EINVAL, t1p_windows_exclude(&w, 0, U64_MAX));
	EXPECT_EQ(1, w.nr);
	t1p_windows_free(&w);
}

TEST(the_last_byte_there_is)
{
	struct t1p_windows w = one(0, U64_MAX);

	EXPECT_TRUE(t1p_windows_allow(&w, U64_MAX, U64_MAX));
	ASSERT_EQ(0, t1p_windows_exclude(&w, U64_MAX - 0xfff, U64_MAX));
	ASSERT_EQ(1, w.nr);
	EXPECT_EQ(U64_MAX - 0x1000, w.window[0].last);
	ASSERT_EQ(0, t1p_windows_exclude(&w, 0, 0));
	EXPECT_EQ(1, w.window[0].start);
	t1p_windows_free(&w);
}

TEST(without_memory_nothing_changes)
{
	struct t1p_windows none = {}, copy, w = one(0, 0xffff);

	allocs_left = 0;
	EXPECT_EQ(-ENOMEM, t1p_windows_clip(&none, 0, 1));
	EXPECT_EQ(0, none.nr);
	EXPECT_EQ(-ENOMEM, t1p_windows_exclude(&w, 0x1000, 0x1fff));
	EXPECT_EQ(1, w.nr);
	EXPECT_EQ(-ENOMEM, t1p_windows_copy(&copy, &w));
	EXPECT_EQ(0, copy.nr);
	allocs_left = -1;
	t1p_windows_free(&w);
}

#define SLOTS	256

/* The model: which of the highest SLOTS addresses are valid. */
static void check_model(struct __test_metadata *_metadata,
			const struct t1p_windows *w, const bool *valid)
{
	const u64 base = U64_MAX - (SLOTS - 1);
	unsigned int first, last;
	bool all;

	for (first = 0; first < SLOTS; first += 5) {
		all = true;
		for (last = first; last < SLOTS; last++) {
			all &= valid[last];
			ASSERT_EQ(all, t1p_windows_allow(w, base + first,
							 base + last));
		}
	}
	for (first = 1; first < w->nr; first++)
		ASSERT_LT(w->window[first - 1].last + 1,
			  w->window[first].start);
}

TEST(random_against_a_model)
{
	const u64 base = U64_MAX - (SLOTS - 1);
	unsigned int round, step, a, b, i;

	srand(1);
	for (round = 0; round < 200; round++) {
		struct t1p_windows w = one(base, U64_MAX), copy;
		bool valid[SLOTS], next[SLOTS], any;

		memset(valid, true, sizeof(valid));
		for (step = 0; step < 12; step++) {
			bool clip = rand() % 4 == 0;
			int ret;

			a = rand() % SLOTS;
			b = min(a + rand() % (clip ? SLOTS : 24), SLOTS - 1U);
			any = false;
			for (i = 0; i < SLOTS; i++) {
				next[i] = valid[i] &&
					  clip == (i >= a && i <= b);
				any |= next[i];
			}
			ASSERT_EQ(0, t1p_windows_copy(&copy, &w));
			ret = clip ?
				t1p_windows_clip(&copy, base + a, base + b) :
				t1p_windows_exclude(&copy, base + a, base + b);
			ASSERT_EQ(any ? 0 : -EINVAL, ret);
			if (ret) {
				t1p_windows_free(&copy);
				continue;
			}
			t1p_windows_free(&w);
			w = copy;
			memcpy(valid, next, sizeof(valid));
		}
		check_model(_metadata, &w, valid);
		t1p_windows_free(&w);
	}
}

TEST_HARNESS_MAIN
