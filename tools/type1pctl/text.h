/* SPDX-License-Identifier: GPL-2.0-only */
/* Small files read, numbers written for people. */
#ifndef TYPE1PCTL_TEXT_H
#define TYPE1PCTL_TEXT_H

#include "ktypes.h"

#define TEXT_LEN	32

/* First line of a file, without its end; -errno, and "" in @text, on failure. */
int read_line(char *text, size_t len, const char *format, ...) __printf(3, 4);
/* The number a file begins with (0x... too); @otherwise if there is none. */
u64 read_number(u64 otherwise, const char *format, ...) __printf(2, 3);
bool file_exists(const char *format, ...) __printf(1, 2);
/* All of a file, to be freed; NULL with errno set on failure. */
char *read_file(const char *path);

/* "512 B", "4.0 GiB" */
const char *bytes_text(u64 bytes, char text[TEXT_LEN]);
/* "0.4 s", "12 s", "3 min 20 s", "2 h 5 min" */
const char *seconds_text(double seconds, char text[TEXT_LEN]);

#endif
