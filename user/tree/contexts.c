// SPDX-License-Identifier: Apache-2.0
/* Making contexts, adopting those that are older than the attach, and linking them to their parents. */
#include "tree/private.h"

uint32_t ct_context_find(const struct ct_tree *tree, uint64_t address)
{
	return ct_map_find(&tree->by_address, address);
}

uint32_t ct_context_make(struct ct_tree *tree, uint64_t address, uint64_t time_ns)
{
	uint32_t index = ct_slab_take(&tree->contexts);
	struct ct_context *context = ct_tree_at(tree, index);
	struct ct_ended *ended = ct_ended_find(tree, address);

	if (ended)
		ended->address = 0; // the address means this one from now on
	context->id = ++tree->last_id;
	context->address = address;
	context->created_ns = time_ns;
	context->parent = CT_INDEX_NONE;
	ct_map_insert(&tree->by_address, address, index);
	tree->totals.live++;
	tree->measures.live[context->kind]++;
	if (tree->totals.live > tree->totals.peak_live)
		tree->totals.peak_live = tree->totals.live;
	return index;
}

uint32_t ct_context_adopt(struct ct_tree *tree, uint64_t address, uint64_t time_ns, uint8_t kind)
{
	uint32_t index = ct_context_make(tree, address, time_ns);
	struct ct_context *context = ct_tree_at(tree, index);

	context->state = CT_CONTEXT_ADOPTED;
	ct_context_becomes(tree, context, kind);
	context->site = CT_SITE_UNKNOWN;
	ct_tree_site_at(tree, CT_SITE_UNKNOWN)->live++;
	tree->totals.adopted++;
	return index;
}

void ct_context_link(struct ct_tree *tree, uint32_t index, uint32_t parent, uint8_t parent_kind)
{
	struct ct_context *context = ct_tree_at(tree, index);

	context->parent = parent;
	context->parent_kind = parent_kind;
	context->is_todo = parent_kind == CT_KIND_TODO;
	if (parent == CT_INDEX_NONE)
		return;
	context->is_todo = ct_tree_at(tree, parent)->is_todo;
	ct_tree_at(tree, parent)->children++;
}

static bool has_parent(uint64_t address, uint8_t parent_kind)
{
	return address && parent_kind != CT_KIND_BACKGROUND && parent_kind != CT_KIND_TODO;
}

bool ct_context_is_new_parent(const struct ct_tree *tree, uint64_t address, uint8_t parent_kind)
{
	return has_parent(address, parent_kind) && ct_context_find(tree, address) == CT_INDEX_NONE;
}

/* A child of a context that ended not long ago and was forgotten: it comes back as an ended one, so that the child's
 * end can be explained, and goes with the child. */
static uint32_t recall(struct ct_tree *tree, const struct ct_ended *ended, uint64_t time_ns)
{
	uint32_t index = ct_slab_take(&tree->contexts);
	struct ct_context *context = ct_tree_at(tree, index);

	context->id = ++tree->last_id;
	context->address = ended->address;
	context->created_ns = time_ns;
	context->parent = CT_INDEX_NONE;
	context->site = ended->site;
	context->kind = CT_KIND_CANCEL;
	context->state = CT_CONTEXT_ENDED;
	context->reason = ended->reason;
	if (ended->reason == CT_REASON_PARENT && ended->group != CT_INDEX_NONE)
		ct_origin_keep(tree, &(struct ct_origin){ .id = context->id,
							  .site = tree->groups[ended->group].origin_site,
							  .reason = tree->groups[ended->group].origin_reason });
	return index;
}

uint32_t ct_context_parent(struct ct_tree *tree, uint64_t address, uint8_t parent_kind, uint64_t time_ns)
{
	const struct ct_ended *ended;
	uint32_t index;

	if (!has_parent(address, parent_kind))
		return CT_INDEX_NONE;
	index = ct_context_find(tree, address);
	if (index != CT_INDEX_NONE)
		return index;
	ended = parent_kind == CT_KIND_FOREIGN ? NULL : ct_ended_find(tree, address);
	if (ended)
		return recall(tree, ended, time_ns);
	return ct_context_adopt(tree, address, time_ns, parent_kind);
}

bool ct_context_is_below(const struct ct_tree *tree, uint32_t index, uint32_t above)
{
	for (uint32_t hop = 0; index != CT_INDEX_NONE; hop++) {
		if (index == above || hop == CT_CYCLE_HOPS_MAX)
			return true; // too deep to tell: as if it were
		index = ct_tree_at(tree, index)->parent;
	}
	return false;
}
