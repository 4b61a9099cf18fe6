// SPDX-License-Identifier: Apache-2.0
/* The rows of a census, in the order every format shows them, and the words for one. */
#pragma once

#include "base/text.h"
#include "ctxtrace/census_groups.h"
#include "ctxtrace/tree.h"

/** Contexts of one group about which memory says the same. */
struct ct_census_row {
	const struct ct_census_group *group;
	enum ct_census_state state;
};

/**
 * All rows, most numerous first.
 *
 * @param ret_rows  To be freed with free().
 * @return how many, or -ENOMEM.
 */
int ct_census_rows(const struct ct_census_groups *groups, struct ct_census_row **ret_rows);

/** Add what its contexts are: "cancel, depth 1, below cancel #2". */
void ct_text_add_census_group(struct ct_text *text, const struct ct_census_group *group);

/** Add how it grew: "+1,204 since the first reading, +60.2/min, at this rate 3,612/h and 10 MB/day". */
void ct_text_add_census_growth(struct ct_text *text, const struct ct_census_groups *groups,
			       const struct ct_census_growth *growth);
