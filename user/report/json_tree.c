// SPDX-License-Identifier: Apache-2.0
#include "report/json_tree.h"

#include "report/json_parts.h"
#include "report/summary.h"

#include <stdlib.h>

/* Ended contexts that are kept for those below them are nodes, too. */
static uint64_t nodes_of(const struct ct_tree *tree)
{
	uint32_t end = ct_tree_end(tree);
	uint64_t count = 0;

	for (uint32_t i = 0; i < end; i++)
		count += ct_tree_id(tree, i) != 0;
	return count;
}

int ct_json_tree_page(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	struct ct_json json = { .text = text };
	struct ct_tree_entry *order = NULL;
	int count = ct_tree_excerpt(snapshot, CT_TREE_PAGE_MAX, CT_TREE_PAGE_DEPTH, &order);

	if (count < 0)
		return count;
	ct_json_open(&json, NULL, '{');
	ct_json_string(&json, "schema", "ctxtrace-tree/1");
	ct_json_number(&json, "live", ct_tree_totals(snapshot->tree)->live);
	ct_json_number(&json, "shown", (uint64_t)count);
	ct_json_bool(&json, "truncated", (uint64_t)count < nodes_of(snapshot->tree));
	ct_json_nodes(&json, snapshot, order, count);
	ct_json_close(&json, '}');
	ct_text_add(text, "\n");
	free(order);
	return 0;
}
