// SPDX-License-Identifier: GPL-2.0-only
/* A container as JSON, for list and top. */
#include "container_json.h"
#include "text.h"

void put_address(struct json_object *to, const char *key, u64 address)
{
	char text[TEXT_LEN];

	snprintf(text, sizeof(text), "%#llx", address);
	put_text(to, key, text);
}

struct json_object *job_object(const struct job *j)
{
	struct json_object *o = json_object_new_object();

	put_text(o, "what", j->what);
	put_number(o, "pid", j->pid);
	put_address(o, "iova", j->iova);
	put_number(o, "size", j->size);
	put_number(o, "done", j->done);
	put_number(o, "elapsed_ns", j->elapsed_ns);
	put_number(o, "threads", j->threads);
	return o;
}

struct json_object *container_object(const struct container *c)
{
	struct json_object *o = json_object_new_object();

	put_number(o, "id", c->id);
	put_text(o, "type", c->type);
	put_number(o, "pid", c->pid);
	put_text(o, "comm", c->comm);
	put_number(o, "ranges", c->ranges);
	put_number(o, "ranges_left", c->ranges_left);
	put_number(o, "mapped_bytes", c->mapped_bytes);
	put_number(o, "pinned_bytes", c->pinned_bytes);
	put_number(o, "invalid_ranges", c->invalid_ranges);
	put_number(o, "waiters", c->waiters);
	put_bool(o, "dirty_tracking", c->dirty_tracking);
	put_number(o, "domains", c->domains);
	return o;
}
