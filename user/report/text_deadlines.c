// SPDX-License-Identifier: Apache-2.0
#include "report/text_deadlines.h"

#include "report/paragraph.h"
#include "report/summary.h"
#include "report/text_finding.h"

#include <inttypes.h>
#include <string.h>

#define DEADLINES_SHOWN 3
#define CHILDREN_SHOWN	4
#define CAUSE_BYTES	(CT_CAUSE_TEXT_BYTES + 1)

/* Timeouts that differ by less are one: the clock is read a little before the context is made. */
#define SAME_TENTHS 9

struct child_list {
	const struct ct_deadline_child *items[CT_DEADLINE_CHILDREN_MAX];
	size_t count;
};

/* The ones with the most, the first of equals first. */
static size_t find_deadlines(const struct ct_tree *tree, const struct ct_deadline *top[DEADLINES_SHOWN])
{
	size_t count, shown = 0;
	uint64_t untold;
	const struct ct_deadline *const *all = ct_tree_deadlines(tree, &count, &untold);

	for (size_t i = 0; i < count; i++) {
		size_t at = shown;

		while (at && all[i]->fired > top[at - 1]->fired)
			at--;
		if (at == DEADLINES_SHOWN)
			continue;
		shown += shown < DEADLINES_SHOWN;
		memmove(&top[at + 1], &top[at], (shown - at - 1) * sizeof(*top));
		top[at] = all[i];
	}
	return shown;
}

static bool is_of_library(const struct ct_snapshot *snapshot, const struct ct_deadline_child *child)
{
	const struct ct_site *site = ct_text_site(snapshot, child->site);
	struct ct_frame frame;
	uint32_t cursor = 0;

	return site && ct_frame_next(site, &cursor, &frame) && frame.flags & CT_FRAME_STDLIB;
}

static bool is_before(const struct ct_deadline_child *a, const struct ct_deadline_child *b)
{
	int used = ct_deadline_child_used(a, 0.5) - ct_deadline_child_used(b, 0.5);

	return used ? used > 0 : a->cancelled > b->cancelled;
}

/* By what they used. Those that the standard library makes for itself only where there is nothing else. */
static struct child_list sorted(const struct ct_snapshot *snapshot, const struct ct_deadline *deadline)
{
	struct child_list list = { .count = 0 };
	uint32_t own = 0;

	for (uint32_t i = 0; i < deadline->children_count; i++)
		own += !is_of_library(snapshot, &deadline->children[i]);
	for (uint32_t i = 0; i < deadline->children_count; i++) {
		const struct ct_deadline_child *child = &deadline->children[i];
		size_t at = list.count;

		if (own && is_of_library(snapshot, child))
			continue;
		for (; at && is_before(child, list.items[at - 1]); at--)
			list.items[at] = list.items[at - 1];
		list.items[at] = child;
		list.count++;
	}
	return list;
}

static const char *function_of(const struct ct_snapshot *snapshot, uint32_t index)
{
	const struct ct_site *site = ct_text_site(snapshot, index);
	struct ct_frame frame;
	uint32_t cursor = 0;

	return site && ct_frame_next(site, &cursor, &frame) ? frame.function : "";
}

/* Is it made by the same function as another one shown? Then its caller tells them apart. */
static bool needs_caller(const struct ct_snapshot *snapshot, const struct child_list *list, size_t index)
{
	const char *function = function_of(snapshot, list->items[index]->site);

	for (size_t i = 0; i < list->count && i < CHILDREN_SHOWN; i++)
		if (i != index && !strcmp(function_of(snapshot, list->items[i]->site), function))
			return true;
	return false;
}

/* "    100%    main.service.call, from main.prefsService.Get    assemble_response.go:42" */
static void add_child(const struct ct_snapshot *snapshot, struct ct_text *text, const struct child_list *list,
		      size_t index)
{
	const struct ct_deadline_child *child = list->items[index];
	const struct ct_site *site = ct_text_site(snapshot, child->site);
	struct ct_text name = { 0 };
	struct ct_frame frame, caller;
	uint32_t cursor = 0;

	ct_text_addf(text, "%*s%d%%", 2 * CT_LABEL_INDENT, "", ct_deadline_child_used(child, 0.5));
	if (!site || !ct_frame_next(site, &cursor, &frame)) {
		ct_text_pad(text, CT_LABEL_COLUMN);
		ct_text_add(text, "at a site nobody saw\n");
		return;
	}
	ct_text_add(&name, ct_base_name(frame.function));
	if (needs_caller(snapshot, list, index) && ct_frame_next(site, &cursor, &caller)) {
		ct_text_add(&name, ", from ");
		ct_text_add(&name, ct_base_name(caller.function));
	}
	if (name.data)
		frame.function = name.data;
	ct_text_add_frame(text, &frame);
	text->failed |= name.failed;
	ct_text_done(&name);
}

