// SPDX-License-Identifier: Apache-2.0
#include "report/text_finding.h"

#include "ctxtrace/work.h"
#include "report/paragraph.h"
#include "report/summary.h"

#include <inttypes.h>
#include <string.h>

#define PLACE_COLUMN 64
#define NAME_COLUMNS (PLACE_COLUMN - CT_LABEL_COLUMN - 2)
#define LINE_COLUMNS 11 /* ":4294967295" */
#define FRAMES_MAX 4
#define RATE_SHOWN_MILLI 50 /* less is +0.0 a minute */
#define RATE_WHOLE_MILLI 100000 /* from here on tenths say nothing */

void ct_text_add_colour(const struct ct_snapshot *snapshot, struct ct_text *text, const char *code)
{
	if (snapshot->with_colour)
		ct_text_add(text, code);
}

void ct_text_move_part(struct ct_text *text, size_t indent, struct ct_text *part)
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
	ct_text_pad(text, CT_LABEL_COLUMN);
	ct_text_add_short(text, ct_base_name(frame->function), NAME_COLUMNS);
	if (*frame->file || frame->line) {
		ct_text_add(text, "  ");
		ct_text_pad(text, PLACE_COLUMN);
		add_place(text, frame, CT_COLUMNS - PLACE_COLUMN);
	}
	ct_text_add(text, "\n");
}

const struct ct_site *ct_text_site(const struct ct_snapshot *snapshot, uint32_t index)
{
	return index == CT_SITE_UNKNOWN ? NULL : ct_tree_site(snapshot->tree, index);
}

void ct_text_add_frames(struct ct_text *text, const char *label, const struct ct_site *site, int most)
{
	struct ct_frame frame;
	uint32_t cursor = 0;
	int shown = 0;

	ct_text_addf(text, "%*s%s", CT_LABEL_INDENT, "", label);
	while (site && shown < most && ct_frame_next(site, &cursor, &frame)) {
		add_frame(text, &frame);
		shown++;
	}
	if (shown)
		return;
	ct_text_pad(text, CT_LABEL_COLUMN);
	ct_text_add(text, "at a site nobody saw: before the attach, or its stack could not be read\n");
}

/* Where work is now: what it waits in, below what the runtime does to make it wait, and the program's own frames. */
static void add_whereabouts(struct ct_text *text, const struct ct_site *site)
{
	struct ct_frame frame;
	uint32_t cursor = 0;
	int shown = 0;

	ct_text_addf(text, "%*snow at", CT_LABEL_INDENT, "");
	while (shown < FRAMES_MAX && ct_frame_next(site, &cursor, &frame)) {
		bool is_wait = !shown && strncmp(frame.function, "runtime.", 8) != 0;

		if (!is_wait && frame.flags & CT_FRAME_STDLIB)
			continue;
		add_frame(text, &frame);
		shown++;
	}
	if (!shown)
		ct_text_add(text, "    in the runtime\n");
}

/* "GET /orders/{id}, POST /orders and others" */
static void add_routes(const struct ct_snapshot *snapshot, const struct ct_finding *finding, struct ct_text *text)
{
	struct ct_text part = { 0 };

	for (uint32_t i = 0; i < finding->routes_count && i < CT_ROUTES_SHOWN; i++) {
		ct_text_add(&part, i ? ", " : "");
		ct_text_add_escaped(&part, ct_tree_route(snapshot->tree, finding->routes[i]), CT_COLUMNS / 2);
	}
	if (finding->routes_count > CT_ROUTES_SHOWN)
		ct_text_add(&part, " and others");
	if (part.length)
		ct_text_add_paragraph(text, CT_LABEL_INDENT, CT_LABEL_COLUMN, "request", part.data);
	text->failed |= part.failed;
	ct_text_done(&part);
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
	ct_text_addf(text, "%*sparent", CT_LABEL_INDENT, "");
	ct_text_pad(text, CT_LABEL_COLUMN);
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

	ct_text_add_colour(snapshot, text, is_leak ? CT_TEXT_RED : CT_TEXT_YELLOW);
	ct_text_addf(text, "%s %s", titles[finding->severity], ct_finding_name(finding->kind));
	ct_text_add_colour(snapshot, text, CT_TEXT_PLAIN);
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
	ct_text_move_part(text, CT_LABEL_INDENT, &part);
	ct_text_add(text, "\n");
	ct_text_done(&part);
}

void ct_text_add_finding(const struct ct_snapshot *snapshot, const struct ct_finding *finding, struct ct_text *text)
{
	static const char *const labels[] = { "created", "started", "handler" };

	ct_text_add(text, "\n");
	add_headline(snapshot, finding, text);
	ct_text_add_frames(text, labels[finding->subject], ct_text_site(snapshot, finding->site), FRAMES_MAX);
	add_routes(snapshot, finding, text);
	add_parent(snapshot, finding, text);
	if (finding->at != CT_SITE_UNKNOWN)
		add_whereabouts(text, ct_text_site(snapshot, finding->at));
	ct_text_add_paragraph(text, CT_LABEL_INDENT, CT_LABEL_COLUMN, "evidence", finding->evidence);
	ct_text_add_paragraph(text, CT_LABEL_INDENT, CT_LABEL_COLUMN, "do", finding->advice);
}
