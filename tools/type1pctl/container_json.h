/* SPDX-License-Identifier: GPL-2.0-only */
/* A container as JSON, for list and top. */
#ifndef TYPE1PCTL_CONTAINER_JSON_H
#define TYPE1PCTL_CONTAINER_JSON_H

#include "debugfs.h"
#include "jsonc.h"

/* Bus addresses use all 64 bits, which many readers of JSON numbers do not keep. */
void put_address(struct json_object *to, const char *key, u64 address);
struct json_object *job_object(const struct job *j);
/* What stands in its state file. */
struct json_object *container_object(const struct container *c);

#endif
