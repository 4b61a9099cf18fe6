// SPDX-License-Identifier: Apache-2.0
#include "report/explain.h"
#include "report/json_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOROUTINE_GROUPS_SHOWN 1000

bool ct_site_main_frame(const struct ct_snapshot *snapshot, uint32_t site, struct ct_frame *ret)
{
	const struct ct_site *seen = site == CT_SITE_UNKNOWN ? NULL : ct_tree_site(snapshot->tree, site);
	bool is_found = false;
	struct ct_frame frame;
	uint32_t cursor = 0;

	while (seen && ct_frame_next(seen, &cursor, &frame)) {
		if (is_found && frame.flags & CT_FRAME_STDLIB && strstr(frame.function, ".gowrap"))
			continue; // the compiler's, around a go statement's function
		*ret = frame;
		is_found = true;
		if (!(frame.flags & CT_FRAME_STDLIB))
			break;
	}
	return is_found;
}

static int by_weight(const void *a, const void *b)
{
	const struct ct_goroutine_group *left = *(const struct ct_goroutine_group *const *)a;
	const struct ct_goroutine_group *right = *(const struct ct_goroutine_group *const *)b;

	if (left->waits_lost != right->waits_lost)
		return left->waits_lost > right->waits_lost ? -1 : 1;
	if (left->count != right->count)
		return left->count > right->count ? -1 : 1;
	return left < right ? -1 : left > right; // in the order they were told
}

const struct ct_goroutine_group **ct_goroutine_order(const struct ct_snapshot *snapshot, size_t *ret_count)
{
	const struct ct_goroutine_group *groups = ct_tree_goroutines(snapshot->tree, ret_count);
	const struct ct_goroutine_group **order = calloc(*ret_count + 1, sizeof(*order));

	for (size_t i = 0; order && i < *ret_count; i++)
		order[i] = &groups[i];
	if (order)
		qsort(order, *ret_count, sizeof(*order), by_weight);
	return order;
}

static void write_number_or_null(struct ct_json *json, const char *key, uint64_t value)
{
	if (value)
		ct_json_number(json, key, value);
	else
		ct_json_null(json, key);
}

/* goids are numbers people know from tracebacks; as ids they are strings. */
static void write_goroutine_id(struct ct_json *json, const char *key, uint64_t task)
{
	char number[24];

	snprintf(number, sizeof(number), "%" PRIu64, task);
	ct_json_string(json, key, task ? number : NULL);
}

static void write_hop(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_held_hop *hop)
{
	struct ct_frame frame = { 0 };
	bool has_frame = ct_site_main_frame(snapshot, hop->site, &frame);

	ct_json_open(json, NULL, '{');
	ct_json_string(json, "what", ct_holder_kind_name(hop->kind));
	ct_json_string(json, "name", *hop->name ? hop->name : NULL);
	ct_json_string(json, "function", has_frame ? frame.function : NULL);
	ct_json_string(json, "file", has_frame && *frame.file ? frame.file : NULL);
	write_number_or_null(json, "line", has_frame ? frame.line : 0);
	write_goroutine_id(json, "goroutine", hop->task);
	write_number_or_null(json, "bytes", hop->object_bytes);
	write_number_or_null(json, "entries", hop->entries);
	ct_json_close(json, '}');
}

static void write_chain(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_held_chain *chain)
{
	ct_json_open(json, NULL, '{');
	ct_json_number(json, "count", chain->count);
	ct_json_bool(json, "cut", chain->is_cut);
	ct_json_open(json, "chain", '[');
	for (unsigned int i = 0; i < chain->hops_count; i++)
		write_hop(json, snapshot, &chain->hops[i]);
	ct_json_close(json, ']');
	ct_json_close(json, '}');
}

