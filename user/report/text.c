// SPDX-License-Identifier: Apache-2.0
/* The report for people: what leaks, who made it, what keeps it, how that is known, what to do. */
#include "base/text.h"
#include "base/time.h"
#include "report/explain.h"
#include "report/paragraph.h"
#include "report/summary.h"
#include "report/text_census.h"
#include "report/text_tree.h"
#include "report/text_verdict.h"

#include <inttypes.h>
#include <string.h>

#define LABEL_INDENT 2
#define LABEL_COLUMN 12
#define COUNTS_COLUMN 10
#define PLACE_COLUMN 64
#define NAME_COLUMNS (PLACE_COLUMN - LABEL_COLUMN - 2)
#define LINE_COLUMNS 11 /* ":4294967295" */
#define FRAMES_MAX 4
#define RATE_SHOWN_MILLI 50 /* less is +0.0 a minute */
#define RATE_WHOLE_MILLI 100000 /* from here on tenths say nothing */
#define DEADLINES_MAX 3

#define BOLD "\033[1m"
#define RED "\033[1;31m"
#define YELLOW "\033[1;33m"
#define PLAIN "\033[0m"

static void add_colour(const struct ct_snapshot *snapshot, struct ct_text *text, const char *code)
{
	if (snapshot->with_colour)
		ct_text_add(text, code);
}

/* Move a part to the current line, or to the next where it does not fit. */
static void add_part(struct ct_text *text, size_t indent, struct ct_text *part)
{
	text->failed |= part->failed;
	if (part->length)
		ct_text_add_part(text, indent, part->data);
	ct_text_clear(part);
}

/* "client.go:41", or nothing when neither is known. */
static void add_place(struct ct_text *text, const struct ct_frame *frame, size_t columns)
{
	ct_text_add_short(text, ct_base_name(frame->file), columns - LINE_COLUMNS);
	if (frame->line)
		ct_text_addf(text, ":%" PRIu32, frame->line);
}

/* "main.(*Client).Call    client.go:41" */
static void add_frame(struct ct_text *text, const struct ct_frame *frame)
{
	ct_text_pad(text, LABEL_COLUMN);
	ct_text_add_short(text, ct_base_name(frame->function), NAME_COLUMNS);
	if (*frame->file || frame->line) {
		ct_text_add(text, "  ");
		ct_text_pad(text, PLACE_COLUMN);
		add_place(text, frame, CT_COLUMNS - PLACE_COLUMN);
	}
	ct_text_add(text, "\n");
}

/* NULL for the site nobody saw. */
static const struct ct_site *site_of(const struct ct_snapshot *snapshot, uint32_t index)
{
	return index == CT_SITE_UNKNOWN ? NULL : ct_tree_site(snapshot->tree, index);
}

static void add_frames(struct ct_text *text, const char *label, const struct ct_site *site, int most)
{
	struct ct_frame frame;
	uint32_t cursor = 0;
	int shown = 0;

	ct_text_addf(text, "%*s%s", LABEL_INDENT, "", label);
	while (site && shown < most && ct_frame_next(site, &cursor, &frame)) {
		add_frame(text, &frame);
		shown++;
	}
	if (shown)
		return;
	ct_text_pad(text, LABEL_COLUMN);
	ct_text_add(text, "at a site nobody saw: before the attach, or its stack could not be read\n");
}

/* Where work is now: below what the runtime does to make it wait. */
static void add_whereabouts(struct ct_text *text, const struct ct_site *site)
{
	struct ct_site rest = *site;
	struct ct_frame frame;
	uint32_t cursor = 0, before = 0;

	while (ct_frame_next(site, &cursor, &frame) && !strncmp(frame.function, "runtime.", 8))
		before = cursor;
	if (before < site->packed_bytes) {
		rest.packed = site->packed + before;
		rest.packed_bytes = (uint16_t)(site->packed_bytes - before);
	}
	add_frames(text, "now at", &rest, FRAMES_MAX);
}

