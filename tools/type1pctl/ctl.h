/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * type1pctl: what every subcommand shares.
 *
 * A subcommand returns its exit status. 0 is good; 1 and 2 are the command's own
 * verdicts, as its --help tells; EX_... of sysexits.h (64 and up) say that it could
 * not do its work.
 */
#ifndef TYPE1PCTL_CTL_H
#define TYPE1PCTL_CTL_H

#include <argp.h>
#include <sysexits.h>

#include "ktypes.h"

#define MODULE		"vfio_iommu_type1p"
#define MODULE_INTREE	"vfio_iommu_type1"
#define PACKAGE		"vfio-iommu-type1p"

/* The option --json, a child of every subcommand's own options. */
extern const struct argp_child json_child[];
extern bool want_json;

int cmd_status(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_bind(int argc, char **argv);
int cmd_unbind(int argc, char **argv);
int cmd_restore(int argc, char **argv);
int cmd_enable(int argc, char **argv);
int cmd_disable(int argc, char **argv);
int cmd_check(int argc, char **argv);

/* "type1pctl: ..." on stderr; returns @status. */
int complain(int status, const char *format, ...) __printf(2, 3);
/* Whether we may do what only root can; complains if not. */
bool is_root(void);

#endif
