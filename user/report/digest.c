// SPDX-License-Identifier: Apache-2.0
#include "report/digest.h"

#include "base/time.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA "ctxtrace-report/1"
#define SECONDS_MAX 3e9 /* a window of a hundred years */
#define RATE_MILLI_MAX UINT64_C(1000000000000) /* a billion a minute: no program makes as many */

/* A document being read: where in it, for errors. */
struct reading {
	const char *name;
	char where[40]; /* "findings[12]" */
	struct ct_error *reterr;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct reading *reading, const char *format, ...)
{
	char what[160];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	ct_error_set(reading->reterr, -EBADMSG, "%s is no report of ctxtrace: %s%s%s", reading->name, reading->where,
		     *reading->where ? ": " : "", what);
	ct_error_hint(reading->reterr, "a report is what -f json gives");
	return -EBADMSG;
}

static int take(struct reading *reading, const json_t *object, const char *key, json_type type, json_t **ret)
{
	static const char *const names[] = { [JSON_OBJECT] = "object",
					     [JSON_ARRAY] = "array",
					     [JSON_STRING] = "string",
					     [JSON_INTEGER] = "whole number" };

	*ret = json_object_get(object, key);
	if (*ret && json_typeof(*ret) == type)
		return 0;
	return refuse(reading, "no %s \"%s\"", names[type], key);
}

static int take_string(struct reading *reading, const json_t *object, const char *key, const char **ret)
{
	json_t *value;
	int rc = take(reading, object, key, JSON_STRING, &value);

	if (!rc)
		*ret = json_string_value(value);
	return rc;
}

/* What may be unknown is null. */
static int take_optional(struct reading *reading, const json_t *object, const char *key, const char **ret)
{
	*ret = NULL;
	return json_is_null(json_object_get(object, key)) ? 0 : take_string(reading, object, key, ret);
}

static int take_count(struct reading *reading, const json_t *object, const char *key, uint64_t *ret)
{
	json_t *value;
	int rc = take(reading, object, key, JSON_INTEGER, &value);

	if (!rc && json_integer_value(value) < 0)
		rc = refuse(reading, "\"%s\" is below zero", key);
	if (!rc)
		*ret = (uint64_t)json_integer_value(value);
	return rc;
}

/* Per minute, null for what was there before the window. Thousandths are what a report has of it. */
static int take_rate(struct reading *reading, const json_t *object, uint64_t *ret_milli)
{
	const json_t *rate = json_object_get(object, "rate_per_min");
	double milli;

	*ret_milli = 0;
	if (!rate || json_is_null(rate))
		return 0;
	if (!json_is_number(rate) || json_number_value(rate) < 0)
		return refuse(reading, "\"rate_per_min\" is no rate");
	milli = json_number_value(rate) * 1000 + 0.5;
	*ret_milli = milli < (double)RATE_MILLI_MAX ? (uint64_t)milli : RATE_MILLI_MAX;
	return 0;
}

static bool severity_named(const char *name, enum ct_severity *ret)
{
	for (int i = CT_SEVERITY_HINT; i <= CT_SEVERITY_LEAK; i++) {
		*ret = (enum ct_severity)i;
		if (!strcmp(name, ct_severity_name(*ret)))
			return true;
	}
	return false;
}

static bool confidence_named(const char *name, enum ct_confidence *ret)
{
	for (int i = CT_CONFIDENCE_SUSPECTED; i <= CT_CONFIDENCE_CONFIRMED; i++) {
		*ret = (enum ct_confidence)i;
		if (!strcmp(name, ct_confidence_name(*ret)))
			return true;
	}
	return false;
}