static void add_parent(const struct ct_snapshot *snapshot, const struct ct_finding *finding, struct ct_text *text)
{
	const struct ct_context *example = finding->examples_count ?
						   ct_tree_context(snapshot->tree, finding->examples[0]) : NULL;
	const struct ct_context *parent = example ? ct_tree_parent(snapshot->tree, example) : NULL;
	const struct ct_site *site;
	struct ct_frame frame;
	uint32_t cursor = 0;

	if (!finding->parent_id || !parent)
		return;
	site = ct_tree_site(snapshot->tree, parent->site);
	ct_text_addf(text, "%*sparent", LABEL_INDENT, "");
	ct_text_pad(text, LABEL_COLUMN);
	if (site && parent->site != CT_SITE_UNKNOWN && ct_frame_next(site, &cursor, &frame)) {
		ct_text_add_short(text, ct_base_name(frame.function), 30);
		ct_text_add(text, *frame.file ? "  " : "");
		add_place(text, &frame, 30);
		ct_text_add(text, ", ");
	}
	ct_text_add(text, parent->state & CT_CONTEXT_ENDED ? "ended" : "live");
	if (parent->state & CT_CONTEXT_ADOPTED)
		ct_text_add(text, ", created before the attach");
	ct_text_add(text, "\n");
}

/* " about 138 kB kept by their parent" */
static void add_retention(const struct ct_finding *finding, struct ct_text *part)
{
	bool is_one = finding->live == 1;
	const char *const keepers[] = {
		is_one ? "its parent" : finding->parent_id ? "their parent" : "their parents",
		is_one ? "its timer" : "their timers",
		is_one ? "a goroutine" : "goroutines",
	};
	const char *separator = "";

	ct_text_add(part, " about ");
	ct_text_add_bytes(part, finding->retained_bytes);
	ct_text_add(part, " kept by ");
	for (int i = 0; i < 3; i++) {
		if (!(finding->retained_by & 1 << i))
			continue;
		ct_text_addf(part, "%s%s", separator, keepers[i]);
		separator = " and ";
	}
}

static void add_rate(struct ct_text *text, uint64_t per_min_milli)
{
	ct_text_add(text, ", +");
	if (per_min_milli < RATE_WHOLE_MILLI)
		ct_text_addf(text, "%.1f", (double)per_min_milli / 1000);
	else
		ct_text_add_grouped(text, (per_min_milli + 500) / 1000);
	ct_text_add(text, "/min");
}

/* "150 live", "150 live of 200", "200 made, none live" */
static void add_counts(struct ct_text *text, const struct ct_finding *finding)
{
	static const char *const running[] = { " live", " running", " being served" };

	ct_text_add_grouped(text, finding->live ? finding->live : finding->count);
	ct_text_add(text, finding->live ? running[finding->subject] : " made, none live");
	if (finding->live && finding->live < finding->count) {
		ct_text_add(text, " of ");
		ct_text_add_grouped(text, finding->count);
	}
}

static void add_headline(const struct ct_snapshot *snapshot, const struct ct_finding *finding, struct ct_text *text)
{
	static const char *const titles[] = { "HINT", "WARNING", "LEAK" };
	bool is_leak = finding->severity == CT_SEVERITY_LEAK;
	struct ct_text part = { 0 };

	add_colour(snapshot, text, is_leak ? RED : YELLOW);
	ct_text_addf(text, "%s %s", titles[finding->severity], ct_finding_name(finding->kind));
	add_colour(snapshot, text, PLAIN);
	ct_text_addf(text, ", %s: ", ct_confidence_name(finding->confidence));
	add_counts(text, finding);
	if (finding->count > 1 && finding->rate_per_min_milli >= RATE_SHOWN_MILLI)
		add_rate(text, finding->rate_per_min_milli);
	if (finding->oldest_ns) {
		ct_text_add(text, finding->live ? ", oldest " : ", longest ");
		ct_text_add_duration(text, finding->oldest_ns);
	}
	if (finding->live && finding->retained_by) {
		ct_text_add(text, ",");
		add_retention(finding, &part);
	}
	add_part(text, LABEL_INDENT, &part);
	ct_text_add(text, "\n");
	ct_text_done(&part);
}

static void add_finding(const struct ct_snapshot *snapshot, const struct ct_finding *finding, struct ct_text *text)
{
	static const char *const labels[] = { "created", "started", "handler" };

	ct_text_add(text, "\n");
	add_headline(snapshot, finding, text);
	add_frames(text, labels[finding->subject], site_of(snapshot, finding->site), FRAMES_MAX);
	add_parent(snapshot, finding, text);
	if (finding->at != CT_SITE_UNKNOWN)
		add_whereabouts(text, site_of(snapshot, finding->at));
	ct_text_add_paragraph(text, LABEL_INDENT, LABEL_COLUMN, "evidence", finding->evidence);
	ct_text_add_paragraph(text, LABEL_INDENT, LABEL_COLUMN, "do", finding->advice);
}

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
	add_part(text, LABEL_INDENT, part);
	add_quality(snapshot, part);
}

