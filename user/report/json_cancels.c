// SPDX-License-Identifier: Apache-2.0
/* Who cancelled what and why, and where the time of deadlines went. */
#include "base/time.h"
#include "report/json_parts.h"

void ct_json_site(struct ct_json *json, const char *key, const struct ct_snapshot *snapshot, uint32_t index)
{
	ct_json_open(json, key, '{');
	ct_json_frames(json, index == CT_SITE_UNKNOWN ? NULL : ct_tree_site(snapshot->tree, index));
	ct_json_close(json, '}');
}

static void write_seconds_or_null(struct ct_json *json, const char *key, uint64_t nanoseconds)
{
	if (nanoseconds)
		ct_json_seconds(json, key, nanoseconds);
	else
		ct_json_null(json, key);
}

static void write_cause(struct ct_json *json, const struct ct_cause *cause, uint64_t count)
{
	struct ct_text text = { 0 };

	ct_text_add(&text, cause ? cause->text : "");
	if (cause && cause->is_cut)
		ct_text_add(&text, "...");
	json->text->failed |= text.failed;
	ct_json_open(json, NULL, '{');
	ct_json_string(json, "type", cause && *cause->type ? cause->type : NULL);
	ct_json_string(json, "text", text.length ? text.data : NULL);
	ct_json_number(json, "count", count);
	ct_json_close(json, '}');
	ct_text_done(&text);
}

/* The last one, of which neither type nor text is told, stands for all that are too many. */
static void write_causes(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_cancel_group *group)
{
	ct_json_open(json, "cause", '[');
	for (size_t i = 0; i < CT_GROUP_CAUSES && group->causes[i].count; i++)
		write_cause(json, ct_tree_cause(snapshot->tree, group->causes[i].cause), group->causes[i].count);
	if (group->other_causes)
		write_cause(json, NULL, group->other_causes);
	ct_json_close(json, ']');
}

static void write_group(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_cancel_group *group)
{
	ct_json_open(json, NULL, '{');
	ct_json_site(json, "site", snapshot, group->site);
	ct_json_string(json, "reason", ct_cancel_reason_name(group->reason));
	ct_json_site(json, "by", snapshot, group->by);
	if (group->origin_site == CT_INDEX_NONE) {
		ct_json_null(json, "origin");
	} else {
		ct_json_open(json, "origin", '{');
		ct_json_site(json, "site", snapshot, group->origin_site);
		ct_json_string(json, "reason", ct_cancel_reason_name(group->origin_reason));
		ct_json_close(json, '}');
	}
	ct_json_number(json, "count", group->count);
	ct_json_number(json, "late", group->late);
	write_seconds_or_null(json, "late_max_s", group->late_ns);
	write_causes(json, snapshot, group);
	ct_json_close(json, '}');
}

void ct_json_cancels(struct ct_json *json, const struct ct_snapshot *snapshot)
{
	size_t count;
	const struct ct_cancel_group *groups = ct_tree_cancels(snapshot->tree, &count);

	ct_json_open(json, "cancels", '[');
	for (size_t i = 0; i < count; i++)
		write_group(json, snapshot, &groups[i]);
	ct_json_close(json, ']');
}

static void write_share(struct ct_json *json, const char *key, const struct ct_deadline_child *child, double quantile)
{
	int hundredths = ct_deadline_child_used(child, quantile);

	if (hundredths < 0)
		ct_json_null(json, key);
	else
		ct_json_signed_milli(json, key, hundredths * 10);
}

static void write_child(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_deadline_child *child)
{
	ct_json_open(json, NULL, '{');
	ct_json_site(json, "site", snapshot, child->site);
	ct_json_number(json, "count", child->finished + child->cancelled);
	ct_json_number(json, "finished", child->finished);
	ct_json_number(json, "cancelled", child->cancelled);
	ct_json_number(json, "asked_later", child->asked_later);
	ct_json_open(json, "used_ratio", '{');
	write_share(json, "p50", child, 0.5);
	write_share(json, "max", child, 1);
	ct_json_close(json, '}');
	ct_json_close(json, '}');
}

static void write_deadline(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_deadline *deadline)
{
	ct_json_open(json, NULL, '{');
	ct_json_site(json, "site", snapshot, deadline->site);
	ct_json_number(json, "fired", deadline->fired);
	ct_json_number(json, "born_past", deadline->born_past);
	ct_json_open(json, "timeout_s", '{');
	write_seconds_or_null(json, "min", deadline->shortest_ns);
	write_seconds_or_null(json, "max", deadline->longest_ns);
	ct_json_close(json, '}');
	ct_json_open(json, "children", '[');
	for (uint32_t i = 0; i < deadline->children_count; i++)
		write_child(json, snapshot, &deadline->children[i]);
	ct_json_close(json, ']');
	ct_json_number(json, "untold", deadline->untold);
	ct_json_close(json, '}');
}

void ct_json_deadlines(struct ct_json *json, const struct ct_snapshot *snapshot)
{
	size_t count;
	uint64_t untold;
	const struct ct_deadline *const *deadlines = ct_tree_deadlines(snapshot->tree, &count, &untold);

	ct_json_open(json, "deadlines", '[');
	for (size_t i = 0; i < count; i++)
		write_deadline(json, snapshot, deadlines[i]);
	ct_json_close(json, ']');
	ct_json_number(json, "deadlines_untold", untold);
}
