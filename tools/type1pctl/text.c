// SPDX-License-Identifier: GPL-2.0-only
/* Small files read, numbers written for people. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

static int read_path(const char *path, char *text, size_t len)
{
	FILE *f = fopen(path, "re");
	int ret = 0;

	text[0] = '\0';
	if (!f)
		return -errno;
	if (!fgets(text, len, f) && ferror(f))
		ret = -errno;
	fclose(f);
	text[strcspn(text, "\n")] = '\0';
	return ret;
}

int read_line(char *text, size_t len, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	return read_path(path, text, len);
}

u64 read_number(u64 otherwise, const char *format, ...)
{
	char path[PATH_MAX], text[TEXT_LEN], *end;
	va_list args;
	u64 number;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	if (read_path(path, text, sizeof(text)))
		return otherwise;
	number = strtoull(text, &end, 0);
	return end == text ? otherwise : number;
}

bool file_exists(const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	return !access(path, F_OK);
}

char *read_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!f)
		return NULL;
	/* An empty file has no delimiter and no text, and is no error. */
	errno = 0;
	if (getdelim(&text, &size, '\0', f) < 0) {
		free(text);
		text = errno ? NULL : strdup("");
	}
	fclose(f);
	return text;
}

const char *bytes_text(u64 bytes, char text[TEXT_LEN])
{
	static const char units[] = "KMGTPE";
	double value = bytes;
	int unit = -1;

	while (value >= 1024) {
		value /= 1024;
		unit++;
	}
	if (unit < 0)
		snprintf(text, TEXT_LEN, "%llu B", (unsigned long long)bytes);
	else
		snprintf(text, TEXT_LEN, "%.1f %ciB", value, units[unit]);
	return text;
}

const char *seconds_text(double seconds, char text[TEXT_LEN])
{
	const unsigned long whole = seconds;

	if (seconds < 10)
		snprintf(text, TEXT_LEN, "%.1f s", seconds);
	else if (whole < 60)
		snprintf(text, TEXT_LEN, "%lu s", whole);
	else if (whole < 3600)
		snprintf(text, TEXT_LEN, "%lu min %lu s", whole / 60, whole % 60);
	else
		snprintf(text, TEXT_LEN, "%lu h %lu min", whole / 3600, whole / 60 % 60);
	return text;
}
