// SPDX-License-Identifier: Apache-2.0
/* What a thread of a C program serves now: the requests that it has begun and not ended, one inside the other. */
#include "tree/private.h"

/* So many requests inside of one another are followed. */
#define DEPTH_MAX 64

static struct ct_request *request_at(const struct ct_tree *tree, uint32_t index)
{
	return ct_slab_at(&tree->requests, index);
}

/* The one that it lay in is the innermost again, if it is not over. */
void ct_serving_pop(struct ct_tree *tree, uint32_t index)
{
	const struct ct_request *request = request_at(tree, index);
	const struct ct_request *outer = request->outer_id ? request_at(tree, request->outer) : NULL;

	if (!request->task || ct_map_find(&tree->by_innermost, request->task) != index)
		return;
	ct_map_remove(&tree->by_innermost, request->task);
	if (outer && outer->id == request->outer_id && !outer->over_ns)
		ct_map_insert(&tree->by_innermost, request->task, request->outer);
}

void ct_serving_push(struct ct_tree *tree, uint32_t index)
{
	struct ct_request *request = request_at(tree, index);
	uint32_t outer = ct_map_find(&tree->by_innermost, request->task);

	if (outer != CT_INDEX_NONE) {
		request->outer = outer;
		request->outer_id = request_at(tree, outer)->id;
		ct_map_remove(&tree->by_innermost, request->task);
	}
	ct_map_insert(&tree->by_innermost, request->task, index);
}

/* Is it served inside of the one that its task was serving before, as its contexts tell? */
static bool is_nested(const struct ct_tree *tree, const struct ct_request *request)
{
	uint32_t at = ct_context_find(tree, request->context), above;

	if (at == CT_INDEX_NONE || ct_tree_at(tree, at)->id != request->context_id)
		return false;
	above = ct_tree_at(tree, at)->parent;
	return above != CT_INDEX_NONE && ct_request_any_of(tree, ct_tree_at(tree, above)) == request->outer;
}

/* What a task serves now. Of several that do not lie in one another nobody knows which it is at work for. */
uint32_t ct_request_current(const struct ct_tree *tree, uint64_t task)
{
	uint32_t index = ct_map_find(&tree->by_innermost, task), at = index;

	for (int depth = 0; at != CT_INDEX_NONE && request_at(tree, at)->outer_id; depth++) {
		const struct ct_request *request = request_at(tree, at), *outer = request_at(tree, request->outer);

		if (outer->id != request->outer_id || outer->over_ns)
			break;
		if (depth == DEPTH_MAX || !is_nested(tree, request))
			return CT_INDEX_NONE;
		at = request->outer;
	}
	return index;
}
