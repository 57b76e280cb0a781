/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel has logged of the module. */
#ifndef TYPE1PCTL_LOG_H
#define TYPE1PCTL_LOG_H

#define REFUSAL_LEN	512

/* Why the module has last refused to be loaded; "" if it has not, or if that is long past. */
void log_refusal(char refusal[REFUSAL_LEN]);

#endif
