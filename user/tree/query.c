// SPDX-License-Identifier: Apache-2.0
/* Asking the tree. */
#include "tree/private.h"

static bool is_held(const struct ct_tree *tree, const struct ct_context *context)
{
	const uint16_t otherwise =
		CT_CONTEXT_LOST | CT_CONTEXT_LOST_ONCE | CT_CONTEXT_UNRETAINED | CT_CONTEXT_UNDECIDED;

	return context->created_ns < tree->window.collected_before_ns && !(context->state & otherwise) &&
	       ct_is_cancellable(context->kind);
}

/*
 * Bring the bits up to date that depend on more than the context itself. An ended context keeps those it ended with.
 * The tree is const to whoever asks; what changes is only how much of its knowledge is written down.
 */
const struct ct_context *ct_tree_show(const struct ct_tree *tree, struct ct_context *context)
{
	uint16_t state = context->state;

	if (state & CT_CONTEXT_ENDED)
		return context;
	// whatever was written at an earlier look is no evidence: a replay looks at other moments
	state &= (uint16_t)~(CT_CONTEXT_GAP | CT_CONTEXT_HELD | CT_CONTEXT_MAKER_GONE);
	if (context->created_ns < tree->gap_to_ns)
		state |= CT_CONTEXT_GAP;
	if (is_held(tree, context))
		state |= CT_CONTEXT_HELD;
	if (state & CT_CONTEXT_TASK_KNOWN && ct_task_has_gone(tree, context->task, context->created_ns))
		state |= CT_CONTEXT_MAKER_GONE;
	context->state = state;
	return context;
}

const struct ct_context *ct_tree_find(const struct ct_tree *tree, uint64_t address)
{
	return ct_tree_context(tree, ct_context_find(tree, address));
}

const struct ct_context *ct_tree_context(const struct ct_tree *tree, uint32_t index)
{
	struct ct_context *context = index < tree->contexts.end ? ct_tree_at(tree, index) : NULL;

	return context && context->id ? ct_tree_show(tree, context) : NULL;
}

uint64_t ct_tree_id(const struct ct_tree *tree, uint32_t index)
{
	return index < tree->contexts.end ? ct_tree_at(tree, index)->id : 0;
}

const struct ct_context *ct_tree_parent(const struct ct_tree *tree, const struct ct_context *context)
{
	return ct_tree_context(tree, context->parent);
}

uint32_t ct_tree_end(const struct ct_tree *tree)
{
	return tree->contexts.end;
}

uint32_t ct_tree_index(const struct ct_tree *tree, const struct ct_context *context)
{
	return ct_slab_index(&tree->contexts, context);
}

const struct ct_site *ct_tree_site(const struct ct_tree *tree, uint32_t index)
{
	return index < tree->sites.end ? ct_tree_site_at(tree, index) : NULL;
}

uint32_t ct_tree_sites(const struct ct_tree *tree)
{
	return tree->sites.end;
}

const struct ct_cancel_group *ct_tree_cancels(const struct ct_tree *tree, size_t *ret_count)
{
	*ret_count = tree->groups_count;
	return tree->groups;
}

const struct ct_totals *ct_tree_totals(const struct ct_tree *tree)
{
	return &tree->totals;
}

uint32_t ct_tree_contexts_max(const struct ct_tree *tree)
{
	return tree->caps.max_contexts;
}

const struct ct_window *ct_tree_window(const struct ct_tree *tree)
{
	return &tree->window;
}

bool ct_tree_is_incomplete(const struct ct_tree *tree)
{
	const struct ct_totals *totals = &tree->totals;

	for (unsigned int i = 0; i < CT_COUNTER_END; i++)
		if (ct_counter_is_drop(i) && totals->counters[i])
			return true;
	if (ct_window_is_census(&tree->window) && totals->failed_scans && totals->scans < (tree->window.stopped_ns ? 1 : 2))
		return true; // readings are all a census has, and it takes two while the target runs
	return totals->gaps || totals->lost_events || totals->refused_contexts || totals->refused_sites ||
	       totals->refused_tasks;
}
