// SPDX-License-Identifier: Apache-2.0
/* The live tree as a document of its own, schema "ctxtrace-tree/1", bounded whatever lives. */
#pragma once

#include "ctxtrace/report.h"

/** Contexts shown: the oldest ones. */
#define CT_TREE_PAGE_MAX 10000

/** Levels shown; many readers of JSON give up at a thousand brackets. */
#define CT_TREE_PAGE_DEPTH 256

/**
 * {schema, live, shown, truncated, tree}; its nodes are those of the report's `tree`.
 * @return 0 or -ENOMEM.
 */
int ct_json_tree_page(const struct ct_snapshot *snapshot, struct ct_text *text);
