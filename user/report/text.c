// SPDX-License-Identifier: Apache-2.0
/* The report for people: what leaks, who made it, what keeps it, how that is known, what to do. */
#include "base/text.h"
#include "base/time.h"
#include "report/explain.h"
#include "report/paragraph.h"
#include "report/summary.h"
#include "report/text_baseline.h"
#include "report/text_census.h"
#include "report/text_deadlines.h"
#include "report/text_finding.h"
#include "report/text_tree.h"
#include "report/text_verdict.h"

#include <inttypes.h>
#include <string.h>

#define COUNTS_COLUMN 10

/* " none lost: complete" */
static void add_quality(const struct ct_snapshot *snapshot, struct ct_text *part)
{
	uint64_t lost = ct_lost_events(snapshot), refused = ct_refused(snapshot);
	uint64_t gaps = ct_tree_totals(snapshot->tree)->gaps;

	ct_text_add(part, " ");
	if (lost || gaps || !refused) {
		if (lost)
			ct_text_add_grouped(part, lost);
		ct_text_add(part, lost ? " lost" : "none lost");
	}
	if (gaps) {
		ct_text_add(part, " in ");
		ct_text_add_grouped(part, gaps);
		ct_text_add(part, gaps == 1 ? " gap" : " gaps");
	}
	if (refused) {
		ct_text_add(part, lost || gaps ? ", " : "");
		ct_text_add_grouped(part, refused);
		ct_text_add(part, " refused at a cap");
	}
	ct_text_add(part, ct_tree_is_incomplete(snapshot->tree) ? ": incomplete" : ": complete");
}

static void add_watch(const struct ct_snapshot *snapshot, struct ct_text *text, struct ct_text *part)
{
	ct_text_add(part, "  watched ");
	ct_text_add_duration(part, ct_window_duration(snapshot));
	ct_text_add(part, ", ");
	ct_text_add_grouped(part, ct_tree_totals(snapshot->tree)->events);
	ct_text_add(part, " events,");
	ct_text_move_part(text, CT_LABEL_INDENT, part);
	add_quality(snapshot, part);
}

/* "; the program stood still for 0.11 s" */
static void add_pause(const struct ct_snapshot *snapshot, struct ct_text *text, struct ct_text *part)
{
	uint64_t paused_ns = ct_tree_totals(snapshot->tree)->paused_ns;

	if (!paused_ns)
		return;
	ct_text_add(part, ";");
	ct_text_move_part(text, CT_LABEL_INDENT, part);
	ct_text_add(part, " the program stood still for ");
	ct_text_add_duration(part, paused_ns);
}

/* "  memory read 2 times in 1.2 s: complete" */
static void add_readings(const struct ct_snapshot *snapshot, struct ct_text *part)
{
	const struct ct_totals *totals = ct_tree_totals(snapshot->tree);

	uint64_t readings = totals->scans + totals->failed_scans;

	ct_text_add(part, "  memory read ");
	if (readings != 1) {
		ct_text_add_grouped(part, readings);
		ct_text_add(part, " times in ");
		ct_text_add_duration(part, ct_window_duration(snapshot));
	} else {
		ct_text_add(part, "once");
	}
	if (totals->failed_scans) {
		ct_text_add(part, ", ");
		ct_text_add_grouped(part, totals->failed_scans);
		ct_text_add(part, " not completely");
	}
	ct_text_add(part, ct_tree_is_incomplete(snapshot->tree) ? ": incomplete" : ": complete");
}