static void write_held(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_held_group *group)
{
	bool is_unknown = group->site == CT_SITE_UNKNOWN;

	ct_json_open(json, NULL, '{');
	ct_json_string(json, "kind", ct_context_kind_name(group->kind));
	ct_json_string(json, "state", "held");
	ct_json_id(json, "parent", group->parent);
	ct_json_string(json, "parent_kind", group->parent_kind ? ct_context_kind_name(group->parent_kind) : NULL);
	ct_json_bool(json, "parents_differ", group->has_parents);
	ct_json_frames(json, is_unknown ? NULL : ct_tree_site(snapshot->tree, group->site));
	ct_json_number(json, "count", group->count);
	ct_json_number(json, "sampled", group->sampled);
	ct_json_number(json, "other", group->other);
	ct_json_open(json, "chains", '[');
	for (size_t i = 0; i < group->chains_count; i++)
		write_chain(json, snapshot, &group->chains[i]);
	ct_json_close(json, ']');
	ct_json_close(json, '}');
}

static void write_relations(struct ct_json *json, const struct ct_goroutine_group *group)
{
	ct_json_open(json, "waits_for", '{');
	ct_json_number(json, "lost", group->waits_lost);
	ct_json_number(json, "live", group->waits_live);
	ct_json_close(json, '}');
	ct_json_open(json, "refers_to", '{');
	ct_json_number(json, "cancelled", group->refers_cancelled);
	ct_json_number(json, "lost", group->refers_lost);
	ct_json_number(json, "live", group->refers_live);
	ct_json_close(json, '}');
}

static void write_stack(struct ct_json *json, const char *key, const struct ct_snapshot *snapshot, uint32_t site)
{
	ct_json_open(json, key, '{');
	ct_json_frames(json, site == CT_SITE_UNKNOWN ? NULL : ct_tree_site(snapshot->tree, site));
	ct_json_close(json, '}');
}

static void write_group(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_goroutine_group *group)
{
	struct ct_frame entry;

	ct_json_open(json, NULL, '{');
	ct_json_number(json, "count", group->count);
	ct_json_string(json, "state", group->state);
	ct_json_string(json, "wait_reason", *group->reason ? group->reason : NULL);
	if (group->longest_ns)
		ct_json_seconds(json, "longest_wait_s", group->longest_ns);
	else
		ct_json_null(json, "longest_wait_s");
	ct_json_string(json, "entry", ct_site_main_frame(snapshot, group->entry, &entry) ? entry.function : NULL);
	write_stack(json, "created", snapshot, group->created);
	write_stack(json, "at", snapshot, group->at);
	write_relations(json, group);
	ct_json_open(json, "examples", '[');
	for (size_t i = 0; i < 3 && group->examples[i]; i++)
		write_goroutine_id(json, NULL, group->examples[i]);
	ct_json_close(json, ']');
	ct_json_close(json, '}');
}

static int write_goroutines(struct ct_json *json, const struct ct_snapshot *snapshot)
{
	const struct ct_goroutine_totals *totals = ct_tree_goroutine_totals(snapshot->tree);
	const struct ct_goroutine_group **order;
	size_t count;

	if (!totals->seen && !totals->system)
		return 0;
	order = ct_goroutine_order(snapshot, &count);
	if (!order)
		return -ENOMEM;
	ct_json_open(json, "goroutines", '{');
	ct_json_number(json, "seen", totals->seen);
	ct_json_number(json, "system", totals->system);
	ct_json_number(json, "refused", totals->refused);
	ct_json_number(json, "groups_count", count);
	ct_json_open(json, "groups", '[');
	for (size_t i = 0; i < count && i < GOROUTINE_GROUPS_SHOWN; i++)
		write_group(json, snapshot, order[i]);
	ct_json_close(json, ']');
	ct_json_close(json, '}');
	free(order);
	return 0;
}

int ct_json_explain(struct ct_json *json, const struct ct_snapshot *snapshot)
{
	size_t count;
	const struct ct_held_group *groups = ct_tree_held(snapshot->tree, &count);

	if (count) {
		ct_json_open(json, "holders", '[');
		for (size_t i = 0; i < count; i++)
			write_held(json, snapshot, &groups[i]);
		ct_json_close(json, ']');
	}
	return write_goroutines(json, snapshot);
}
