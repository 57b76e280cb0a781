/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What containers look like from outside, in debugfs.
 */
#ifndef TYPE1P_DEBUGFS_H
#define TYPE1P_DEBUGFS_H

struct t1p_container;

void t1p_debugfs_init(void);
void t1p_debugfs_exit(void);
void t1p_debugfs_add(struct t1p_container *c);
void t1p_debugfs_remove(struct t1p_container *c);

#endif /* TYPE1P_DEBUGFS_H */
