// SPDX-License-Identifier: Apache-2.0
/*
 * golden_runner [--update] DIRECTORY: play a story (text event stream) through the text codec, the tree, the detectors
 * and the reports, and compare with what the directory expects. --update rewrites the expectations; the claim in the
 * stream itself ("#! finds ...") is never rewritten and must hold first, and so must what golden_rules.h says of every
 * report.
 *
 * The story is played twice into two trees and must give the same report: replay is exact.
 */
#include "golden_case.h"
#include "golden_findings.h"
#include "golden_json.h"
#include "golden_rules.h"
#include "golden_stream.h"

#include "ctxtrace/report.h"
#include "report/baseline.h"
#include "report/suppress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * What a case expects, and how it is made: by a reporter of this name, or as plain findings. What is optional is compared
 * where the file is there; an empty one asks --update to write it.
 */
static const struct {
	const char *file;
	const char *format;
	bool is_optional;
} expectations[] = {
	{ "expect.findings", NULL, false },
	{ "expect.txt", "text", false },
	{ "expect.json", "json", true },
	{ "expect.folded", "folded", true },
	{ "expect.sarif", "sarif", true },
	{ "expect.junit", "junit", true },
	{ "expect.trace", "trace", true },
	{ "expect.pprof", "pprof", true }, // binary: for comparing two playings, not for a reviewer
};

#define EXPECTATIONS (sizeof(expectations) / sizeof(expectations[0]))

/* One playing of the story. */
struct playing {
	struct ct_tree *tree;
	struct ct_findings findings;
	struct ct_baseline *baseline;
	struct ct_text texts[EXPECTATIONS];
};

static void playing_done(struct playing *playing)
{
	ct_findings_done(&playing->findings);
	ct_baseline_free(playing->baseline);
	ct_tree_free(playing->tree);
	for (size_t i = 0; i < EXPECTATIONS; i++)
		ct_text_done(&playing->texts[i]);
}

static bool is_suppressed(void *opaque, const struct ct_tree *tree, const struct ct_finding *finding)
{
	return ct_suppressions_match(opaque, tree, finding);
}

static int load_suppressions(const struct golden_case *golden, struct ct_suppressions **ret, struct ct_error *reterr)
{
	struct ct_text path = { 0 }, text = { 0 };
	int rc = golden_read(golden, "suppress.txt", &text);

	if (!rc) {
		ct_text_addf(&path, "%s/suppress.txt", golden->directory);
		rc = path.failed ? -ENOMEM : ct_suppressions_load(path.data, ret, reterr);
	} else if (rc == -ENOENT) {
		rc = 0;
	}
	ct_text_done(&path);
	ct_text_done(&text);
	return rc;
}

/* As --baseline does it. */
static int mark(const struct golden_case *golden, struct playing *playing, struct ct_error *reterr)
{
	struct ct_text path = { 0 }, text = { 0 };
	int rc = golden_read(golden, "baseline.txt", &text);

	if (!rc) {
		ct_text_addf(&path, "%s/baseline.txt", golden->directory);
		rc = path.failed ? -ENOMEM : ct_baseline_load(path.data, &playing->baseline, reterr);
		if (!rc)
			rc = ct_baseline_mark(playing->baseline, playing->tree, &playing->findings);
	} else if (rc == -ENOENT) {
		rc = 0;
	}
	ct_text_done(&path);
	ct_text_done(&text);
	return rc;
}

static int judge(const struct golden_case *golden, struct playing *playing, struct ct_error *reterr)
{
	struct ct_suppressions *suppressions = NULL;
	struct ct_detect_options options = { .min_age_ns = golden->min_age_ns, .grace_ns = 1000000000,
					     .is_age_chosen = golden->is_age_chosen };
	int rc = load_suppressions(golden, &suppressions, reterr);

	if (!rc) {
		options.is_suppressed = suppressions ? is_suppressed : NULL;
		options.opaque = suppressions;
		rc = ct_detect_run(playing->tree, ct_tree_window(playing->tree)->now_ns, &options, &ct_allocator_libc,
				   &playing->findings);
	}
	ct_suppressions_free(suppressions);
	return rc ?: mark(golden, playing, reterr);
}

