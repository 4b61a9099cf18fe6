// SPDX-License-Identifier: Apache-2.0
/*
 * JUnit XML: a test case for each kind of finding. It fails by every confirmed finding that --fail-on names (`leak`
 * when nothing was said), is skipped while findings of the kind are only suspected or contexts undecided, and passes
 * else; what did not make it fail stands in its output.
 */
#include "base/text.h"
#include "base/time.h"
#include "ctxtrace/report.h"
#include "report/places.h"
#include "report/summary.h"
#include "report/xml_writer.h"

#include <inttypes.h>
#include <stdio.h>

/* Of one kind. Further ones are counted. */
#define FAILURES_MAX 1000
#define FRAMES_MAX 12

static bool fails(const struct ct_snapshot *snapshot, const struct ct_finding *finding)
{
	return ct_finding_fails(finding, snapshot->fail_on);
}

/* Suspected only, of a kind that would fail if it were proven. */
static bool is_doubtful(const struct ct_snapshot *snapshot, const struct ct_finding *finding)
{
	struct ct_finding proven = *finding;

	proven.confidence = CT_CONFIDENCE_CONFIRMED;
	return !fails(snapshot, finding) && fails(snapshot, &proven);
}

static size_t count_of(const struct ct_snapshot *snapshot, enum ct_finding_kind kind,
		       bool (*is_it)(const struct ct_snapshot *, const struct ct_finding *))
{
	size_t count = 0;

	for (size_t i = 0; i < snapshot->findings->count; i++)
		count += snapshot->findings->list[i].kind == kind && is_it(snapshot, &snapshot->findings->list[i]);
	return count;
}

/* Undecided contexts are those that may be lost: a lost cancel that passes would be an all-clear nobody gave. */
static bool is_undecided(const struct ct_snapshot *snapshot, enum ct_finding_kind kind)
{
	return kind == CT_FINDING_LOST_CANCEL && snapshot->findings->undecided_count;
}

/* Nothing lost was old enough to be spoken of, or nothing could be. */
static bool is_young(const struct ct_snapshot *snapshot, enum ct_finding_kind kind)
{
	return (kind == CT_FINDING_LOST_CANCEL || kind == CT_FINDING_LEAKED_TIMER) &&
	       (snapshot->findings->young_lost || ct_window_is_short(snapshot));
}

static bool is_failed(const struct ct_snapshot *snapshot, enum ct_finding_kind kind)
{
	return count_of(snapshot, kind, fails);
}

static bool is_skipped(const struct ct_snapshot *snapshot, enum ct_finding_kind kind)
{
	return !is_failed(snapshot, kind) && (count_of(snapshot, kind, is_doubtful) || is_undecided(snapshot, kind) || is_young(snapshot, kind));
}

/* "LEAK lost-cancel, confirmed: ..., stack, advice" as a person reads it in the log of a build. */
static void add_story(const struct ct_snapshot *snapshot, const struct ct_finding *finding, struct ct_text *text)
{
	const struct ct_site *site = finding->site == CT_SITE_UNKNOWN ? NULL : ct_tree_site(snapshot->tree, finding->site);
	struct ct_frame frame;
	uint32_t cursor = 0;

	ct_text_addf(text, "%s %s, %s: %s\n", ct_severity_name(finding->severity), ct_finding_name(finding->kind),
		     ct_confidence_name(finding->confidence), finding->evidence);
	for (int shown = 0; site && shown < FRAMES_MAX && ct_frame_next(site, &cursor, &frame); shown++) {
		ct_text_add(text, "  at ");
		ct_text_add_escaped(text, frame.function, SIZE_MAX);
		if (*frame.file) {
			ct_text_add(text, " (");
			ct_text_add_escaped(text, ct_place_of(snapshot, &frame).path, SIZE_MAX);
			if (frame.line)
				ct_text_addf(text, ":%" PRIu32, frame.line);
			ct_text_add(text, ")");
		}
		ct_text_add(text, "\n");
	}
	ct_text_addf(text, "  do: %s\n", finding->advice);
}

static void add_element(struct ct_text *text, const char *tag, const char *type, const char *message,
			const struct ct_text *body)
{
	ct_text_addf(text, "   <%s", tag);
	if (type)
		ct_xml_attribute(text, "type", type);
	if (message)
		ct_xml_attribute(text, "message", message);
	if (body && body->length) {
		ct_text_add(text, ">");
		ct_xml_add(text, body->data);
		ct_text_addf(text, "</%s>\n", tag);
	} else {
		ct_text_add(text, "/>\n");
	}
}

static void add_failures(const struct ct_snapshot *snapshot, enum ct_finding_kind kind, struct ct_text *text)
{
	struct ct_text body = { 0 };
	size_t told = 0;

	for (size_t i = 0; i < snapshot->findings->count && told < FAILURES_MAX; i++) {
		const struct ct_finding *finding = &snapshot->findings->list[i];

		if (finding->kind != kind || !fails(snapshot, finding))
			continue;
		ct_text_clear(&body);
		add_story(snapshot, finding, &body);
		add_element(text, "failure", ct_severity_name(finding->severity), finding->evidence, &body);
		told++;
	}
	text->failed |= body.failed;
	ct_text_done(&body);
}

static void add_skipped(const struct ct_snapshot *snapshot, enum ct_finding_kind kind, struct ct_text *text)
{
	if (count_of(snapshot, kind, is_doubtful))
		add_element(text, "skipped", NULL, "suspected only: the evidence was weakened", NULL);
	else if (is_undecided(snapshot, kind))
		add_element(text, "skipped", NULL, snapshot->findings->undecided[0].why, NULL);
	else
		add_element(text, "skipped", NULL, "what lives is younger than --min-age", NULL);
}

