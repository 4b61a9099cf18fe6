// SPDX-License-Identifier: Apache-2.0
/* The report for people: what leaks, who made it, what keeps it, how that is known, what to do. */
#include "base/text.h"
#include "base/time.h"
#include "report/paragraph.h"
#include "report/summary.h"
#include "report/text_tree.h"

#include <inttypes.h>
#include <string.h>

#define LABEL_INDENT 2
#define LABEL_COLUMN 12
#define PLACE_COLUMN 64
#define NAME_COLUMNS (PLACE_COLUMN - LABEL_COLUMN - 2)
#define FRAMES_MAX 4
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

/* "main.(*Client).Call    client.go:41" */
static void add_frame(struct ct_text *text, const struct ct_frame *frame)
{
	ct_text_pad(text, LABEL_COLUMN);
	ct_text_add_short(text, ct_base_name(frame->function), NAME_COLUMNS);
	if (*frame->file || frame->line) {
		ct_text_add(text, "  ");
		ct_text_pad(text, PLACE_COLUMN);
		ct_text_add_short(text, ct_base_name(frame->file), CT_COLUMNS - PLACE_COLUMN - 8);
		if (frame->line)
			ct_text_addf(text, ":%" PRIu32, frame->line);
	}
	ct_text_add(text, "\n");
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
		ct_text_add_short(text, ct_base_name(frame.function), 40);
		ct_text_add(text, "  ");
		ct_text_add_short(text, ct_base_name(frame.file), 24);
		ct_text_addf(text, ":%" PRIu32 ", ", frame.line);
	}
	ct_text_add(text, parent->state & CT_CONTEXT_ENDED ? "ended" : "live");
	if (parent->state & CT_CONTEXT_ADOPTED)
		ct_text_add(text, ", created before the attach");
	ct_text_add(text, "\n");
}

static void add_retention(const struct ct_finding *finding, struct ct_text *text)
{
	static const char *const keepers[] = { "parent", "timer", "goroutine" };
	const char *separator = "";

	if (!finding->retained_by)
		return;
	ct_text_add(text, ", about ");
	ct_text_add_bytes(text, finding->retained_bytes);
	ct_text_add(text, " kept by ");
	for (int i = 0; i < 3; i++) {
		if (!(finding->retained_by & 1 << i))
			continue;
		ct_text_addf(text, "%s%s", separator, keepers[i]);
		separator = " and ";
	}
}

static void add_headline(const struct ct_snapshot *snapshot, const struct ct_finding *finding, struct ct_text *text)
{
	static const char *const titles[] = { "HINT", "WARNING", "LEAK" };
	bool is_leak = finding->severity == CT_SEVERITY_LEAK;

	add_colour(snapshot, text, is_leak ? RED : YELLOW);
	ct_text_addf(text, "%s %s", titles[finding->severity], ct_finding_name(finding->kind));
	add_colour(snapshot, text, PLAIN);
	ct_text_addf(text, ", %s: ", ct_confidence_name(finding->confidence));
	ct_text_add_grouped(text, finding->live ? finding->live : finding->count);
	ct_text_add(text, finding->live ? " live" : " made");
	if (finding->rate_per_min_milli)
		ct_text_addf(text, ", +%.1f/min", (double)finding->rate_per_min_milli / 1000);
	if (finding->oldest_ns) {
		ct_text_add(text, ", oldest ");
		ct_text_add_duration(text, finding->oldest_ns);
	}
	add_retention(finding, text);
	ct_text_add(text, "\n");
}

static void add_finding(const struct ct_snapshot *snapshot, const struct ct_finding *finding, struct ct_text *text)
{
	const struct ct_site *site = finding->site == CT_SITE_UNKNOWN ? NULL :
									ct_tree_site(snapshot->tree, finding->site);

	ct_text_add(text, "\n");
	add_headline(snapshot, finding, text);
	add_frames(text, "created", site, FRAMES_MAX);
	add_parent(snapshot, finding, text);
	ct_text_add_paragraph(text, LABEL_INDENT, LABEL_COLUMN, "evidence", finding->evidence);
	ct_text_add_paragraph(text, LABEL_INDENT, LABEL_COLUMN, "do", finding->advice);
}

static void add_header(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	static const char complete[] = ", none lost: complete\n";
	const struct ct_window *window = ct_tree_window(snapshot->tree);
	const struct ct_totals *totals = ct_tree_totals(snapshot->tree);

	add_colour(snapshot, text, BOLD);
	ct_text_add_short(text, *window->exe ? ct_base_name(window->exe) : "unknown program", 32);
	add_colour(snapshot, text, PLAIN);
	ct_text_addf(text, "  pid %" PRIu32 "  ", window->pid);
	ct_text_add_short(text, *window->runtime_version ? window->runtime_version : "C", 20);
	ct_text_add(text, window->is_stripped ? ", stripped" : "");
	ct_text_add(text, "  watched ");
	ct_text_add_duration(text, ct_window_duration(snapshot));
	ct_text_add(text, ", ");
	ct_text_add_grouped(text, totals->events);
	ct_text_add(text, " events");
	if (ct_tree_is_incomplete(snapshot->tree)) {
		ct_text_add(text, ",\n  ");
		ct_text_add_grouped(text, totals->lost_events);
		ct_text_add(text, " lost in ");
		ct_text_add_grouped(text, totals->gaps);
		ct_text_add(text, totals->gaps == 1 ? " gap: incomplete\n" : " gaps: incomplete\n");
	} else {
		ct_text_add(text, ct_text_has_room(text, strlen(complete) - 1) ? "," : ",\n ");
		ct_text_add(text, complete + 1);
	}
}

