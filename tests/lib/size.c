// SPDX-License-Identifier: GPL-2.0-only
/* Sizes as people write them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"

static const char units[] = "KMGT";

int size_parse(const char *text, u64 *size)
{
	const char *unit;
	int shift = 0;
	char *end;

	errno = 0;
	*size = strtoull(text, &end, 0);
	if (errno || end == text || *text == '-')
		return -EINVAL;
	if (*end) {
		unit = strchr(units, *end & ~0x20);
		if (!unit || end[1])
			return -EINVAL;
		shift = 10 * (unit - units + 1);
	}
	if (*size > 1ULL << (46 - shift))
		return -EINVAL;
	*size <<= shift;
	return 0;
}

const char *size_text(u64 size, char text[SIZE_LEN])
{
	const char *unit = NULL;

	while (size && size % 1024 == 0 && (!unit || unit[1])) {
		unit = unit ? unit + 1 : units;
		size /= 1024;
	}
	snprintf(text, SIZE_LEN, "%llu%.1s", (unsigned long long)size, unit ? unit : "");
	return text;
}