static int render_report(const struct golden_case *golden, const struct playing *playing, const char *format,
			 struct ct_text *text)
{
	const struct ct_snapshot snapshot = {
		.tree = playing->tree,
		.findings = &playing->findings,
		.baseline = playing->baseline,
		.now_ns = ct_tree_window(playing->tree)->now_ns,
		.min_age_ns = golden->min_age_ns,
		.with_tree = golden->with_tree,
		.fail_on = CT_KINDS_LEAK,
		.strip_prefix = golden->strip_prefix[0] ? golden->strip_prefix : NULL,
	};

	const struct ct_reporter *reporter = ct_reporter_find(format);

	if (!reporter)
		return -ENOENT;
	return reporter->missing ? 0 : reporter->write(&snapshot, text);
}

static int render(const struct golden_case *golden, struct playing *playing)
{
	int rc = 0;

	for (size_t i = 0; i < EXPECTATIONS && !rc; i++) {
		if (expectations[i].format)
			rc = render_report(golden, playing, expectations[i].format, &playing->texts[i]);
		else
			golden_add_findings(&playing->texts[i], playing->tree, &playing->findings);
		if (playing->texts[i].failed)
			rc = -ENOMEM;
	}
	return rc;
}

static int play(const struct golden_case *golden, struct playing *playing, struct ct_error *reterr)
{
	struct ct_tree_options options = { .lost_age_ns = golden->min_age_ns, .max_lifetimes = CT_REPORT_LIFETIMES_MAX };
	int rc;

	*playing = (struct playing){ .tree = ct_tree_new(&ct_allocator_libc, &options) };
	if (!playing->tree)
		return -ENOMEM;
	rc = golden_stream_apply(golden->stream.data, playing->tree, reterr);
	if (!rc)
		rc = judge(golden, playing, reterr);
	if (!rc)
		rc = render(golden, playing);
	return rc;
}

/* Print what is claimed or found and not both. */
static void show_claims(const struct golden_case *golden, golden_claims found)
{
	for (unsigned int kind = 0; kind < CT_FINDING_END; kind++)
		for (unsigned int severity = 0; severity <= CT_SEVERITY_LEAK; severity++)
			for (unsigned int confidence = 0; confidence <= CT_CONFIDENCE_CONFIRMED; confidence++) {
				golden_claims bit = golden_claim(kind, severity, confidence);

				if ((found ^ golden->finds) & bit)
					fprintf(stderr, "%s: %s:%s:%s %s\n", golden->directory,
						ct_finding_name(kind), ct_severity_name(severity),
						ct_confidence_name(confidence),
						found & bit ? "is found, the story does not say so" : "is not found");
			}
}

/* The story's own claim, which no --update touches. */
static int check_claim(const struct golden_case *golden, const struct playing *playing)
{
	const struct ct_findings *findings = &playing->findings;
	golden_claims found = 0;

	for (size_t i = 0; i < findings->count; i++)
		found |= golden_claim(findings->list[i].kind, findings->list[i].severity,
				      findings->list[i].confidence);
	show_claims(golden, found);
	if (findings->undecided_count != golden->undecided)
		fprintf(stderr, "%s: %zu undecided, the story says %u\n", golden->directory,
			findings->undecided_count, golden->undecided);
	return found != golden->finds || findings->undecided_count != golden->undecided;
}

/* What holds for every report, whatever the story: no --update touches this either. */
static int check_rules(const struct golden_case *golden, const struct playing *playing)
{
	int broken = 0;

	for (size_t i = 0; i < EXPECTATIONS; i++) {
		const struct ct_text *text = &playing->texts[i];
		const char *format = expectations[i].format;

		if (format)
			broken |= golden_rules(golden->directory, format, text, &playing->findings);
	}
	return broken;
}

