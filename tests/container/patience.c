// SPDX-License-Identifier: GPL-2.0-only
/*
 * Time limits are for kernels that do not look for their own errors. Runs before
 * main(), after the constructors that list the tests.
 */
static void __attribute__((constructor)) patience(void)
{
	struct __fixture_metadata *f;
	struct __test_metadata *t;

	if (!kernel_is_slow())
		return;
	for (f = __fixture_list; f; f = f->next)
		for (t = f->tests; t; t = t->next)
			t->timeout *= 10;
}
