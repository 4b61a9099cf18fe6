// SPDX-License-Identifier: Apache-2.0
/* What holds for every report that other programs read. */
#include "golden_rules.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64

static int broken(const char *directory, const char *format, const char *rule)
{
	fprintf(stderr, "%s: %s: %s\n", directory, format, rule);
	return 1;
}

static bool is_printable(const char *at, size_t length)
{
	for (size_t left = length, step; left; at += step, left -= step) {
		step = ct_utf8_printable(at, left);
		if (!step)
			return false;
	}
	return true;
}

int golden_rules_folded(const char *directory, const struct ct_text *text, const struct ct_findings *findings)
{
	size_t lines = 0;

	for (const char *at = text->data, *end; at && *at; at = end + 1, lines++) {
		const char *blank = strchr(at, ' ');

		end = strchr(at, '\n');
		if (!end || !blank || blank > end || blank == at || !is_printable(at, (size_t)(end - at)))
			return broken(directory, "folded", "no line of a stack and a number");
		if (strspn(blank + 1, "0123456789") != (size_t)(end - blank - 1))
			return broken(directory, "folded", "a blank that is not before the number");
	}
	return lines == findings->count ? 0 : broken(directory, "folded", "not a line a finding");
}

static bool is_result(const json_t *result, const json_t *rules)
{
	const json_t *rule = json_array_get(rules, (size_t)json_integer_value(json_object_get(result, "ruleIndex")));
	const json_t *place = json_array_get(json_object_get(result, "locations"), 0);
	const json_t *file = json_object_get(json_object_get(json_object_get(place, "physicalLocation"), "artifactLocation"),
					     "uri");
	const char *id = json_string_value(json_object_get(rule, "id"));

	if (!id || strcmp(id, json_string_value(json_object_get(result, "ruleId")) ?: ""))
		return false;
	return !file || strspn(json_string_value(file), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
							 "-._~/@+%:") == strlen(json_string_value(file));
}

int golden_rules_sarif(const char *directory, const char *text, const struct ct_findings *findings)
{
	json_error_t error;
	json_t *log = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	const json_t *run = json_array_get(json_object_get(log, "runs"), 0);
	const json_t *results = json_object_get(run, "results");
	const json_t *rules = json_object_get(json_object_get(json_object_get(run, "tool"), "driver"), "rules");
	int rc = 0;

	if (!log)
		rc = broken(directory, "sarif", error.text);
	else if (json_array_size(rules) != CT_FINDING_END || json_array_size(results) != findings->count)
		rc = broken(directory, "sarif", "not a result a finding, or not a rule a kind");
	for (size_t i = 0; !rc && i < json_array_size(results); i++)
		if (!is_result(json_array_get(results, i), rules))
			rc = broken(directory, "sarif", "a result of another rule, or at a place that is no URI");
	json_decref(log);
	return rc;
}

/* A tag, from its "<" on. @return behind it, NULL when it does not fit to what is open. */
static const char *take_tag(const char *at, const char *open[DEPTH_MAX], size_t *depth)
{
	const char *end = strchr(at, '>');
	size_t length = strcspn(at + 1, " >/");

	if (!end || memchr(at + 1, '<', (size_t)(end - at - 1)))
		return NULL;
	if (at[1] == '/') {
		length = (size_t)(end - at - 2);
		if (!*depth || strncmp(open[*depth - 1], at + 2, length) || strcspn(open[*depth - 1], " >/") != length)
			return NULL;
		(*depth)--;
	} else if (end[-1] != '/' && at[1] != '?') {
		if (*depth == DEPTH_MAX || !length)
			return NULL;
		open[(*depth)++] = at + 1;
	}
	return end + 1;
}

static bool is_reference(const char *at)
{
	return !strncmp(at, "&amp;", 5) || !strncmp(at, "&lt;", 4) || !strncmp(at, "&gt;", 4) || !strncmp(at, "&quot;", 6);
}

int golden_rules_junit(const char *directory, const struct ct_text *text)
{
	const char *open[DEPTH_MAX];
	size_t depth = 0;

	for (const char *at = text->data; *at;) {
		size_t length = ct_utf8_printable(at, strlen(at));

		if (*at == '<') {
			at = take_tag(at, open, &depth);
			if (!at)
				return broken(directory, "junit", "a tag that is none, or closes another");
			continue;
		}
		if (*at != '\n' && !length)
			return broken(directory, "junit", "a control character, or no UTF-8");
		if (*at == '&' && !is_reference(at))
			return broken(directory, "junit", "an unknown reference");
		at += length ? length : 1;
	}
	return depth ? broken(directory, "junit", "an element is left open") : 0;
}

struct span {
	long long lane, begin, end; /* nanoseconds */
};

static int by_lane(const void *a, const void *b)
{
	const struct span *left = a, *right = b;

	if (left->lane != right->lane)
		return left->lane < right->lane ? -1 : 1;
	if (left->begin != right->begin)
		return left->begin < right->begin ? -1 : 1;
	return left->end > right->end ? -1 : left->end < right->end;
}

static long long nanoseconds(const json_t *event, const char *key)
{
	return llround(json_number_value(json_object_get(event, key)) * 1000);
}

/* Do they nest, as viewers demand? */
static bool are_nested(struct span *spans, size_t count)
{
	long long open[256];
	size_t depth = 0;

	qsort(spans, count, sizeof(*spans), by_lane);
	for (size_t i = 0; i < count; i++) {
		if (i && spans[i].lane != spans[i - 1].lane)
			depth = 0;
		while (depth && open[depth - 1] <= spans[i].begin)
			depth--;
		if (depth == 255 || (depth && open[depth - 1] < spans[i].end))
			return false;
		open[depth++] = spans[i].end;
	}
	return true;
}

int golden_rules_trace(const char *directory, const char *text)
{
	json_error_t error;
	json_t *trace = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	const json_t *events = json_object_get(trace, "traceEvents");
	struct span *spans = calloc(json_array_size(events) + 1, sizeof(*spans));
	size_t count = 0;
	int rc = 0;

	for (size_t i = 0; spans && i < json_array_size(events); i++) {
		const json_t *event = json_array_get(events, i);

		if (strcmp(json_string_value(json_object_get(event, "ph")) ?: "", "X"))
			continue;
		spans[count].lane = json_integer_value(json_object_get(event, "tid"));
		spans[count].begin = nanoseconds(event, "ts");
		spans[count].end = spans[count].begin + nanoseconds(event, "dur");
		count++;
	}
	if (!trace)
		rc = broken(directory, "trace", error.text);
	else if (!spans || !are_nested(spans, count))
		rc = broken(directory, "trace", "lives that overlap on one lane");
	free(spans);
	json_decref(trace);
	return rc;
}
