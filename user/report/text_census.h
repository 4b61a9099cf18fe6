// SPDX-License-Identifier: Apache-2.0
/* The census in the report for people. */
#pragma once

#include "base/text.h"
#include "ctxtrace/report.h"

/** Rows shown; the rest is counted. */
#define CT_CENSUS_LINES_MAX 12

/** Add what lives by parent, kind and depth; nothing for a window with probes. @return 0 or -ENOMEM. */
int ct_text_add_census(const struct ct_snapshot *snapshot, struct ct_text *text);

/** Groups of a round that are named, those that grew most. */
#define CT_CENSUS_GROWN_MAX 3

/** Add what one round of `census --watch` says while it runs; nothing for a window with probes. */
void ct_text_add_census_round(struct ct_text *text, const struct ct_tree *tree);
