// SPDX-License-Identifier: Apache-2.0
#include "report/text_tree.h"

#include "ctxtrace/census_groups.h"
#include "report/paragraph.h"
#include "report/summary.h"

#include <inttypes.h>
#include <stdlib.h>

#define INDENT_MAX 40 /* deeper levels are written as a number */
#define NAME_COLUMNS 36

static void add_line(const struct ct_snapshot *snapshot, const struct ct_tree_entry *entry, struct ct_text *text)
{
	const struct ct_context *context = ct_tree_context(snapshot->tree, entry->index);
	const struct ct_site *site = ct_tree_site(snapshot->tree, context->site);
	size_t indent = 2 * (size_t)entry->depth;
	bool has_ended = context->state & CT_CONTEXT_ENDED;
	const char *state = has_ended ? NULL : ct_census_state_name(ct_tree_census_state(snapshot->tree, context));
	struct ct_text name = { 0 };
	struct ct_frame frame;
	uint32_t cursor = 0;

	ct_text_addf(text, "%*s", (int)(indent < INDENT_MAX ? indent : INDENT_MAX), "");
	if (indent >= INDENT_MAX)
		ct_text_addf(text, "(%" PRIu32 ") ", entry->depth);
	ct_text_addf(text, "%s ", ct_context_kind_name(context->kind));
	ct_text_add_duration(text, ct_age(snapshot, context));
	if (context->state & CT_CONTEXT_ADOPTED)
		ct_text_add(text, " or more, made before the attach");
	if (context->state & CT_CONTEXT_DETACHED)
		ct_text_add(text, ", detached");
	if (has_ended)
		ct_text_addf(text, ", ended: %s", ct_cancel_reason_name(context->reason));
	if (!has_ended && context->deadline_ns > snapshot->now_ns) {
		ct_text_add(text, ", deadline in ");
		ct_text_add_duration(text, context->deadline_ns - snapshot->now_ns);
	}
	if (state)
		ct_text_addf(text, ", %s", state);
	if (context->site != CT_SITE_UNKNOWN && site && ct_frame_next(site, &cursor, &frame)) {
		ct_text_add(&name, "  ");
		ct_text_add_short(&name, ct_base_name(frame.function), NAME_COLUMNS);
		if (frame.line)
			ct_text_addf(&name, ":%" PRIu32, frame.line);
		ct_text_add_part(text, INDENT_MAX, name.data ? name.data : "");
	}
	text->failed |= name.failed;
	ct_text_done(&name);
	ct_text_add(text, "\n");
}

int ct_text_add_tree(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	struct ct_tree_entry *order = NULL;
	int count = ct_tree_order(snapshot, &order);
	int shown = count < CT_TREE_LINES_MAX ? count : CT_TREE_LINES_MAX;

	if (count < 0)
		return count;
	ct_text_add(text, "\ntree\n");
	for (int i = 0; i < shown; i++)
		add_line(snapshot, &order[i], text);
	if (shown < count) {
		ct_text_add_grouped(text, (uint64_t)(count - shown));
		ct_text_add(text, " more; -f json has all of them\n");
	}
	free(order);
	return 0;
}
