// SPDX-License-Identifier: Apache-2.0
/* A comparison for programs, schema "ctxtrace-diff/1". Fields are added, never renamed. */
#include "report/diff.h"
#include "report/json_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const sides[] = { "a", "b" };

static void write_report(struct ct_json *json, const struct ct_diff *diff, int which)
{
	const struct ct_digest *report = diff->reports[which];

	ct_json_open(json, sides[which], '{');
	ct_json_string(json, "name", diff->names[which]);
	ct_json_string(json, "exe", report->exe);
	ct_json_string(json, "runtime_version", report->runtime_version);
	ct_json_string(json, "build_id", report->build_id);
	if (report->duration_ns)
		ct_json_seconds(json, "duration_s", report->duration_ns);
	else
		ct_json_null(json, "duration_s");
	ct_json_bool(json, "census", report->is_census);
	ct_json_string(json, "verdict", report->is_incomplete ? "incomplete" : "complete");
	ct_json_number(json, "undecided", report->undecided);
	ct_json_close(json, '}');
}

static void write_notes(struct ct_json *json, const struct ct_text *notes)
{
	const char *at = notes->length ? notes->data : "";
	char line[400];

	ct_json_open(json, "notes", '[');
	while (*at) {
		size_t length = strcspn(at, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)length, at);
		ct_json_string(json, NULL, line);
		at += length + 1;
	}
	ct_json_close(json, ']');
}

static void write_side(struct ct_json *json, const struct ct_diff *diff, int which,
		       const struct ct_digest_finding *finding)
{
	uint64_t milli;

	if (!finding) {
		ct_json_null(json, sides[which]);
		return;
	}
	milli = diff->reports[which]->is_census ? 0 : finding->rate_per_min_milli;
	ct_json_open(json, sides[which], '{');
	ct_json_string(json, "severity", ct_severity_name(finding->severity));
	ct_json_string(json, "confidence", ct_confidence_name(finding->confidence));
	ct_json_number(json, "count", finding->count);
	if (milli)
		ct_json_signed_milli(json, "rate_per_min", (int64_t)milli);
	else
		ct_json_null(json, "rate_per_min");
	ct_json_close(json, '}');
}

static void write_frames(struct ct_json *json, const struct ct_digest_finding *finding)
{
	ct_json_open(json, "frames", '[');
	for (uint32_t i = 0; i < finding->frames_count; i++) {
		const struct ct_frame *frame = &finding->frames[i];

		ct_json_open(json, NULL, '{');
		ct_json_string(json, "function", frame->function);
		ct_json_string(json, "file", *frame->file ? frame->file : NULL);
		if (frame->line)
			ct_json_number(json, "line", frame->line);
		else
			ct_json_null(json, "line");
		ct_json_close(json, '}');
	}
	ct_json_close(json, ']');
}

static void write_row(struct ct_json *json, const struct ct_diff *diff, const struct ct_diff_row *row)
{
	const struct ct_digest_finding *finding = row->b ? row->b : row->a;
	char number[32];

	ct_json_open(json, NULL, '{');
	ct_json_string(json, "change", ct_change_name(row->change));
	ct_json_string(json, "kind", ct_finding_name(finding->kind));
	snprintf(number, sizeof(number), "%016" PRIx64, finding->fingerprint);
	ct_json_string(json, "fingerprint", number);
	write_side(json, diff, 0, row->a);
	write_side(json, diff, 1, row->b);
	write_frames(json, finding);
	ct_json_close(json, '}');
}

void ct_diff_json(const struct ct_diff *diff, struct ct_text *text)
{
	struct ct_json json = { .text = text };

	ct_json_open(&json, NULL, '{');
	ct_json_string(&json, "schema", "ctxtrace-diff/1");
	write_report(&json, diff, 0);
	write_report(&json, diff, 1);
	ct_json_string(&json, "compared_by", diff->is_by_rate ? "rate" : "count");
	write_notes(&json, &diff->notes);
	ct_json_open(&json, "counts", '{');
	for (int change = 0; change < CT_CHANGE_END; change++)
		ct_json_number(&json, ct_change_name((enum ct_change)change), diff->counts[change]);
	ct_json_close(&json, '}');
	ct_json_open(&json, "findings", '[');
	for (size_t i = 0; i < diff->count; i++)
		write_row(&json, diff, &diff->rows[i]);
	ct_json_close(&json, ']');
	ct_json_close(&json, '}');
	ct_text_add(text, "\n");
}
