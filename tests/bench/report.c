// SPDX-License-Identifier: GPL-2.0-only
/* Results as a table for people, and as JSON. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/utsname.h>

#include "jsonc.h"
#include "report.h"
#include "size.h"

struct report {
	const struct options *options;
	bool iommufd;			/* is one of the sides */
	struct json_object *document;
	struct json_object *rows;
};

static void put_real(struct json_object *to, const char *key, double val)
{
	json_object_object_add(to, key, json_object_new_double(val));
}

struct report *report_begin(const struct options *options, const struct side sides[SIDES])
{
	struct report *report = calloc(1, sizeof(*report));
	struct utsname uts;

	if (!report)
		return NULL;
	uname(&uts);
	report->options = options;
	report->iommufd = sides[SIDE_IOMMUFD].fd >= 0;
	report->document = json_object_new_object();
	report->rows = json_object_new_array();
	put_text(report->document, "kernel", uts.release);
	put_number(report->document, "cpus", sysconf(_SC_NPROCESSORS_ONLN));
	put_number(report->document, "rounds", options->rounds);
	json_object_object_add(report->document, "iommufd",
			       json_object_new_boolean(report->iommufd));
	json_object_object_add(report->document, "rows", report->rows);

	printf("%s, %u rounds: ns, or instructions, per unit (medians)\n", uts.release,
	       options->rounds);
	if (!report->iommufd)
		printf("iommufd: skipped, this kernel has no /dev/iommu\n");
	printf("%-34s %5s %8s %-12s %-5s %9s %9s %9s %6s %13s %7s", "row", "size", "runs", "",
	       "per", "type1p", "in-tree", "floor", "ratio", "min and max", "/floor");
	if (report->iommufd)
		printf(" %9s %8s", "iommufd", "/iommufd");
	putchar('\n');
	return report;
}

/* A number, or a dash for what was not measured. */
static void print_number(int width, int digits, double val)
{
	if (val)
		printf(" %*.*f", width, digits, val);
	else
		printf(" %*s", width, "-");
}

static void print_metric(const struct report *report, const struct result *r,
			 const struct metric *m)
{
	const struct samples *ours = &m->by[SIDE_TYPE1P], *intree = &m->by[SIDE_INTREE];
	const struct ratio ratio = sample_ratio(ours, intree);
	const struct samples *iommufd = &m->by[SIDE_IOMMUFD];
	const struct samples *floor = metric_floor(m);
	char size[SIZE_LEN];

	printf("%-34s %5s", r->row->text, size_text(r->size, size));
	print_number(8, 0, r->runs);
	printf(" %-12s %-5s", m->name, m->unit);
	print_number(9, 1, sample_median(ours) / m->units);
	print_number(9, 1, sample_median(intree) / m->units);
	print_number(9, 1, sample_median(floor) / m->units);
	print_number(6, 3, ratio.of_medians);
	print_number(6, 3, ratio.min);
	print_number(6, 3, ratio.max);
	print_number(7, 2, sample_ratio(ours, floor).of_medians);
	if (report->iommufd) {
		print_number(9, 1, sample_median(iommufd) / m->units);
		print_number(8, 3, sample_ratio(ours, iommufd).of_medians);
	}
	putchar('\n');
}

/* What several CPUs gain, over one alone. */
static struct ratio gain(const struct metric *m)
{
	return sample_ratio(&m->by[SIDE_ALONE], &m->by[SIDE_TYPE1P]);
}

/* That of the row's last metric is what plain threads gain: it limits the others. */
static void print_gains(const struct result *r)
{
	const double limit = r->nr ? gain(&r->metric[r->nr - 1]).of_medians : 0;
	struct ratio ratio;
	int i;

	for (i = 0; limit && i < r->nr; i++) {
		ratio = gain(&r->metric[i]);
		printf("%-34s gains %-12s %6.3f (%.3f to %.3f)", "", r->metric[i].name,
		       ratio.of_medians, ratio.min, ratio.max);
		if (i < r->nr - 1)
			printf(", %.3f of what touching gains", ratio.of_medians / limit);
		putchar('\n');
	}
}

static struct json_object *samples_object(const struct samples *samples)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();
	unsigned int i;

	put_real(object, "median", sample_median(samples));
	put_number(object, "min", sample_min(samples));
	put_number(object, "max", sample_max(samples));
	for (i = 0; i < samples->nr; i++)
		json_object_array_add(list, json_object_new_uint64(samples->sample[i]));
	json_object_object_add(object, "samples", list);
	return object;
}

static struct json_object *ratio_object(const struct ratio *ratio)
{
	struct json_object *object;

	if (!ratio->of_medians)
		return NULL;
	object = json_object_new_object();
	put_real(object, "of_medians", ratio->of_medians);
	put_real(object, "min", ratio->min);
	put_real(object, "max", ratio->max);
	return object;
}

static struct json_object *metric_object(const struct metric *m)
{
	const struct ratio to_intree = sample_ratio(&m->by[SIDE_TYPE1P], &m->by[SIDE_INTREE]);
	const struct ratio to_floor = sample_ratio(&m->by[SIDE_TYPE1P], metric_floor(m));
	const struct ratio to_iommufd = sample_ratio(&m->by[SIDE_TYPE1P], &m->by[SIDE_IOMMUFD]);
	const struct ratio of_cpus = gain(m);
	struct json_object *object = json_object_new_object();
	struct json_object *sides = json_object_new_object();
	int i;

	put_text(object, "name", m->name);
	put_text(object, "unit", m->unit);
	put_number(object, "units", m->units);
	for (i = 0; i < SIDES; i++)
		if (m->by[i].nr)
			json_object_object_add(sides, side_name(i), samples_object(&m->by[i]));
	if (m->floor_pin.nr)
		json_object_object_add(sides, "floor, pins alone", samples_object(&m->floor_pin));
	json_object_object_add(object, "ns", sides);
	json_object_object_add(object, "ratio", ratio_object(&to_intree));
	json_object_object_add(object, "over_floor", ratio_object(&to_floor));
	json_object_object_add(object, "over_iommufd", ratio_object(&to_iommufd));
	json_object_object_add(object, "gain", ratio_object(&of_cpus));
	return object;
}

void report_add(struct report *report, const struct result *r)
{
	struct json_object *object = json_object_new_object();
	struct json_object *metrics = json_object_new_array();
	int i;

	put_text(object, "name", r->row->name);
	put_text(object, "set", r->row->set);
	put_text(object, "text", r->row->text);
	put_number(object, "size", r->size);
	put_number(object, "runs", r->runs > 0 ? r->runs : 0);
	put_number(object, "ranges", r->row->standing);
	put_text(object, "error", r->error ? strerror(-r->error) : NULL);
	put_text(object, "skipped", r->skipped);
	if (r->error)
		printf("%-34s failed: %s\n", r->row->text, strerror(-r->error));
	else if (r->skipped)
		printf("%-34s skipped: %s\n", r->row->text, r->skipped);
	for (i = 0; !r->error && i < r->nr; i++) {
		print_metric(report, r, &r->metric[i]);
		json_object_array_add(metrics, metric_object(&r->metric[i]));
	}
	if (!r->error)
		print_gains(r);
	fflush(stdout);
	json_object_object_add(object, "metrics", metrics);
	json_object_array_add(report->rows, object);
}

int report_end(struct report *report)
{
	int ret = 0;

	if (report->options->json &&
	    json_object_to_file_ext(report->options->json, report->document,
				    JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE))
		ret = -EIO;
	json_object_put(report->document);
	free(report);
	return ret;
}