static void add_header(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	const struct ct_window *window = ct_tree_window(snapshot->tree);
	const char *runtime = window->runtime == CT_RUNTIME_GO ? "go" : "C";
	struct ct_text part = { 0 };

	ct_text_add_colour(snapshot, text, CT_TEXT_BOLD);
	ct_text_add_short(text, *window->exe ? ct_base_name(window->exe) : "unknown program", 32);
	ct_text_add_colour(snapshot, text, CT_TEXT_PLAIN);
	ct_text_addf(text, "  pid %" PRIu32 "  ", window->pid);
	ct_text_add_short(text, *window->runtime_version ? window->runtime_version : runtime, 20);
	ct_text_add(text, window->is_unknown_release ? ", unknown, layout verified" : "");
	ct_text_add(text, window->is_stripped ? ", stripped" : "");
	if (ct_window_is_census(window))
		add_readings(snapshot, &part);
	else
		add_watch(snapshot, text, &part);
	add_pause(snapshot, text, &part);
	ct_text_move_part(text, CT_LABEL_INDENT, &part);
	ct_text_add(text, "\n");
	ct_text_done(&part);
}

static void add_count(struct ct_text *text, uint64_t count, const char *what)
{
	struct ct_text part = { 0 };

	ct_text_add(&part, "   ");
	ct_text_add_grouped(&part, count);
	ct_text_addf(&part, " %s", what);
	ct_text_move_part(text, COUNTS_COLUMN, &part);
	ct_text_done(&part);
}

static void add_contexts(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	const struct ct_totals *totals = ct_tree_totals(snapshot->tree);

	ct_text_add(text, "contexts  ");
	if (ct_window_is_census(ct_tree_window(snapshot->tree))) {
		ct_text_add_grouped(text, totals->live);
		ct_text_add(text, " live\n");
		return;
	}
	ct_text_add_grouped(text, totals->created);
	ct_text_add(text, " created");
	add_count(text, totals->ended[CT_REASON_EXPLICIT], "cancelled");
	add_count(text, totals->ended[CT_REASON_DEADLINE], "by deadline");
	add_count(text, totals->ended[CT_REASON_PARENT], "by parent");
	if (totals->ended[CT_REASON_FREED])
		add_count(text, totals->ended[CT_REASON_FREED], "freed");
	add_count(text, totals->live, "live");
	ct_text_add(text, "\n");
	if (!totals->requests_started)
		return;
	ct_text_add(text, "requests  ");
	ct_text_add_grouped(text, totals->requests_started);
	ct_text_add(text, " begun");
	add_count(text, totals->requests_live, "being served");
	ct_text_add(text, "\n");
}

static void add_undecided(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	const struct ct_findings *findings = snapshot->findings;

	for (size_t i = 0; i < findings->undecided_count; i++) {
		const struct ct_undecided *item = &findings->undecided[i];

		ct_text_add(text, "\nundecided: ");
		ct_text_add_grouped(text, item->count);
		ct_text_add(text, " old and uncancelled, oldest ");
		ct_text_add_duration(text, item->oldest_ns);
		ct_text_add(text, "\n");
		ct_text_add_frames(text, "created", ct_text_site(snapshot, item->site), 2);
		ct_text_add_paragraph(text, CT_LABEL_INDENT, CT_LABEL_COLUMN, "why", item->why);
		if (!ct_window_is_census(ct_tree_window(snapshot->tree)))
			ct_text_add_held(snapshot, text, item->site, item->context_kind);
	}
}

static int write_text(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	int rc;

	add_header(snapshot, text);
	add_contexts(snapshot, text);
	for (size_t i = 0; i < snapshot->findings->count; i++)
		ct_text_add_finding(snapshot, &snapshot->findings->list[i], text);
	add_undecided(snapshot, text);
	ct_text_add_baseline(snapshot, text);
	ct_text_add_verdict(snapshot, text);
	rc = ct_text_add_census(snapshot, text);
	ct_text_add_deadlines(snapshot, text);
	if (!rc)
		rc = ct_text_add_explain(snapshot, text);
	if (!rc && snapshot->with_tree)
		rc = ct_text_add_tree(snapshot, text);
	return rc;
}

const struct ct_reporter ct_reporter_text = {
	.name = "text",
	.describe = "for people",
	.write = write_text,
};