static void add_count(struct ct_text *text, uint64_t count, const char *what)
{
	struct ct_text words = { 0 };

	ct_text_add_grouped(&words, count);
	ct_text_addf(&words, " %s", what);
	ct_text_add(text, ct_text_has_room(text, words.length + 3) ? "   " : "\n          ");
	ct_text_append(text, words.data ? words.data : "", words.length);
	text->failed |= words.failed;
	ct_text_done(&words);
}

static void add_contexts(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	const struct ct_totals *totals = ct_tree_totals(snapshot->tree);

	ct_text_add(text, "contexts  ");
	ct_text_add_grouped(text, totals->created);
	ct_text_add(text, " created");
	add_count(text, totals->ended[CT_REASON_EXPLICIT], "cancelled");
	add_count(text, totals->ended[CT_REASON_DEADLINE], "by deadline");
	add_count(text, totals->ended[CT_REASON_PARENT], "by parent");
	if (totals->ended[CT_REASON_FREED])
		add_count(text, totals->ended[CT_REASON_FREED], "freed");
	add_count(text, totals->live, "live");
	ct_text_add(text, "\n");
}

/* Deadlines that fired, by site, the most frequent first. The groups are few: a bounded table of the tree. */
static void add_deadlines(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	uint64_t total = ct_tree_totals(snapshot->tree)->ended[CT_REASON_DEADLINE];
	uint64_t below = UINT64_MAX;
	size_t count;
	const struct ct_cancel_group *groups = ct_tree_cancels(snapshot->tree, &count);

	if (!total)
		return;
	ct_text_add(text, "\nwhy the ");
	ct_text_add_grouped(text, total);
	ct_text_add(text, total == 1 ? " deadline:\n" : " deadlines:\n");
	for (int shown = 0; shown < DEADLINES_MAX; shown++) {
		const struct ct_cancel_group *best = NULL;

		for (size_t i = 0; i < count; i++)
			if (groups[i].reason == CT_REASON_DEADLINE && groups[i].count < below &&
			    (!best || groups[i].count > best->count))
				best = &groups[i];
		if (!best)
			break;
		below = best->count;
		ct_text_add(text, "  ");
		ct_text_add_grouped(text, best->count);
		ct_text_add(text, " at");
		add_frames(text, "", ct_tree_site(snapshot->tree, best->site), 1);
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
		add_frames(text, "created",
			   item->site == CT_SITE_UNKNOWN ? NULL : ct_tree_site(snapshot->tree, item->site), 2);
		ct_text_add_paragraph(text, LABEL_INDENT, LABEL_COLUMN, "why", item->why);
	}
}

static bool has_leak(const struct ct_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->list[i].severity == CT_SEVERITY_LEAK)
			return true;
	return false;
}

/* "no leaks" is a promise: it is given only when nothing was lost and nothing is open. */
static void add_verdict(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	const struct ct_findings *findings = snapshot->findings;

	if (findings->suppressed) {
		ct_text_add(text, "\n");
		ct_text_add_grouped(text, findings->suppressed);
		ct_text_add(text, findings->suppressed == 1 ? " finding suppressed\n" : " findings suppressed\n");
	}
	if (has_leak(findings) || findings->undecided_count)
		return;
	if (ct_tree_is_incomplete(snapshot->tree))
		ct_text_add(text, "no leak found, but events were lost: run it again, with a shorter --duration or less load\n");
	else if (findings->suppressed)
		ct_text_add(text, "no other leaks\n");
	else
		ct_text_add(text, findings->count ? "\nno leaks\n" : "no leaks\n");
}

static int write_text(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	size_t begin = text->length;
	int rc = 0;

	add_header(snapshot, text);
	add_contexts(snapshot, text);
	for (size_t i = 0; i < snapshot->findings->count; i++)
		add_finding(snapshot, &snapshot->findings->list[i], text);
	add_undecided(snapshot, text);
	add_verdict(snapshot, text);
	if (snapshot->findings->count || snapshot->findings->undecided_count)
		add_deadlines(snapshot, text);
	if (snapshot->with_tree)
		rc = ct_text_add_tree(snapshot, text);
	ct_text_fold(text, begin, LABEL_COLUMN); // numbers and names may be of any length
	return rc;
}

const struct ct_reporter ct_reporter_text = {
	.name = "text",
	.describe = "for people",
	.write = write_text,
};
