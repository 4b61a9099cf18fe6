// SPDX-License-Identifier: Apache-2.0
/* One round of `census --watch`: a line with the figures, and one for each of the groups that grew most. */
#include "report/census_rows.h"
#include "report/paragraph.h"
#include "report/text_census.h"

#include <inttypes.h>

#define INDENT 2
#define WORDS_COLUMN 4

/* A group and how it grew. */
struct grown {
	const struct ct_census_group *group;
	struct ct_census_growth growth;
};

/* The groups that grew most, the first first. @return how many. */
static size_t find_grown(const struct ct_census_groups *groups, struct grown top[CT_CENSUS_GROWN_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < groups->count; i++) {
		struct grown grown = { .group = &groups->list[i] };
		size_t at = count;

		if (!ct_census_growth_of(groups, grown.group, &grown.growth) || grown.growth.count <= 0)
			continue;
		while (at && top[at - 1].growth.count < grown.growth.count)
			at--;
		if (at == CT_CENSUS_GROWN_MAX)
			continue;
		count += count < CT_CENSUS_GROWN_MAX;
		for (size_t last = count - 1; last > at; last--)
			top[last] = top[last - 1];
		top[at] = grown;
	}
	return count;
}

static void add_grown(struct ct_text *text, const struct ct_census_groups *groups, const struct grown *grown)
{
	struct ct_text words = { 0 };

	ct_text_add_census_growth(&words, groups, &grown->growth);
	ct_text_add(&words, ": ");
	ct_text_add_census_group(&words, grown->group);
	text->failed |= words.failed;
	if (!text->failed) {
		ct_text_add_paragraph(text, INDENT, WORDS_COLUMN, "", words.data);
	}
	ct_text_done(&words);
}

void ct_text_add_census_round(struct ct_text *text, const struct ct_tree *tree)
{
	const struct ct_census_groups *groups = ct_tree_census(tree);
	struct grown top[CT_CENSUS_GROWN_MAX];
	size_t count = groups ? find_grown(groups, top) : 0;

	if (!groups)
		return;
	ct_text_add(text, "ctxtrace: reading ");
	ct_text_add_grouped(text, groups->readings);
	if (groups->readings > 1) {
		ct_text_add(text, " after ");
		ct_text_add_duration(text, groups->last_ns - groups->first_ns);
	}
	ct_text_add(text, ": ");
	ct_text_add_grouped(text, ct_tree_totals(tree)->live);
	ct_text_add(text, " live");
	for (unsigned int state = CT_CENSUS_LOST; state < CT_CENSUS_STATE_END; state++) {
		if (!groups->totals[state])
			continue;
		ct_text_add(text, ", ");
		ct_text_add_grouped(text, groups->totals[state]);
		ct_text_addf(text, " %s", ct_census_state_name((enum ct_census_state)state));
	}
	ct_text_add(text, "\n");
	for (size_t i = 0; i < count; i++)
		add_grown(text, groups, &top[i]);
}
