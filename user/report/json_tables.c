// SPDX-License-Identifier: Apache-2.0
#include "ctxtrace/census_groups.h"
#include "report/json_parts.h"
#include "report/summary.h"

#include <errno.h>
#include <stdlib.h>

static void write_site_object(struct ct_json *json, const char *key, const struct ct_snapshot *snapshot, uint32_t index)
{
	ct_json_open(json, key, '{');
	ct_json_frames(json, index == CT_SITE_UNKNOWN ? NULL : ct_tree_site(snapshot->tree, index));
	ct_json_close(json, '}');
}

void ct_json_cancels(struct ct_json *json, const struct ct_snapshot *snapshot)
{
	size_t count;
	const struct ct_cancel_group *groups = ct_tree_cancels(snapshot->tree, &count);

	ct_json_open(json, "cancels", '[');
	for (size_t i = 0; i < count; i++) {
		const struct ct_cancel_group *group = &groups[i];

		ct_json_open(json, NULL, '{');
		write_site_object(json, "site", snapshot, group->site);
		ct_json_string(json, "reason", ct_cancel_reason_name(group->reason));
		write_site_object(json, "by", snapshot, group->by);
		if (group->origin_site == CT_INDEX_NONE) {
			ct_json_null(json, "origin");
		} else {
			ct_json_open(json, "origin", '{');
			write_site_object(json, "site", snapshot, group->origin_site);
			ct_json_string(json, "reason", ct_cancel_reason_name(group->origin_reason));
			ct_json_close(json, '}');
		}
		ct_json_number(json, "count", group->count);
		ct_json_number(json, "late", group->late);
		ct_json_close(json, '}');
	}
	ct_json_close(json, ']');
}

static void write_durations(struct ct_json *json, const char *key, const struct ct_histogram *durations)
{
	static const struct {
		const char *name;
		double quantile;
	} quantiles[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 } };

	ct_json_open(json, key, '{');
	for (size_t i = 0; i < 3; i++) {
		uint64_t value = ct_histogram_quantile(durations, quantiles[i].quantile);

		if (value)
			ct_json_seconds(json, quantiles[i].name, value);
		else
			ct_json_null(json, quantiles[i].name);
	}
	if (durations->max_ns)
		ct_json_seconds(json, "max", durations->max_ns);
	else
		ct_json_null(json, "max");
	ct_json_close(json, '}');
}

static void write_site(struct ct_json *json, const struct ct_site *site)
{
	ct_json_open(json, NULL, '{');
	ct_json_frames(json, site);
	ct_json_string(json, "kind", ct_context_kind_name(site->kind));
	ct_json_number(json, "created", site->created);
	ct_json_open(json, "ended", '{');
	for (unsigned int reason = CT_REASON_EXPLICIT; reason < CT_REASON_END; reason++)
		ct_json_number(json, ct_cancel_reason_name((uint8_t)reason), site->ended[reason]);
	ct_json_close(json, '}');
	ct_json_number(json, "cancel_called", site->cancel_called);
	ct_json_number(json, "live", site->live);
	write_durations(json, "lifetime_s", &site->lifetime);
	if (site->deadline_used.max_ns)
		write_durations(json, "deadline_used_ratio", &site->deadline_used);
	else
		ct_json_null(json, "deadline_used_ratio");
	if (site->cancel_latency)
		write_durations(json, "cancel_latency_s", site->cancel_latency);
	else
		ct_json_null(json, "cancel_latency_s");
	ct_json_close(json, '}');
}

/* A site and what it is sorted by. */
struct ranked {
	const struct ct_site *site;
	uint32_t index;
};

static int by_created(const void *a, const void *b)
{
	const struct ranked *left = a, *right = b;

	if (left->site->created != right->site->created)
		return left->site->created > right->site->created ? -1 : 1;
	return left->index < right->index ? -1 : left->index > right->index;
}

int ct_json_sites(struct ct_json *json, const struct ct_snapshot *snapshot)
{
	uint32_t end = ct_tree_sites(snapshot->tree);
	struct ranked *ranking = calloc((size_t)end + 1, sizeof(*ranking));
	size_t count = 0;

	if (!ranking)
		return -ENOMEM;
	for (uint32_t i = 0; i < end; i++) {
		const struct ct_site *site = ct_tree_site(snapshot->tree, i);

		if (site && (site->created || site->live))
			ranking[count++] = (struct ranked){ site, i };
	}
	qsort(ranking, count, sizeof(*ranking), by_created);
	ct_json_open(json, "sites", '[');
	for (size_t i = 0; i < count && i < CT_JSON_SITES_MAX; i++)
		write_site(json, ranking[i].site);
	ct_json_close(json, ']');
	free(ranking);
	return 0;
}

/* What memory says: its cancel function, and what keeps it; null when it was not asked. */
static void write_memory(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_context *context,
			 bool has_ended)
{
	enum ct_census_state state = has_ended ? CT_CENSUS_UNKNOWN : ct_tree_census_state(snapshot->tree, context);

	ct_json_string(json, "memory", ct_census_state_name(state));
	if (state == CT_CENSUS_UNKNOWN)
		ct_json_null(json, "retained_by");
	else
		ct_json_retention(json, context->retained_by);
}

static void open_node(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_context *context)
{
	bool has_ended = context->state & CT_CONTEXT_ENDED;

	ct_json_open(json, NULL, '{');
	ct_json_id(json, "id", context->id);
	ct_json_string(json, "kind", ct_context_kind_name(context->kind));
	ct_json_string(json, "state", has_ended ? ct_cancel_reason_name(context->reason) :
				      context->state & CT_CONTEXT_ADOPTED ? "live, before attach" :
									    "live");
	ct_json_seconds(json, "age_s", ct_age(snapshot, context));
	if (!has_ended && context->deadline_ns > snapshot->now_ns)
		ct_json_seconds(json, "deadline_in_s", context->deadline_ns - snapshot->now_ns);
	else
		ct_json_null(json, "deadline_in_s");
	write_site_object(json, "site", snapshot, context->site);
	ct_json_id(json, "task", context->task);
	write_memory(json, snapshot, context, has_ended);
	ct_json_open(json, "children", '[');
}

void ct_json_nodes(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_tree_entry *order, int count)
{
	uint32_t open = 0;

	ct_json_open(json, "tree", '[');
	for (int i = 0; i < count; i++) {
		for (; open > order[i].depth; open--) {
			ct_json_close(json, ']');
			ct_json_close(json, '}');
		}
		open_node(json, snapshot, ct_tree_context(snapshot->tree, order[i].index));
		open++;
	}
	for (; open; open--) {
		ct_json_close(json, ']');
		ct_json_close(json, '}');
	}
	ct_json_close(json, ']');
}

int ct_json_tree(struct ct_json *json, const struct ct_snapshot *snapshot)
{
	struct ct_tree_entry *order = NULL;
	int count = ct_tree_order(snapshot, &order);

	if (count < 0)
		return count;
	ct_json_nodes(json, snapshot, order, count);
	free(order);
	return 0;
}
