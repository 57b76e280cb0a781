/* SPDX-License-Identifier: GPL-2.0-only */
/* What 7.3's headers use and sparse 0.6.4 does not know, for scripts/lint. */
#define __typeof_unqual__ __typeof__
/* Whether a string has a NUL inside: the compiler asserts that it has none. */
#define __builtin_strlen(string) (sizeof(string) - 1)
