/* SPDX-License-Identifier: GPL-2.0-only */
/* Ctrl-C and its like: noted, and acted upon where work can be left off safely. */
#ifndef TYPE1P_INTERRUPT_H
#define TYPE1P_INTERRUPT_H

void interrupt_catch(void);
/* The signal that asked us to stop, or 0. */
int interrupted(void);

#endif
