// SPDX-License-Identifier: Apache-2.0
/*
 * Suppression files: known findings to leave out. One per line: KIND PATTERN, where KIND is a finding's name or `*` and
 * PATTERN a glob (fnmatch) on the name of any function of the site. `#` begins a comment. Left out is counted.
 */
#pragma once

#include "ctxtrace/detect.h"
#include "ctxtrace/error.h"

/** The rules of one file. */
struct ct_suppressions;

/** Read a file. @return 0 or negative errno; a bad line is told with its number. */
int ct_suppressions_load(const char *path, struct ct_suppressions **ret, struct ct_error *reterr);

/** Free them. NULL is fine. */
void ct_suppressions_free(struct ct_suppressions *suppressions);

/** Does a rule name this finding? */
bool ct_suppressions_match(const struct ct_suppressions *suppressions, const struct ct_tree *tree,
			   const struct ct_finding *finding);
