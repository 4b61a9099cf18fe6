// SPDX-License-Identifier: Apache-2.0
#include "report/exposition.h"

#include "base/time.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "ctxtrace_"
#define CUT "..."

const char *ct_metric_type_name(enum ct_metric_type type)
{
	static const char *const names[] = { "counter", "gauge", "histogram", "info" };

	return names[type];
}

/* Where to begin so that what is left has room: the end of a name says more than its begin. */
static const char *tail(const char *value, size_t *room)
{
	size_t length = strlen(value);

	if (length <= *room)
		return value;
	*room -= strlen(CUT);
	value += length - *room;
	while ((*value & 0xc0) == 0x80) // inside a character
		value++;
	return value;
}

void ct_label_clean(char out[static CT_LABEL_ROOM], const char *value)
{
	size_t room = CT_LABEL_ROOM - 1;
	const char *from = tail(value, &room);
	char *end = out;

	if (from != value)
		end = stpcpy(end, CUT);
	while (*from) {
		size_t length = ct_utf8_printable(from, strlen(from));
		size_t used = length ? length : 4;

		if (used > room)
			break;
		if (length)
			memcpy(end, from, length);
		else
			snprintf(end, 5, "\\x%02x", (unsigned char)*from);
		from += length ? length : 1;
		end += used;
		room -= used;
	}
	*end = '\0';
}

static void add_label(struct ct_text *text, const char *name, const char *value, bool *is_open)
{
	char clean[CT_LABEL_ROOM];

	ct_label_clean(clean, value);
	ct_text_addf(text, "%s%s=\"", *is_open ? "," : "{", name);
	for (const char *at = clean; *at; at++) {
		if (*at == '"' || *at == '\\')
			ct_text_add(text, "\\");
		ct_text_append(text, at, 1);
	}
	ct_text_add(text, "\"");
	*is_open = true;
}

/* Name and labels; `bound` is the value of "le", or NULL. */
static void add_series(struct ct_exposition *exposition, const char *suffix, const struct ct_labels *labels,
		       const char *bound)
{
	struct ct_text *text = exposition->text;
	bool is_open = false;

	ct_text_addf(text, PREFIX "%s%s", exposition->name, suffix);
	for (unsigned int i = 0; labels && i < labels->count; i++)
		add_label(text, labels->at[i].name, labels->at[i].value, &is_open);
	if (bound)
		add_label(text, "le", bound, &is_open);
	ct_text_add(text, is_open ? "} " : " ");
}

static void add_seconds(struct ct_text *text, uint64_t nanoseconds)
{
	ct_text_addf(text, "%" PRIu64 ".%09" PRIu64, nanoseconds / CT_NSEC_PER_SEC, nanoseconds % CT_NSEC_PER_SEC);
}

static void end_sample(struct ct_exposition *exposition, const struct ct_exemplar *exemplar, bool is_scaled)
{
	struct ct_text *text = exposition->text;
	bool is_open = false;

	if (exposition->dialect == CT_DIALECT_OPENMETRICS && exemplar && exemplar->function) {
		ct_text_add(text, " # ");
		add_label(text, "function", exemplar->function, &is_open);
		ct_text_add(text, "} ");
		if (is_scaled)
			add_seconds(text, exemplar->value);
		else
			ct_text_addf(text, "%" PRIu64, exemplar->value);
		ct_text_addf(text, " %" PRIu64 ".%03" PRIu64, exemplar->unix_ms / 1000, exemplar->unix_ms % 1000);
	}
	ct_text_add(text, "\n");
}

/* In OpenMetrics a family is called without what its samples end with. */
static int family_length(const struct ct_exposition *exposition)
{
	const char *suffix = exposition->type == CT_METRIC_COUNTER ? "_total" :
			     exposition->type == CT_METRIC_INFO	   ? "_info" :
								     "";
	size_t length = strlen(exposition->name);

	return (int)(exposition->dialect == CT_DIALECT_OPENMETRICS ? length - strlen(suffix) : length);
}

void ct_exposition_family(struct ct_exposition *exposition, const char *name, enum ct_metric_type type, const char *unit,
			  const char *help)
{
	bool is_gauge = type == CT_METRIC_INFO && exposition->dialect == CT_DIALECT_TEXT;
	struct ct_text *text = exposition->text;
	int length;

	exposition->name = name;
	exposition->type = type;
	length = family_length(exposition);
	ct_text_addf(text, "# HELP " PREFIX "%.*s %s\n", length, name, help);
	ct_text_addf(text, "# TYPE " PREFIX "%.*s %s\n", length, name,
		     ct_metric_type_name(is_gauge ? CT_METRIC_GAUGE : type));
	if (*unit && exposition->dialect == CT_DIALECT_OPENMETRICS)
		ct_text_addf(text, "# UNIT " PREFIX "%.*s %s\n", length, name, unit);
}

void ct_exposition_sample(struct ct_exposition *exposition, const struct ct_labels *labels, uint64_t value,
			  const struct ct_exemplar *exemplar)
{
	add_series(exposition, "", labels, NULL);
	ct_text_addf(exposition->text, "%" PRIu64, value);
	end_sample(exposition, exemplar, false);
}

void ct_exposition_seconds(struct ct_exposition *exposition, const struct ct_labels *labels, uint64_t nanoseconds)
{
	add_series(exposition, "", labels, NULL);
	add_seconds(exposition->text, nanoseconds);
	end_sample(exposition, NULL, false);
}

/* "0.0001", "2.5", "60.0": the shortest that says it, always with a point, as OpenMetrics has it. */
static void write_bound(char out[static 32], const struct ct_bounds *bounds, unsigned int at)
{
	uint64_t upper = at < bounds->count ? bounds->upper[at] : 0;
	size_t length;

	if (at == bounds->count) {
		memcpy(out, "+Inf", sizeof("+Inf"));
		return;
	}
	length = (size_t)snprintf(out, 32, "%" PRIu64 ".%09" PRIu64, upper / CT_NSEC_PER_SEC, upper % CT_NSEC_PER_SEC);
	while (out[length - 1] == '0' && out[length - 2] != '.')
		out[--length] = '\0';
}

void ct_exposition_histogram(struct ct_exposition *exposition, const struct ct_labels *labels,
			     const struct ct_measure *measure, const struct ct_bounds *bounds,
			     const struct ct_exemplar *exemplars)
{
	uint64_t count = 0;
	char bound[32];

	for (unsigned int i = 0; i <= bounds->count; i++) {
		count += measure->buckets[i].count;
		write_bound(bound, bounds, i);
		add_series(exposition, "_bucket", labels, bound);
		ct_text_addf(exposition->text, "%" PRIu64, count);
		end_sample(exposition, &exemplars[i], true);
	}
	add_series(exposition, "_count", labels, NULL);
	ct_text_addf(exposition->text, "%" PRIu64 "\n", count);
	add_series(exposition, "_sum", labels, NULL);
	ct_text_addf(exposition->text, "%" PRIu64 ".%09" PRIu64 "\n", measure->sum_s, measure->sum_ns);
}

void ct_exposition_end(struct ct_exposition *exposition)
{
	if (exposition->dialect == CT_DIALECT_OPENMETRICS)
		ct_text_add(exposition->text, "# EOF\n");
}