/* What did not make it fail, and what failed beyond the bound. */
static void add_output(const struct ct_snapshot *snapshot, enum ct_finding_kind kind, struct ct_text *text)
{
	struct ct_text body = { 0 };
	size_t failed = 0, left_out = 0, told = 0;

	for (size_t i = 0; i < snapshot->findings->count; i++) {
		const struct ct_finding *finding = &snapshot->findings->list[i];
		bool is_failure = fails(snapshot, finding);

		if (finding->kind != kind)
			continue;
		if (is_failure && failed++ < FAILURES_MAX)
			continue;
		if (is_failure || told == FAILURES_MAX)
			left_out++;
		else if (++told)
			add_story(snapshot, finding, &body);
	}
	for (size_t i = 0; is_undecided(snapshot, kind) && i < snapshot->findings->undecided_count && i < FAILURES_MAX; i++) {
		ct_text_add_grouped(&body, snapshot->findings->undecided[i].count);
		ct_text_addf(&body, " undecided: %s\n", snapshot->findings->undecided[i].why);
	}
	if (left_out)
		ct_text_addf(&body, "%zu more\n", left_out);
	if (body.length)
		add_element(text, "system-out", NULL, NULL, &body);
	text->failed |= body.failed;
	ct_text_done(&body);
}

/* Where the first finding that made it fail is, for those who show a case at its place. */
static void add_place(const struct ct_snapshot *snapshot, enum ct_finding_kind kind, struct ct_text *text)
{
	char line[16];

	for (size_t i = 0; i < snapshot->findings->count; i++) {
		const struct ct_finding *finding = &snapshot->findings->list[i];
		struct ct_frame frame;

		if (finding->kind != kind || !fails(snapshot, finding) || !ct_place_frame(snapshot, finding->site, &frame))
			continue;
		ct_xml_attribute(text, "file", ct_place_of(snapshot, &frame).path);
		snprintf(line, sizeof(line), "%" PRIu32, frame.line);
		if (frame.line)
			ct_xml_attribute(text, "line", line);
		return;
	}
}

static void add_case(const struct ct_snapshot *snapshot, enum ct_finding_kind kind, const char *program,
		     struct ct_text *text)
{
	struct ct_text inside = { 0 };

	ct_text_add(text, "  <testcase");
	ct_xml_attribute(text, "classname", program);
	ct_xml_attribute(text, "name", ct_finding_name(kind));
	add_place(snapshot, kind, text);
	ct_text_add(text, " time=\"0.000\"");
	add_failures(snapshot, kind, &inside);
	if (is_skipped(snapshot, kind))
		add_skipped(snapshot, kind, &inside);
	add_output(snapshot, kind, &inside);
	if (inside.length)
		ct_text_addf(text, ">\n%s  </testcase>\n", inside.data);
	else
		ct_text_add(text, "/>\n");
	text->failed |= inside.failed;
	ct_text_done(&inside);
}

static void add_property(struct ct_text *text, const char *name, const char *value)
{
	ct_text_add(text, "   <property");
	ct_xml_attribute(text, "name", name);
	ct_xml_attribute(text, "value", value);
	ct_text_add(text, "/>\n");
}

static void add_properties(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	char number[32];

	ct_text_add(text, "  <properties>\n");
	add_property(text, "ctxtrace", CTXTRACE_VERSION);
	add_property(text, "verdict", ct_tree_is_incomplete(snapshot->tree) ? "incomplete" : "complete");
	snprintf(number, sizeof(number), "%" PRIu64, snapshot->findings->suppressed);
	add_property(text, "suppressed", number);
	snprintf(number, sizeof(number), "%zu", snapshot->findings->undecided_count);
	add_property(text, "undecided", number);
	ct_text_add(text, "  </properties>\n");
}

/* How many test cases there are of each sort, as attributes. */
static void add_counts(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	uint64_t duration_ns = ct_window_duration(snapshot);
	unsigned int failed = 0, skipped = 0;

	for (unsigned int kind = 0; kind < CT_FINDING_END; kind++) {
		failed += is_failed(snapshot, (enum ct_finding_kind)kind);
		skipped += is_skipped(snapshot, (enum ct_finding_kind)kind);
	}
	ct_text_addf(text, " tests=\"%d\" failures=\"%u\" errors=\"0\" skipped=\"%u\" time=\"%" PRIu64 ".%03" PRIu64 "\"",
		     CT_FINDING_END, failed, skipped, duration_ns / CT_NSEC_PER_SEC,
		     duration_ns % CT_NSEC_PER_SEC / CT_NSEC_PER_MSEC);
}

static int write_junit(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	const struct ct_window *window = ct_tree_window(snapshot->tree);
	const char *program = *window->exe ? ct_base_name(window->exe) : "unknown program";
	char start[CT_TIMESTAMP_BYTES];

	ct_text_add(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ctxtrace\"");
	add_counts(snapshot, text);
	ct_text_add(text, ">\n <testsuite name=\"ctxtrace\"");
	add_counts(snapshot, text);
	if (ct_window_start(snapshot, start))
		ct_xml_attribute(text, "timestamp", start);
	ct_text_add(text, ">\n");
	add_properties(snapshot, text);
	for (unsigned int kind = 0; kind < CT_FINDING_END; kind++)
		add_case(snapshot, (enum ct_finding_kind)kind, program, text);
	ct_text_add(text, " </testsuite>\n</testsuites>\n");
	return 0;
}

const struct ct_reporter ct_reporter_junit = {
	.name = "junit",
	.describe = "for continuous integration, JUnit XML",
	.write = write_junit,
};