static int take_names(struct reading *reading, const json_t *object, struct ct_digest_finding *finding)
{
	const char *kind, *severity, *confidence, *print;
	int rc = take_string(reading, object, "kind", &kind) ?: take_string(reading, object, "severity", &severity) ?:
		 take_string(reading, object, "confidence", &confidence) ?:
		 take_string(reading, object, "fingerprint", &print);

	if (rc)
		return rc;
	if (!ct_finding_kind_from_name(kind, &finding->kind))
		return refuse(reading, "\"%.40s\" is no kind of finding this version knows", kind);
	if (!severity_named(severity, &finding->severity) || !confidence_named(confidence, &finding->confidence))
		return refuse(reading, "\"%.40s\", \"%.40s\": no severity and confidence", severity, confidence);
	if (strlen(print) != 16 || strspn(print, "0123456789abcdef") != 16)
		return refuse(reading, "\"%.40s\" is no fingerprint", print);
	finding->fingerprint = strtoull(print, NULL, 16);
	return 0;
}

static int take_frame(struct reading *reading, const json_t *object, struct ct_frame *frame)
{
	const json_t *line = json_object_get(object, "line");
	const char *file;
	int rc = take_string(reading, object, "function", &frame->function) ?:
		 take_optional(reading, object, "file", &file);

	if (rc)
		return rc;
	if (!json_is_null(line) && (!json_is_integer(line) || json_integer_value(line) < 1 ||
				    json_integer_value(line) > UINT32_MAX))
		return refuse(reading, "\"line\" is no line of a file");
	frame->file = file ? file : "";
	frame->line = json_is_null(line) ? 0 : (uint32_t)json_integer_value(line);
	return 0;
}

static int take_site(struct reading *reading, const json_t *object, struct ct_digest_finding *finding)
{
	json_t *site, *frames;
	int rc = take(reading, object, "site", JSON_OBJECT, &site) ?: take(reading, site, "frames", JSON_ARRAY, &frames);
	size_t count = rc ? 0 : json_array_size(frames);

	for (size_t i = 0; !rc && i < count && i < CT_DIGEST_FRAMES_MAX; i++)
		rc = take_frame(reading, json_array_get(frames, i), &finding->frames[finding->frames_count++]);
	return rc;
}

static int by_fingerprint(const void *left, const void *right)
{
	const struct ct_digest_finding *a = left, *b = right;

	return (a->fingerprint > b->fingerprint) - (a->fingerprint < b->fingerprint);
}

/* Several places or parents may have one fingerprint: they are one finding here. */
static void merge(struct ct_digest *digest)
{
	size_t kept = 0;

	if (!digest->count)
		return;
	qsort(digest->findings, digest->count, sizeof(*digest->findings), by_fingerprint);
	for (size_t i = 1; i < digest->count; i++) {
		struct ct_digest_finding *last = &digest->findings[kept], *next = &digest->findings[i];

		if (by_fingerprint(last, next)) {
			digest->findings[++kept] = *next;
			continue;
		}
		if (next->severity > last->severity)
			last->severity = next->severity;
		if (next->confidence > last->confidence)
			last->confidence = next->confidence;
		if (__builtin_add_overflow(last->count, next->count, &last->count))
			last->count = UINT64_MAX;
		last->rate_per_min_milli += next->rate_per_min_milli;
		if (last->rate_per_min_milli > RATE_MILLI_MAX)
			last->rate_per_min_milli = RATE_MILLI_MAX;
	}
	digest->count = kept + 1;
}

static int take_findings(struct reading *reading, struct ct_digest *digest)
{
	json_t *list;
	int rc = take(reading, digest->document, "findings", JSON_ARRAY, &list);
	size_t count = rc ? 0 : json_array_size(list);

	if (count > CT_DIGEST_FINDINGS_MAX)
		return ct_error_set(reading->reterr, -E2BIG, "%s has more than %d findings", reading->name,
				    CT_DIGEST_FINDINGS_MAX);
	digest->findings = calloc(count + 1, sizeof(*digest->findings));
	if (!digest->findings)
		return ct_error_set(reading->reterr, -ENOMEM, "no memory to read %s", reading->name);
	for (size_t i = 0; i < count && !rc; i++) {
		struct ct_digest_finding *finding = &digest->findings[digest->count++];
		const json_t *object = json_array_get(list, i);

		snprintf(reading->where, sizeof(reading->where), "findings[%zu]", i);
		rc = take_names(reading, object, finding) ?: take_count(reading, object, "count", &finding->count) ?:
		     take_rate(reading, object, &finding->rate_per_min_milli) ?: take_site(reading, object, finding);
	}
	merge(digest);
	return rc;
}

