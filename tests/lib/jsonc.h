/* SPDX-License-Identifier: GPL-2.0-only */
/* Building a JSON document with json-c, in few words. */
#ifndef TYPE1P_JSONC_H
#define TYPE1P_JSONC_H

#include <stdio.h>
#include <json-c/json.h>

#include "ktypes.h"

static inline void put_text(struct json_object *to, const char *key, const char *text)
{
	json_object_object_add(to, key, text ? json_object_new_string(text) : NULL);
}

static inline void put_number(struct json_object *to, const char *key, u64 number)
{
	json_object_object_add(to, key, json_object_new_uint64(number));
}

static inline void put_bool(struct json_object *to, const char *key, bool val)
{
	json_object_object_add(to, key, json_object_new_boolean(val));
}

static inline void print_and_free(struct json_object *document)
{
	puts(json_object_to_json_string_ext(document, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(document);
}

#endif
