// SPDX-License-Identifier: Apache-2.0
/* Leaks by function, and never more than a bounded number of functions. */
#pragma once

#include "report/metrics.h"

/** Of the functions that have no row of their own. A function of the target that is called so is counted there, too. */
#define CT_OTHER_FUNCTIONS "other"

/** One function. */
struct ct_leak_row {
	char function[CT_LABEL_ROOM];
	uint64_t contexts;
	uint64_t bytes;
};

/** Rows in the order of the report, then the others. */
struct ct_leak_rows {
	struct ct_leak_row at[CT_METRICS_FUNCTIONS + 1];
	unsigned int count; /**< The last one is always that of the others. */
};

/** @return the function that a site is called by, "unknown" when nobody saw it. Borrowed from the tree. */
const char *ct_function_of(const struct ct_tree *tree, uint32_t site);

/** Add up the confirmed leaks of contexts. No two rows have the same function. */
void ct_leak_rows_count(struct ct_leak_rows *rows, const struct ct_snapshot *snapshot);
