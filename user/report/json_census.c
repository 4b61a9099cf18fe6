// SPDX-License-Identifier: Apache-2.0
/* `census`: the live contexts by parent, kind and depth. */
#include "report/census_rows.h"
#include "report/json_parts.h"
#include "report/summary.h"

#include <stdlib.h>

#define ROWS_MAX 200

static void write_parent(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_census_group *group)
{
	const struct ct_context *parent = group->parent_id ? ct_tree_context(snapshot->tree, group->parent) : NULL;
	const struct ct_site *site =
		parent && parent->site != CT_SITE_UNKNOWN ? ct_tree_site(snapshot->tree, parent->site) : NULL;

	ct_json_open(json, "parent", '{');
	ct_json_id(json, "id", group->parent_id);
	ct_json_string(json, "kind", group->parent_kind ? ct_context_kind_name(group->parent_kind) : NULL);
	ct_json_number(json, "parents", group->parents);
	if (site) {
		ct_json_open(json, "site", '{');
		ct_json_frames(json, site);
		ct_json_close(json, '}');
	} else {
		ct_json_null(json, "site");
	}
	ct_json_close(json, '}');
}

static void write_until(struct ct_json *json, const char *key, uint64_t now_ns, uint64_t deadline_ns)
{
	ct_json_seconds(json, key, deadline_ns > now_ns ? deadline_ns - now_ns : 0);
}

static void write_deadlines(struct ct_json *json, uint64_t now_ns, const struct ct_census_part *part)
{
	if (!part->deadline_max_ns) {
		ct_json_null(json, "deadline_in_s");
		return;
	}
	ct_json_open(json, "deadline_in_s", '{');
	write_until(json, "min", now_ns, part->deadline_min_ns);
	write_until(json, "max", now_ns, part->deadline_max_ns);
	ct_json_close(json, '}');
}

static void write_growth(struct ct_json *json, const struct ct_census_groups *groups,
			 const struct ct_census_group *group)
{
	struct ct_census_growth growth;

	if (!ct_census_growth_of(groups, group, &growth)) {
		ct_json_null(json, "growth");
		return;
	}
	ct_json_open(json, "growth", '{');
	ct_json_seconds(json, "over_s", groups->last_ns - growth.since_ns);
	ct_json_signed_milli(json, "count", growth.count * 1000);
	ct_json_signed_milli(json, "per_min", growth.per_min_milli);
	ct_json_bool(json, "steady", growth.is_steady);
	if (growth.is_steady) {
		ct_json_number(json, "per_hour", growth.per_hour);
		ct_json_number(json, "bytes_per_day", growth.bytes_per_day);
	} else {
		ct_json_null(json, "per_hour");
		ct_json_null(json, "bytes_per_day");
	}
	ct_json_close(json, '}');
}

static void write_row(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_census_row *row)
{
	const struct ct_census_part *part = &row->group->parts[row->state];

	ct_json_open(json, NULL, '{');
	ct_json_string(json, "kind", ct_context_kind_name(row->group->kind));
	write_parent(json, snapshot, row->group);
	ct_json_number(json, "depth", row->group->depth);
	ct_json_string(json, "state", ct_census_state_name(row->state));
	ct_json_number(json, "count", part->count);
	if (row->state == CT_CENSUS_UNKNOWN)
		ct_json_null(json, "retained_by");
	else
		ct_json_retention(json, part->retained_by);
	ct_json_number(json, "retained_bytes", part->bytes);
	ct_json_seconds(json, "oldest_s", snapshot->now_ns > part->first_ns ? snapshot->now_ns - part->first_ns : 0);
	write_deadlines(json, snapshot->now_ns, part);
	write_growth(json, ct_tree_census(snapshot->tree), row->group);
	ct_json_close(json, '}');
}

static void write_rest(struct ct_json *json, const struct ct_census_groups *groups, const struct ct_census_row *rows,
		       int shown, int count)
{
	uint64_t contexts = groups->ungrouped;

	for (int i = shown; i < count; i++)
		contexts += rows[i].group->parts[rows[i].state].count;
	ct_json_open(json, "rest", '{');
	ct_json_number(json, "groups", (uint64_t)(count - shown));
	ct_json_number(json, "contexts", contexts);
	ct_json_close(json, '}');
}

static void write_states(struct ct_json *json, const struct ct_census_groups *groups)
{
	ct_json_open(json, "states", '{');
	for (unsigned int state = CT_CENSUS_UNKNOWN + 1; state < CT_CENSUS_STATE_END; state++)
		ct_json_number(json, ct_census_state_name((enum ct_census_state)state), groups->totals[state]);
	ct_json_number(json, "unknown", groups->totals[CT_CENSUS_UNKNOWN]);
	ct_json_close(json, '}');
}

int ct_json_census(struct ct_json *json, const struct ct_snapshot *snapshot)
{
	const struct ct_census_groups *groups = ct_tree_census(snapshot->tree);
	struct ct_census_row *rows;
	int count = groups ? ct_census_rows(groups, &rows) : 0;
	int shown = count < ROWS_MAX ? count : ROWS_MAX;

	if (!groups || count < 0)
		return count;
	ct_json_open(json, "census", '{');
	ct_json_number(json, "readings", groups->readings);
	ct_json_number(json, "read_bytes", groups->read_bytes);
	if (ct_tree_window(snapshot->tree)->runtime == CT_RUNTIME_GO)
		ct_json_number(json, "collections", groups->collections);
	else
		ct_json_null(json, "collections");
	write_states(json, groups);
	ct_json_open(json, "groups", '[');
	for (int i = 0; i < shown; i++)
		write_row(json, snapshot, &rows[i]);
	ct_json_close(json, ']');
	write_rest(json, groups, rows, shown, count);
	ct_json_close(json, '}');
	free(rows);
	return 0;
}