/* Print the first line that differs. */
static void show_difference(const char *file, const char *expected, const char *actual)
{
	size_t line = 1, start = 0, i = 0;

	for (; expected[i] && expected[i] == actual[i]; i++)
		if (expected[i] == '\n') {
			line++;
			start = i + 1;
		}
	fprintf(stderr, "%s:%zu differs\n- %.*s\n+ %.*s\n", file, line, (int)strcspn(expected + start, "\n"),
		expected + start, (int)strcspn(actual + start, "\n"), actual + start);
}

/* As the file has it: JSON with line breaks. */
static void add_for_file(struct ct_text *text, const struct playing *playing, size_t which)
{
	const char *format = expectations[which].format;
	const struct ct_text *made = &playing->texts[which];

	if (format && made->data && *made->data == '{')
		golden_add_json(text, made->data);
	else
		ct_text_append(text, made->data, made->length);
}

static int compare(const struct golden_case *golden, const struct playing *playing)
{
	int different = 0;

	for (size_t i = 0; i < EXPECTATIONS; i++) {
		struct ct_text expected = { 0 }, actual = { 0 };
		int rc = golden_read(golden, expectations[i].file, &expected);

		if (rc == -ENOENT && expectations[i].is_optional)
			continue;
		add_for_file(&actual, playing, i);
		if (rc || !expected.length) {
			fprintf(stderr, "%s/%s cannot be read: run with --update once and review it\n",
				golden->directory, expectations[i].file);
			different = 1;
		} else if (expected.length != actual.length || memcmp(expected.data, actual.data, actual.length)) {
			show_difference(expectations[i].file, expected.data, actual.data ? actual.data : "");
			different = 1;
		}
		ct_text_done(&expected);
		ct_text_done(&actual);
	}
	return different;
}

static int update(const struct golden_case *golden, const struct playing *playing)
{
	int rc = 0;

	for (size_t i = 0; i < EXPECTATIONS && !rc; i++) {
		struct ct_text old = { 0 }, made = { 0 };

		rc = golden_read(golden, expectations[i].file, &old);
		if (rc == -ENOENT && expectations[i].is_optional) {
			rc = 0;
			continue;
		}
		add_for_file(&made, playing, i);
		rc = made.failed ? -ENOMEM : golden_write(golden, expectations[i].file, &made);
		ct_text_done(&made);
		ct_text_done(&old);
	}
	if (rc)
		fprintf(stderr, "%s: cannot write the expectations: %s\n", golden->directory, strerror(-rc));
	return rc != 0;
}

static int compare_playings(const struct golden_case *golden, const struct playing *first, const struct playing *second)
{
	for (size_t i = 0; i < EXPECTATIONS; i++) {
		const struct ct_text *a = &first->texts[i], *b = &second->texts[i];

		if (a->length == b->length && (!a->length || !memcmp(a->data, b->data, a->length)))
			continue;
		fprintf(stderr, "%s: the same stream gave two different reports\n", golden->directory);
		return 1;
	}
	return 0;
}

static int run(const struct golden_case *golden, bool is_update, struct ct_error *reterr)
{
	struct playing first = { 0 }, second = { 0 };
	int status = 1;
	int rc = play(golden, &first, reterr);

	if (!rc)
		rc = play(golden, &second, reterr);
	if (rc && !reterr->message[0])
		ct_error_set(reterr, rc, "%s: %s", golden->directory, strerror(-rc));
	if (!rc && !check_claim(golden, &first) && !check_rules(golden, &first) && !compare_playings(golden, &first, &second))
		status = is_update ? update(golden, &first) : compare(golden, &first);
	playing_done(&first);
	playing_done(&second);
	return status;
}

int main(int argc, char **argv)
{
	bool is_update = argc == 3 && !strcmp(argv[1], "--update");
	struct golden_case golden = { 0 };
	struct ct_error error = CT_ERROR_INIT;
	int status = 1;

	if (argc != 2 && !is_update) {
		fprintf(stderr, "usage: golden_runner [--update] DIRECTORY\n");
		return 2;
	}
	if (!golden_case_load(argv[argc - 1], &golden, &error))
		status = run(&golden, is_update, &error);
	if (error.message[0])
		fprintf(stderr, "golden_runner: %s\n", error.message);
	golden_case_done(&golden);
	return status;
}
