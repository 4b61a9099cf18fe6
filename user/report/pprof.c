// SPDX-License-Identifier: Apache-2.0
/*
 * The findings as a profile for `go tool pprof` and its kin: one sample a finding, with its site as the stack. Names
 * are escaped, since pprof prints them to terminals; numbers are those of the JSON report.
 */
#include "base/text.h"
#include "profile.pb-c.h"
#include "report/gzip.h"
#include "report/intern.h"
#include "report/summary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX 256 /* of a stack, inlined ones too */
#define MADE_BY "made by ctxtrace " CTXTRACE_VERSION ", what was seen is "

/* A function and a frame in it, as they are interned. */
struct function_key {
	int64_t name, file;
};
struct line_key {
	uint64_t function;
	int64_t line;
};

/* The profile in the making. Its messages come out of blocks that are freed together. */
struct builder {
	const struct ct_snapshot *snapshot;
	Ct__Pprof__Profile profile;
	struct ct_intern strings, functions, locations;
	struct block {
		struct block *next;
		max_align_t data[];
	} *blocks;
	bool failed;
};

static void *take(struct builder *builder, size_t count, size_t bytes)
{
	struct block *block = calloc(1, sizeof(*block) + count * bytes);

	if (!block) {
		builder->failed = true;
		return NULL;
	}
	block->next = builder->blocks;
	builder->blocks = block;
	return block->data;
}

