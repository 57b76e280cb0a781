// SPDX-License-Identifier: GPL-2.0-only
/* The report and the list of devices as one JSON document on stdout. */
#include <stdio.h>
#include <sys/utsname.h>

#include "../lib/container.h"
#include "../lib/jsonc.h"
#include "candidates.h"
#include "json.h"
#include "report.h"

static void put_id(struct json_object *to, const struct pci_dev *dev)
{
	char id[16];

	snprintf(id, sizeof(id), "%04x:%04x", dev->vendor, dev->device);
	put_text(to, "address", dev->bdf);
	put_text(to, "id", id);
	put_text(to, "kind", device_kind(dev));
}

static struct json_object *device_object(const struct report_device *d)
{
	struct json_object *object = json_object_new_object();

	put_id(object, &d->dev);
	put_number(object, "iommu_group", d->group);
	put_text(object, "former_driver", d->driver[0] ? d->driver : NULL);
	put_text(object, "exercise", d->exercise);
	return object;
}

static struct json_object *check_object(const struct check *c)
{
	static const char * const outcomes[] = { "ok", "failed", "skipped" };
	struct json_object *object = json_object_new_object();

	put_text(object, "device", c->device);
	put_text(object, "name", c->name);
	put_text(object, "outcome", outcomes[c->outcome]);
	put_text(object, "detail", c->detail);
	put_number(object, "bytes_written_by_device", c->from_device);
	put_number(object, "bytes_read_by_device", c->to_device);
	json_object_object_add(object, "seconds", json_object_new_double(c->seconds));
	return object;
}

void json_report(const struct report *r)
{
	struct json_object *document = json_object_new_object();
	struct json_object *devices = json_object_new_array();
	struct json_object *checks = json_object_new_array();
	struct utsname uts;
	int i;

	uname(&uts);
	put_bool(document, "good", !r->result);
	put_number(document, "exit_status", r->result);
	put_text(document, "error", r->error[0] ? r->error : NULL);
	put_text(document, "kernel", uts.release);
	put_text(document, "backend", r->backend == BACKEND_ANY ? NULL : backend_name(r->backend));
	put_number(document, "size", r->options->size);
	put_text(document, "pages", pages_name(r->options->pages));
	put_bool(document, "drivers_restored", r->restored);
	json_object_object_add(document, "seconds", json_object_new_double(r->seconds));
	for (i = 0; i < r->ndevices; i++)
		json_object_array_add(devices, device_object(&r->devices[i]));
	json_object_object_add(document, "devices", devices);
	for (i = 0; i < r->nchecks; i++)
		json_object_array_add(checks, check_object(&r->checks[i]));
	json_object_object_add(document, "checks", checks);
	print_and_free(document);
}

void json_candidates(const struct candidate *list, int count)
{
	struct json_object *document = json_object_new_array();
	int i;

	for (i = 0; i < count; i++) {
		struct json_object *object = json_object_new_object();

		put_id(object, &list[i].dev);
		json_object_object_add(object, "iommu_group", list[i].group < 0 ? NULL :
				       json_object_new_int(list[i].group));
		put_text(object, "driver", list[i].driver[0] ? list[i].driver : NULL);
		put_text(object, "in_use", list[i].use[0] ? list[i].use : NULL);
		json_object_array_add(document, object);
	}
	print_and_free(document);
}
