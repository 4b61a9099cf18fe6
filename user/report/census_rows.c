// SPDX-License-Identifier: Apache-2.0
#include "report/census_rows.h"

#include "ctxtrace/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_count(const void *left, const void *right)
{
	const struct ct_census_row *a = left, *b = right;
	const uint64_t keys[][2] = {
		{ b->group->parts[b->state].count, a->group->parts[a->state].count },
		{ a->group->depth, b->group->depth },
		{ a->group->parent_id, b->group->parent_id },
		{ a->group->is_root, b->group->is_root },
		{ a->group->parent_kind, b->group->parent_kind },
		{ a->group->kind, b->group->kind },
		{ a->state, b->state },
	};
	int order = 0;

	for (size_t i = 0; !order && i < sizeof(keys) / sizeof(keys[0]); i++)
		order = compare(keys[i][0], keys[i][1]);
	return order;
}

int ct_census_rows(const struct ct_census_groups *groups, struct ct_census_row **ret_rows)
{
	struct ct_census_row *rows = calloc(groups->count * CT_CENSUS_STATE_END + 1, sizeof(*rows));
	size_t count = 0;

	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < groups->count; i++)
		for (unsigned int state = 0; state < CT_CENSUS_STATE_END; state++)
			if (groups->list[i].parts[state].count)
				rows[count++] = (struct ct_census_row){ &groups->list[i], (enum ct_census_state)state };
	qsort(rows, count, sizeof(*rows), by_count);
	*ret_rows = rows;
	return (int)count;
}

static void add_parent(struct ct_text *text, const struct ct_census_group *group)
{
	if (group->is_root && group->parent_kind == CT_KIND_BACKGROUND)
		ct_text_add(text, "below Background");
	else if (group->is_root && group->parent_kind == CT_KIND_TODO)
		ct_text_add(text, "below TODO");
	else if (group->is_root)
		ct_text_add(text, "parent unknown");
	else if (group->parent_id)
		ct_text_addf(text, "below %s #%" PRIu64, ct_context_kind_name(group->parent_kind), group->parent_id);
	else if (group->parents == 1)
		ct_text_addf(text, "below one %s", ct_context_kind_name(group->parent_kind));
	else {
		ct_text_add(text, "below ");
		ct_text_add_grouped(text, group->parents);
		ct_text_addf(text, " of kind %s", ct_context_kind_name(group->parent_kind));
	}
}

void ct_text_add_census_group(struct ct_text *text, const struct ct_census_group *group)
{
	ct_text_addf(text, "%s, depth %u%s, ", ct_context_kind_name(group->kind), group->depth,
		     group->depth == CT_CENSUS_DEPTH_MAX ? " or more" : "");
	add_parent(text, group);
}

static void add_signed(struct ct_text *text, int64_t number)
{
	ct_text_add(text, number < 0 ? "-" : "+");
	ct_text_add_grouped(text, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void ct_text_add_census_growth(struct ct_text *text, const struct ct_census_groups *groups,
			       const struct ct_census_growth *growth)
{
	int64_t tenths = growth->per_min_milli / 100;

	add_signed(text, growth->count);
	if (growth->since_ns == groups->first_ns) {
		ct_text_add(text, " since the first reading, ");
	} else {
		ct_text_add(text, " in ");
		ct_text_add_duration(text, groups->last_ns - growth->since_ns);
		ct_text_add(text, ", ");
	}
	if (tenths > -1000 && tenths < 1000)
		ct_text_addf(text, "%s%" PRId64 ".%" PRId64 "/min", tenths < 0 ? "-" : "+",
			     (tenths < 0 ? -tenths : tenths) / 10, (tenths < 0 ? -tenths : tenths) % 10);
	else {
		add_signed(text, growth->per_min_milli / 1000);
		ct_text_add(text, "/min");
	}
	if (!growth->is_steady)
		return;
	ct_text_add(text, ", at this rate +");
	ct_text_add_grouped(text, growth->per_hour);
	ct_text_add(text, "/h, about ");
	ct_text_add_bytes(text, growth->bytes_per_day);
	ct_text_add(text, "/day");
}