static void builder_done(struct builder *builder)
{
	for (struct block *block = builder->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	ct_intern_done(&builder->strings);
	ct_intern_done(&builder->functions);
	ct_intern_done(&builder->locations);
}

static int64_t string_of(struct builder *builder, const char *string)
{
	return ct_intern(&builder->strings, string, strlen(string) + 1);
}

static int64_t name_of(struct builder *builder, const char *name)
{
	struct ct_text safe = { 0 };
	int64_t number;

	ct_text_add_escaped(&safe, name, SIZE_MAX);
	number = string_of(builder, safe.data ? safe.data : "");
	builder->failed |= safe.failed;
	ct_text_done(&safe);
	return number;
}

static struct line_key line_of(struct builder *builder, const struct ct_frame *frame)
{
	struct function_key key = { .name = name_of(builder, *frame->function ? frame->function : "[unknown]"),
				    .file = name_of(builder, frame->file) };

	return (struct line_key){ .function = ct_intern(&builder->functions, &key, sizeof(key)) + 1u, .line = frame->line };
}

/* The stack as numbers of locations: what was inlined shares one with what it was inlined into. */
static size_t add_stack(struct builder *builder, uint32_t index, uint64_t *locations)
{
	const struct ct_site *site = index == CT_SITE_UNKNOWN ? NULL : ct_tree_site(builder->snapshot->tree, index);
	struct ct_frame frame = { .function = "", .file = "" };
	struct line_key lines[FRAMES_MAX];
	size_t used = 0, count = 0;
	uint32_t cursor = 0;

	for (int i = 0; i < FRAMES_MAX && site && ct_frame_next(site, &cursor, &frame); i++) {
		lines[used++] = line_of(builder, &frame);
		if (frame.flags & CT_FRAME_INLINED && i + 1 < FRAMES_MAX)
			continue;
		locations[count++] = ct_intern(&builder->locations, lines, used * sizeof(*lines)) + 1u;
		used = 0;
	}
	if (!count && !used)
		lines[used++] = line_of(builder, &frame); // "[unknown]"
	if (used)
		locations[count++] = ct_intern(&builder->locations, lines, used * sizeof(*lines)) + 1u;
	return count;
}

static const char *subject_of(const struct ct_finding *finding)
{
	switch (finding->subject) {
	case CT_SUBJECT_TASKS:
		return "task";
	case CT_SUBJECT_REQUESTS:
		return "request";
	default:
		return ct_context_kind_name(finding->context_kind);
	}
}

static void add_label(struct builder *builder, Ct__Pprof__Sample *sample, const char *key, const char *value)
{
	Ct__Pprof__Label *label = take(builder, 1, sizeof(*label));

	if (!label)
		return;
	ct__pprof__label__init(label);
	label->key = string_of(builder, key);
	label->str = string_of(builder, value);
	sample->label[sample->n_label++] = label;
}

static void add_sample(struct builder *builder, const struct ct_finding *finding)
{
	Ct__Pprof__Sample *sample = take(builder, 1, sizeof(*sample));
	uint64_t locations[FRAMES_MAX + 1];
	size_t count = add_stack(builder, finding->site, locations);
	uint64_t *ids = take(builder, count, sizeof(*ids));
	int64_t *values = take(builder, 3, sizeof(*values));
	Ct__Pprof__Label **labels = take(builder, 3, sizeof(*labels));

	if (builder->failed)
		return;
	ct__pprof__sample__init(sample);
	memcpy(ids, locations, count * sizeof(*ids));
	values[0] = (int64_t)finding->count;
	values[1] = (int64_t)finding->oldest_ns;
	values[2] = (int64_t)finding->retained_bytes;
	sample->location_id = ids;
	sample->n_location_id = count;
	sample->value = values;
	sample->n_value = 3;
	sample->label = labels;
	add_label(builder, sample, "rule", ct_finding_name(finding->kind));
	add_label(builder, sample, "kind", subject_of(finding));
	add_label(builder, sample, "severity", ct_severity_name(finding->severity));
	if (!builder->failed)
		builder->profile.sample[builder->profile.n_sample++] = sample;
}

static void add_type(struct builder *builder, const char *type, const char *unit)
{
	Ct__Pprof__ValueType *value = take(builder, 1, sizeof(*value));

	if (!value)
		return;
	ct__pprof__value_type__init(value);
	value->type = string_of(builder, type);
	value->unit = string_of(builder, unit);
	builder->profile.sample_type[builder->profile.n_sample_type++] = value;
}

/* The program. Its symbols are in the profile, so nobody has to look for them. */
static void add_mapping(struct builder *builder)
{
	const struct ct_window *window = ct_tree_window(builder->snapshot->tree);
	Ct__Pprof__Mapping *mapping = take(builder, 1, sizeof(*mapping));

	if (!mapping)
		return;
	ct__pprof__mapping__init(mapping);
	mapping->id = 1;
	mapping->filename = name_of(builder, window->exe);
	mapping->build_id = name_of(builder, window->build_id);
	mapping->has_functions = mapping->has_filenames = true;
	mapping->has_line_numbers = mapping->has_inline_frames = true;
	builder->profile.mapping[builder->profile.n_mapping++] = mapping;
}

static void add_function(struct builder *builder, size_t number)
{
	Ct__Pprof__Function *function = take(builder, 1, sizeof(*function));
	struct function_key key;
	size_t length;

	if (!function)
		return;
	memcpy(&key, ct_interned(&builder->functions, number, &length), sizeof(key));
	ct__pprof__function__init(function);
	function->id = number + 1;
	function->name = function->system_name = key.name;
	function->filename = key.file;
	builder->profile.function[builder->profile.n_function++] = function;
}

static void add_location(struct builder *builder, size_t number)
{
	size_t length;
	const char *keys = ct_interned(&builder->locations, number, &length);
	size_t count = length / sizeof(struct line_key);
	Ct__Pprof__Location *location = take(builder, 1, sizeof(*location));
	Ct__Pprof__Line *lines = take(builder, count, sizeof(*lines));
	Ct__Pprof__Line **list = take(builder, count, sizeof(*list));

	if (builder->failed)
		return;
	ct__pprof__location__init(location);
	location->id = number + 1;
	location->mapping_id = 1;
	location->line = list;
	for (size_t i = 0; i < count; i++) {
		struct line_key key;

		memcpy(&key, keys + i * sizeof(key), sizeof(key));
		ct__pprof__line__init(&lines[i]);
		lines[i].function_id = key.function;
		lines[i].line = key.line;
		list[location->n_line++] = &lines[i];
	}
	builder->profile.location[builder->profile.n_location++] = location;
}

/* What the samples refer to, once all are there. */
static void add_tables(struct builder *builder)
{
	Ct__Pprof__Profile *profile = &builder->profile;

	profile->function = take(builder, builder->functions.count, sizeof(*profile->function));
	profile->location = take(builder, builder->locations.count, sizeof(*profile->location));
	profile->string_table = take(builder, builder->strings.count, sizeof(*profile->string_table));
	for (size_t i = 0; i < builder->functions.count && !builder->failed; i++)
		add_function(builder, i);
	for (size_t i = 0; i < builder->locations.count && !builder->failed; i++)
		add_location(builder, i);
	for (size_t i = 0, length; i < builder->strings.count && !builder->failed; i++)
		profile->string_table[profile->n_string_table++] = (char *)ct_interned(&builder->strings, i, &length);
}

static void add_facts(struct builder *builder)
{
	const struct ct_window *window = ct_tree_window(builder->snapshot->tree);
	Ct__Pprof__Profile *profile = &builder->profile;

	profile->time_nanos = (int64_t)window->wall_clock_ns;
	profile->duration_nanos = (int64_t)ct_window_duration(builder->snapshot);
	profile->default_sample_type = string_of(builder, "leaked_contexts");
	profile->comment = take(builder, 1, sizeof(*profile->comment));
	if (!profile->comment)
		return;
	profile->comment[profile->n_comment++] = string_of(builder, ct_tree_is_incomplete(builder->snapshot->tree) ?
									    MADE_BY "incomplete" : MADE_BY "complete");
}

static void build(struct builder *builder)
{
	const struct ct_findings *findings = builder->snapshot->findings;
	Ct__Pprof__Profile *profile = &builder->profile;

	string_of(builder, ""); // the first, as the format wants it
	profile->sample_type = take(builder, 3, sizeof(*profile->sample_type));
	profile->mapping = take(builder, 1, sizeof(*profile->mapping));
	profile->sample = take(builder, findings->count, sizeof(*profile->sample));
	if (builder->failed)
		return;
	add_type(builder, "leaked_contexts", "count");
	add_type(builder, "age", "nanoseconds");
	add_type(builder, "retained", "bytes");
	add_mapping(builder);
	for (size_t i = 0; i < findings->count && !builder->failed; i++)
		add_sample(builder, &findings->list[i]);
	add_facts(builder);
	add_tables(builder);
	builder->failed |= builder->strings.failed || builder->functions.failed || builder->locations.failed;
}

static int write_pprof(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	struct builder builder = { .snapshot = snapshot, .profile = CT__PPROF__PROFILE__INIT };
	uint8_t *bytes = NULL;
	size_t length = 0;
	int rc = -ENOMEM;

	build(&builder);
	if (!builder.failed) {
		length = ct__pprof__profile__get_packed_size(&builder.profile);
		bytes = malloc(length ? length : 1);
	}
	if (bytes) {
		ct__pprof__profile__pack(&builder.profile, bytes);
		rc = ct_gzip(text, bytes, length);
	}
	free(bytes);
	builder_done(&builder);
	return rc;
}

const struct ct_reporter ct_reporter_pprof = {
	.name = "pprof",
	.describe = "a profile for go tool pprof",
	.is_binary = true,
	.write = write_pprof,
};
