/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of the kernel's, which take a word. */
#ifndef TYPE1P_FILE_H
#define TYPE1P_FILE_H

/* 0 or the negative errno. The file is there already; an empty text only empties it. */
int file_write(const char *path, const char *text);

#endif