/* "; the program stood still for 0.11 s" */
static void add_pause(const struct ct_snapshot *snapshot, struct ct_text *text, struct ct_text *part)
{
	uint64_t paused_ns = ct_tree_totals(snapshot->tree)->paused_ns;

	if (!paused_ns)
		return;
	ct_text_add(part, ";");
	add_part(text, LABEL_INDENT, part);
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
	ct_text_add(part, ct_tree_is_incomplete(snapshot->tree) || totals->failed_scans ? ": incomplete" : ": complete");
}

static void add_header(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	const struct ct_window *window = ct_tree_window(snapshot->tree);
	const char *runtime = window->runtime == CT_RUNTIME_GO ? "go" : "C";
	struct ct_text part = { 0 };

	add_colour(snapshot, text, BOLD);
	ct_text_add_short(text, *window->exe ? ct_base_name(window->exe) : "unknown program", 32);
	add_colour(snapshot, text, PLAIN);
	ct_text_addf(text, "  pid %" PRIu32 "  ", window->pid);
	ct_text_add_short(text, *window->runtime_version ? window->runtime_version : runtime, 20);
	ct_text_add(text, window->is_unknown_release ? ", unknown, layout verified" : "");
	ct_text_add(text, window->is_stripped ? ", stripped" : "");
	if (ct_window_is_census(window))
		add_readings(snapshot, &part);
	else
		add_watch(snapshot, text, &part);
	add_pause(snapshot, text, &part);
	add_part(text, LABEL_INDENT, &part);
	ct_text_add(text, "\n");
	ct_text_done(&part);
}

static void add_count(struct ct_text *text, uint64_t count, const char *what)
{
	struct ct_text part = { 0 };

	ct_text_add(&part, "   ");
	ct_text_add_grouped(&part, count);
	ct_text_addf(&part, " %s", what);
	add_part(text, COUNTS_COLUMN, &part);
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

/* The sites with the most deadlines that fired, the most frequent first. */
static void find_deadlines(const struct ct_tree *tree, const struct ct_cancel_group *top[DEADLINES_MAX])
{
	size_t count;
	const struct ct_cancel_group *groups = ct_tree_cancels(tree, &count);

	for (size_t i = 0; i < count; i++) {
		size_t at = DEADLINES_MAX;

		if (groups[i].reason != CT_REASON_DEADLINE)
			continue;
		while (at && (!top[at - 1] || groups[i].count > top[at - 1]->count))
			at--;
		for (size_t last = DEADLINES_MAX - 1; at < DEADLINES_MAX && last > at; last--)
			top[last] = top[last - 1];
		if (at < DEADLINES_MAX)
			top[at] = &groups[i];
	}
}

static void add_deadlines(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	uint64_t total = ct_tree_totals(snapshot->tree)->ended[CT_REASON_DEADLINE];
	const struct ct_cancel_group *top[DEADLINES_MAX] = { NULL };

	if (!total)
		return;
	ct_text_add(text, "\nwhy the ");
	ct_text_add_grouped(text, total);
	ct_text_add(text, total == 1 ? " deadline:\n" : " deadlines:\n");
	find_deadlines(snapshot->tree, top);
	for (size_t i = 0; i < DEADLINES_MAX && top[i]; i++) {
		struct ct_text label = { 0 };

		ct_text_add_grouped(&label, top[i]->count);
		ct_text_add(&label, " at ");
		text->failed |= label.failed;
		add_frames(text, label.data ? label.data : "", site_of(snapshot, top[i]->site), 1);
		ct_text_done(&label);
	}
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
		add_frames(text, "created", site_of(snapshot, item->site), 2);
		ct_text_add_paragraph(text, LABEL_INDENT, LABEL_COLUMN, "why", item->why);
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
		add_finding(snapshot, &snapshot->findings->list[i], text);
	add_undecided(snapshot, text);
	ct_text_add_verdict(snapshot, text);
	rc = ct_text_add_census(snapshot, text);
	if (snapshot->findings->count || snapshot->findings->undecided_count)
		add_deadlines(snapshot, text);
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
