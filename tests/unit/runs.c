// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs: what goes in comes out, in little memory.
 */
#include "../../src/runs.c"

#include "kselftest_harness.h"

static struct t1p_run get(const struct t1p_runs *runs, unsigned int index)
{
	struct t1p_runs_iter iter = {};
	struct t1p_run run = {};

	do {
		if (!t1p_runs_next(runs, &iter, &run))
			return (struct t1p_run){};
	} while (index--);
	return run;
}

static unsigned int count(const struct t1p_runs *runs)
{
	struct t1p_runs_iter iter = {};
	struct t1p_run run;
	unsigned int nr = 0;

	while (t1p_runs_next(runs, &iter, &run))
		nr++;
	return nr;
}

TEST(empty)
{
	struct t1p_runs runs = {};

	EXPECT_TRUE(t1p_runs_empty(&runs));
	EXPECT_EQ(0, count(&runs));
	t1p_runs_free(&runs);
}

TEST(neighbours_of_one_kind_become_one)
{
	struct t1p_runs runs = {};

	bytes_allocated = 0;
	ASSERT_EQ(0, t1p_runs_add(&runs, 100, 5, T1P_RUN_PINNED));
	ASSERT_EQ(0, t1p_runs_add(&runs, 105, 1, T1P_RUN_PINNED));
	EXPECT_EQ(0, bytes_allocated);
	EXPECT_EQ(1, count(&runs));
	ASSERT_EQ(0, t1p_runs_add(&runs, 106, 1, T1P_RUN_UNPINNED));
	ASSERT_EQ(0, t1p_runs_add(&runs, 106, 1, T1P_RUN_UNPINNED));
	EXPECT_EQ(3, count(&runs));
	EXPECT_EQ(6, get(&runs, 0).nr);
	EXPECT_EQ(T1P_RUN_UNPINNED, get(&runs, 2).kind);
	t1p_runs_free(&runs);
	EXPECT_TRUE(t1p_runs_empty(&runs));
}

TEST(the_highest_page_frame_and_the_longest_run)
{
	const unsigned long top = (1UL << 40) - 1, most = RUN_NR_MAX;
	struct t1p_runs runs = {};

	ASSERT_EQ(0, t1p_runs_add(&runs, 0, most, T1P_RUN_PINNED));
	ASSERT_EQ(0, t1p_runs_add(&runs, most, 1, T1P_RUN_PINNED));
	ASSERT_EQ(0, t1p_runs_add(&runs, top, 1, T1P_RUN_RESERVED));
	ASSERT_EQ(0, t1p_runs_add(&runs, 7, 1, T1P_RUN_PINNED));
	EXPECT_EQ(4, count(&runs));
	EXPECT_EQ(most, get(&runs, 0).nr);
	EXPECT_EQ(most, get(&runs, 1).pfn);
	EXPECT_EQ(top, get(&runs, 2).pfn);
	EXPECT_EQ(T1P_RUN_RESERVED, get(&runs, 2).kind);
	t1p_runs_free(&runs);
}

TEST(random_against_a_model)
{
	static struct t1p_run model[5000];
	unsigned int nr = 0, i;
	struct t1p_runs runs = {};

	srand(2);
	for (i = 0; i < 20000 && nr < 5000; i++) {
		struct t1p_run *last = nr ? &model[nr - 1] : NULL, run = {
			.pfn = rand() % 1000000,
			.nr = rand() % 9 + 1,
			.kind = rand() % 3,
		};

		if (last && rand() % 2)
			run.pfn = last->pfn + last->nr;
		ASSERT_EQ(0, t1p_runs_add(&runs, run.pfn, run.nr, run.kind));
		if (last && last->kind == run.kind &&
		    last->pfn + last->nr == run.pfn)
			last->nr += run.nr;
		else
			model[nr++] = run;
	}
	ASSERT_EQ(nr, count(&runs));
	{
		struct t1p_runs_iter iter = {};
		struct t1p_run run;

		for (i = 0; t1p_runs_next(&runs, &iter, &run); i++) {
			ASSERT_EQ(model[i].pfn, run.pfn);
			ASSERT_EQ(model[i].nr, run.nr);
			ASSERT_EQ(model[i].kind, run.kind);
		}
	}
	t1p_runs_free(&runs);
}

/* Each page of runs that fill several chunks, and one beyond the last. */
TEST(look_up)
{
	struct t1p_runs runs = {};
	struct t1p_run run;
	unsigned long i, k, index = 0;

	EXPECT_FALSE(t1p_runs_find(&runs, 0, &run));
	for (i = 0; i < 2000; i++)
		ASSERT_EQ(0, t1p_runs_add(&runs, i * 10, i % 4 + 1, T1P_RUN_PINNED));
	for (i = 0; i < 2000; i++) {
		for (k = 0; k < i % 4 + 1; k++) {
			ASSERT_TRUE(t1p_runs_find(&runs, index++, &run));
			ASSERT_EQ(i * 10 + k, run.pfn);
			ASSERT_EQ(i % 4 + 1 - k, run.nr);
		}
	}
	EXPECT_FALSE(t1p_runs_find(&runs, index, &run));
	t1p_runs_free(&runs);
}

TEST(without_memory_nothing_changes)
{
	struct t1p_runs runs = {};
	unsigned int i;

	for (i = 0; i < 100; i++) {
		allocs_left = 0;
		if (t1p_runs_add(&runs, i * 2, 1, T1P_RUN_PINNED)) {
			ASSERT_EQ(i, count(&runs));
			allocs_left = -1;
			ASSERT_EQ(0, t1p_runs_add(&runs, i * 2, 1,
						  T1P_RUN_PINNED));
		}
		ASSERT_EQ(i + 1, count(&runs));
	}
	allocs_left = -1;
	t1p_runs_free(&runs);
}

/* The bookkeeping may take 1/400 of the memory that it is about. */
TEST(scattered_pages_cost_little)
{
	const unsigned long pages = 1UL << 18;
	struct t1p_runs runs = {};
	unsigned long i;

	bytes_allocated = 0;
	for (i = 0; i < pages; i++)
		ASSERT_EQ(0, t1p_runs_add(&runs, i * 2, 1, T1P_RUN_PINNED));
	EXPECT_LT(bytes_allocated, pages * PAGE_SIZE / 400);
	t1p_runs_free(&runs);
}

TEST_HARNESS_MAIN