static void add_timeout(struct ct_text *words, const struct ct_deadline *deadline)
{
	if (!deadline->longest_ns) {
		ct_text_add(words, "already past when asked for");
		return;
	}
	if (deadline->shortest_ns < deadline->longest_ns / 10 * SAME_TENTHS) {
		ct_text_add_rounded_duration(words, deadline->shortest_ns);
		ct_text_add(words, " to ");
	}
	ct_text_add_rounded_duration(words, deadline->longest_ns);
	if (!deadline->born_past)
		return;
	ct_text_add(words, "; ");
	ct_text_add_grouped(words, deadline->born_past);
	ct_text_add(words, " had passed when asked for");
}

/* "; 3 of 5 contexts made below were cancelled by it, 2 of these had asked for a later deadline, which never counted" */
static void add_below(struct ct_text *words, const struct ct_deadline *deadline)
{
	uint64_t finished = 0, cancelled = 0, later = 0;

	for (uint32_t i = 0; i < deadline->children_count; i++) {
		finished += deadline->children[i].finished;
		cancelled += deadline->children[i].cancelled;
		later += deadline->children[i].asked_later;
	}
	if (!finished && !cancelled) {
		ct_text_add(words, deadline->untold || !deadline->longest_ns ? "" : "; no context was made below");
		return;
	}
	ct_text_add(words, "; ");
	ct_text_add_grouped(words, cancelled);
	ct_text_add(words, " of ");
	ct_text_add_grouped(words, finished + cancelled);
	ct_text_add(words, finished + cancelled == 1 ? " context made below was" : " contexts made below were");
	ct_text_add(words, " cancelled by it");
	if (!later)
		return;
	ct_text_add(words, "; ");
	ct_text_add_grouped(words, later);
	ct_text_add(words, " had asked for a later deadline, which never counted");
}

static void add_cause(const struct ct_snapshot *snapshot, struct ct_text *words, uint32_t site)
{
	size_t count;
	const struct ct_cancel_group *groups = ct_tree_cancels(snapshot->tree, &count);
	const struct ct_cause *cause = NULL;

	for (size_t i = 0; i < count && !cause; i++)
		if (groups[i].site == site && groups[i].reason == CT_REASON_DEADLINE && groups[i].causes[0].count)
			cause = ct_tree_cause(snapshot->tree, groups[i].causes[0].cause);
	if (!cause)
		return;
	ct_text_add(words, *cause->text ? "; cause \"" : "; cause of type ");
	ct_text_add_escaped(words, *cause->text ? cause->text : cause->type, CAUSE_BYTES);
	ct_text_add(words, *cause->text ? cause->is_cut ? "...\"" : "\"" : "");
}

static void add_deadline(const struct ct_snapshot *snapshot, struct ct_text *text, const struct ct_deadline *deadline)
{
	struct child_list children = sorted(snapshot, deadline);
	struct ct_text label = { 0 }, words = { 0 };

	ct_text_add_grouped(&label, deadline->fired);
	ct_text_add(&label, " at ");
	ct_text_add_frames(text, label.data ? label.data : "", ct_text_site(snapshot, deadline->site), 1);
	for (size_t i = 0; i < children.count && i < CHILDREN_SHOWN; i++)
		add_child(snapshot, text, &children, i);
	ct_text_add(&words, children.count ? "of " : "");
	add_timeout(&words, deadline);
	add_below(&words, deadline);
	add_cause(snapshot, &words, deadline->site);
	ct_text_add_paragraph(text, CT_LABEL_INDENT, CT_LABEL_COLUMN, "", words.data ? words.data : "");
	text->failed |= label.failed || words.failed;
	ct_text_done(&label);
	ct_text_done(&words);
}

void ct_text_add_deadlines(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	uint64_t total = ct_tree_totals(snapshot->tree)->ended[CT_REASON_DEADLINE];
	const struct ct_deadline *top[DEADLINES_SHOWN];
	size_t shown = find_deadlines(snapshot->tree, top);

	if (!total)
		return;
	ct_text_add(text, "\nwhy the ");
	ct_text_add_grouped(text, total);
	ct_text_add(text, total == 1 ? " deadline:\n" : " deadlines:\n");
	for (size_t i = 0; i < shown; i++)
		add_deadline(snapshot, text, top[i]);
}