static int take_undecided(struct reading *reading, struct ct_digest *digest)
{
	json_t *list;
	int rc = take(reading, digest->document, "undecided", JSON_ARRAY, &list);
	size_t count = rc ? 0 : json_array_size(list);

	for (size_t i = 0; i < count && !rc; i++) {
		uint64_t contexts = 0;

		snprintf(reading->where, sizeof(reading->where), "undecided[%zu]", i);
		rc = take_count(reading, json_array_get(list, i), "count", &contexts);
		if (__builtin_add_overflow(digest->undecided, contexts, &digest->undecided))
			digest->undecided = UINT64_MAX;
	}
	return rc;
}

static int take_window(struct reading *reading, struct ct_digest *digest)
{
	json_t *window, *quality;
	const json_t *duration;
	const char *end, *verdict;
	int rc = take(reading, digest->document, "window", JSON_OBJECT, &window) ?:
		 take_optional(reading, window, "end", &end) ?:
		 take(reading, digest->document, "quality", JSON_OBJECT, &quality) ?:
		 take_string(reading, quality, "verdict", &verdict);

	if (rc)
		return rc;
	duration = json_object_get(window, "duration_s");
	if (!json_is_null(duration) && !(json_is_number(duration) && json_number_value(duration) >= 0 &&
					 json_number_value(duration) < SECONDS_MAX))
		return refuse(reading, "\"duration_s\" is no duration");
	digest->duration_ns = (uint64_t)(json_number_value(duration) * CT_NSEC_PER_SEC);
	digest->has_seen_exit = end && !strcmp(end, "target-exit");
	digest->is_incomplete = strcmp(verdict, "complete") != 0;
	digest->is_census = json_is_object(json_object_get(digest->document, "census"));
	return 0;
}

static int take_target(struct reading *reading, struct ct_digest *digest)
{
	json_t *target;

	return take(reading, digest->document, "target", JSON_OBJECT, &target) ?:
	       take_optional(reading, target, "exe", &digest->exe) ?:
	       take_optional(reading, target, "runtime_version", &digest->runtime_version) ?:
	       take_optional(reading, target, "build_id", &digest->build_id);
}

static int take_schema(struct reading *reading, const struct ct_digest *digest)
{
	const char *schema;
	int rc = take_string(reading, digest->document, "schema", &schema);

	if (!rc && strcmp(schema, SCHEMA) != 0)
		rc = refuse(reading, "its schema is \"%.40s\", not " SCHEMA, schema);
	return rc;
}

int ct_digest_parse(const char *name, const char *bytes, size_t length, struct ct_digest *ret_digest,
		    struct ct_error *reterr)
{
	struct reading reading = { .name = name, .reterr = reterr };
	struct ct_digest digest = { 0 };
	json_error_t error;
	int rc;

	digest.document = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &error);
	if (!digest.document) {
		rc = refuse(&reading, "line %d: %s", error.line, error.text);
		if (json_error_code(&error) == json_error_stack_overflow)
			ct_error_hint(reterr, "contexts that are very deep below each other cannot be read: leave --tree out");
		return rc;
	}
	rc = take_schema(&reading, &digest) ?: take_target(&reading, &digest) ?: take_window(&reading, &digest) ?:
	     take_findings(&reading, &digest) ?: take_undecided(&reading, &digest);
	if (rc)
		ct_digest_done(&digest);
	else
		*ret_digest = digest;
	return rc;
}

void ct_digest_done(struct ct_digest *digest)
{
	free(digest->findings);
	json_decref(digest->document);
	*digest = (struct ct_digest){ 0 };
}
