// SPDX-License-Identifier: Apache-2.0
/* The live tree as indented lines, for --tree. */
#pragma once

#include "base/text.h"
#include "ctxtrace/report.h"

/** Lines shown; a larger tree is cut and says so. JSON has all of it. */
#define CT_TREE_LINES_MAX 10000

/** Add the tree. @return 0 or -ENOMEM. */
int ct_text_add_tree(const struct ct_snapshot *snapshot, struct ct_text *text);
