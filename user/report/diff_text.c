// SPDX-License-Identifier: Apache-2.0
#include "report/diff.h"
#include "report/paragraph.h"
#include "report/summary.h"
#include "report/text_finding.h"

#include <string.h>

#define NAME_COLUMNS 36
#define EXE_COLUMNS 20

static const char *const titles[] = { "HINT", "WARNING", "LEAK" };

/* "A  before.json  shopd  go1.26.8  watched 30.0 s, complete" */
static void add_report(const struct ct_diff *diff, int which, struct ct_text *text)
{
	const struct ct_digest *report = diff->reports[which];

	ct_text_addf(text, "%c  ", 'A' + which);
	ct_text_add_short(text, ct_base_name(diff->names[which]), NAME_COLUMNS);
	ct_text_add(text, "  ");
	ct_text_add_short(text, report->exe ? ct_base_name(report->exe) : "unknown program", EXE_COLUMNS);
	ct_text_add(text, "  ");
	if (report->runtime_version) {
		ct_text_add_short(text, report->runtime_version, EXE_COLUMNS);
		ct_text_add(text, "  ");
	}
	ct_text_add(text, report->is_census ? "census" : "watched ");
	if (!report->is_census)
		ct_text_add_duration(text, report->duration_ns);
	ct_text_add(text, report->is_incomplete ? ", incomplete\n" : ", complete\n");
}

static void add_notes(const struct ct_diff *diff, struct ct_text *text)
{
	const char *at = diff->notes.length ? diff->notes.data : "";

	while (*at) {
		size_t length = strcspn(at, "\n"), from;

		ct_text_add(text, "   ");
		from = text->length - 3;
		ct_text_append(text, at, length);
		ct_text_add(text, "\n");
		ct_text_fold(text, from, 3);
		at += length + 1;
	}
}

static void add_summary(const struct ct_diff *diff, struct ct_text *text)
{
	const char *separator = "";

	for (int change = 0; change < CT_CHANGE_END; change++) {
		ct_text_add(text, separator);
		ct_text_add_grouped(text, diff->counts[change]);
		ct_text_addf(text, " %s", ct_change_name((enum ct_change)change));
		separator = ", ";
	}
	ct_text_add(text, diff->is_by_rate ? "; compared per minute\n" : "; compared by count\n");
}

static void add_rate(struct ct_text *text, const struct ct_digest *report, const struct ct_digest_finding *finding)
{
	uint64_t milli = finding->rate_per_min_milli;

	if (!milli || report->is_census)
		return;
	ct_text_add(text, " (");
	if (milli < 100000)
		ct_text_addf(text, "%.1f", (double)milli / 1000);
	else
		ct_text_add_grouped(text, (milli + 500) / 1000);
	ct_text_add(text, "/min)");
}

/* ": 20 (40.0/min), was 5 (10.0/min)" */
static void add_counts(const struct ct_diff *diff, const struct ct_diff_row *row, struct ct_text *text)
{
	struct ct_text part = { 0 };

	ct_text_add(text, ":");
	if (row->b) {
		ct_text_add(&part, " ");
		ct_text_add_grouped(&part, row->b->count);
		add_rate(&part, diff->reports[1], row->b);
	}
	if (row->a) {
		ct_text_add(&part, row->b ? ", was " : " was ");
		ct_text_add_grouped(&part, row->a->count);
		add_rate(&part, diff->reports[0], row->a);
	}
	if (row->a && row->b && row->a->severity != row->b->severity)
		ct_text_addf(&part, ", was a %s", ct_severity_name(row->a->severity));
	ct_text_move_part(text, CT_LABEL_INDENT, &part);
	ct_text_add(text, "\n");
	ct_text_done(&part);
}

static void add_row(const struct ct_diff *diff, const struct ct_diff_row *row, struct ct_text *text)
{
	static const char *const changes[] = { "NEW", "GROWN", "GONE", "unchanged" };
	const struct ct_digest_finding *finding = row->b ? row->b : row->a;

	ct_text_addf(text, "\n%s %s %s, %s", changes[row->change], titles[finding->severity],
		     ct_finding_name(finding->kind), ct_confidence_name(finding->confidence));
	add_counts(diff, row, text);
	ct_text_addf(text, "%*ssite", CT_LABEL_INDENT, "");
	for (uint32_t i = 0; i < finding->frames_count; i++)
		ct_text_add_frame(text, &finding->frames[i]);
	if (!finding->frames_count)
		ct_text_add(text, "      at a place nobody saw\n");
}

void ct_diff_text(const struct ct_diff *diff, struct ct_text *text)
{
	add_report(diff, 0, text);
	add_report(diff, 1, text);
	add_notes(diff, text);
	add_summary(diff, text);
	for (size_t i = 0; i < diff->count; i++)
		add_row(diff, &diff->rows[i], text);
}
