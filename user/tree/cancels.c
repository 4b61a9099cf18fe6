// SPDX-License-Identifier: Apache-2.0
/*
 * Who cancelled what: groups of equal cancellations, where a propagated one began, and the ended contexts of the last
 * moments. The two memories are of fixed size and forget: what they miss is counted in the totals all the same.
 */
#include "tree/private.h"

#include <errno.h>

static uint64_t key_of_group(const struct ct_cancel_group *group)
{
	uint64_t key = ct_mix((uint64_t)group->site << 32 | group->by);

	return ct_mix(key ^ ((uint64_t)group->origin_site << 16 | group->reason << 8 | group->origin_reason));
}

uint64_t ct_group_key(const void *owner, uint32_t index)
{
	const struct ct_tree *tree = owner;

	return key_of_group(&tree->groups[index]);
}

static bool is_same_group(const struct ct_cancel_group *a, const struct ct_cancel_group *b)
{
	return a->site == b->site && a->by == b->by && a->origin_site == b->origin_site && a->reason == b->reason &&
	       a->origin_reason == b->origin_reason;
}

int ct_cancels_reserve(struct ct_tree *tree)
{
	size_t capacity = tree->groups_capacity ? tree->groups_capacity * 2 : 16;
	struct ct_cancel_group *grown;

	if (tree->groups_count < tree->groups_capacity)
		return ct_map_reserve(&tree->by_group, 1);
	grown = ct_resize(tree->allocator, tree->groups, capacity * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	tree->groups = grown;
	tree->groups_capacity = capacity;
	return ct_map_reserve(&tree->by_group, 1);
}

/* Two groups with one 64-bit key do not happen by chance; if they do, the second goes without a group of its own. */
static uint32_t count_in(struct ct_tree *tree, const struct ct_cancel_group *group, bool may_add)
{
	uint64_t key = key_of_group(group);
	uint32_t index = ct_map_find(&tree->by_group, key);

	if (index == CT_INDEX_NONE) {
		if (!may_add)
			return CT_INDEX_NONE;
		index = (uint32_t)tree->groups_count++;
		tree->groups[index] = *group;
		ct_map_insert(&tree->by_group, key, index);
	}
	if (!is_same_group(&tree->groups[index], group))
		return CT_INDEX_NONE;
	tree->groups[index].count++;
	return index;
}

uint32_t ct_cancels_count(struct ct_tree *tree, const struct ct_cancel_group *group)
{
	struct ct_cancel_group other = { .origin_site = CT_INDEX_NONE, .reason = group->reason };
	uint32_t index = count_in(tree, group, tree->groups_count < CT_CANCEL_GROUPS_MAX);

	return index == CT_INDEX_NONE ? count_in(tree, &other, true) : index;
}

static struct ct_origin *origin_slot(const struct ct_tree *tree, uint64_t id)
{
	return &tree->origins[id % CT_ORIGIN_SLOTS];
}

struct ct_origin ct_origin_find(const struct ct_tree *tree, const struct ct_context *context)
{
	struct ct_origin none = { .id = context->id, .site = CT_INDEX_NONE };
	uint32_t above = context->parent;

	for (uint32_t hop = 0; hop < CT_ORIGIN_HOPS_MAX && above != CT_INDEX_NONE; hop++) {
		const struct ct_context *ancestor = ct_tree_at(tree, above);
		const struct ct_origin *known = origin_slot(tree, ancestor->id);

		if (!(ancestor->state & CT_CONTEXT_ENDED))
			return none; // it ended otherwise, or its own end is still to come
		if (ancestor->reason != CT_REASON_PARENT)
			return (struct ct_origin){ .id = context->id,
						   .site = ancestor->site,
						   .cause = ct_caused_find(tree, ancestor->id),
						   .reason = ancestor->reason };
		if (known->id == ancestor->id)
			return (struct ct_origin){ .id = context->id,
						   .site = known->site,
						   .cause = known->cause,
						   .reason = known->reason };
		above = ancestor->parent;
	}
	return none;
}

void ct_origin_keep(struct ct_tree *tree, const struct ct_origin *origin)
{
	*origin_slot(tree, origin->id) = *origin;
}

/* Those whose addresses go into the same few places. */
static struct ct_ended *ended_set(const struct ct_tree *tree, uint64_t address)
{
	return &tree->ended[ct_mix(address) % (CT_ENDED_SLOTS / CT_ENDED_WAYS) * CT_ENDED_WAYS];
}

static struct ct_ended *ended_slot(const struct ct_tree *tree, uint64_t address)
{
	struct ct_ended *set = ended_set(tree, address);

	for (unsigned int i = 0; i < CT_ENDED_WAYS; i++)
		if (set[i].address == address)
			return &set[i];
	return NULL;
}

static uint64_t last_use_ns(const struct ct_ended *ended)
{
	return ended->address ? ended->time_ns : 0;
}

/* In the place of the same address, of none, or of the one that ended first. */
void ct_ended_keep(struct ct_tree *tree, const struct ct_ended *ended)
{
	struct ct_ended *set = ended_set(tree, ended->address), *slot = ended_slot(tree, ended->address);

	if (slot) {
		*slot = *ended;
		return;
	}
	slot = set;
	for (unsigned int i = 1; i < CT_ENDED_WAYS; i++)
		if (last_use_ns(&set[i]) < last_use_ns(slot))
			slot = &set[i];
	*slot = *ended;
}

struct ct_ended *ct_ended_find(const struct ct_tree *tree, uint64_t address)
{
	struct ct_ended *ended = address ? ended_slot(tree, address) : NULL;

	return ended && !ended->is_stranger ? ended : NULL;
}

/* Strangers too; 0 when nothing is remembered of it. */
uint64_t ct_ended_time(const struct ct_tree *tree, uint64_t address)
{
	const struct ct_ended *ended = address ? ended_slot(tree, address) : NULL;

	return ended ? ended->time_ns : 0;
}

static void tell_end(const struct ct_tree *tree, const struct ct_ended *ended, struct ct_end_facts *ret)
{
	*ret = (struct ct_end_facts){
		.time_ns = ended->time_ns,
		.site = ended->site,
		.by = ended->group == CT_INDEX_NONE ? CT_SITE_UNKNOWN : tree->groups[ended->group].by,
		.cause = ended->cause,
		.reason = ended->reason,
	};
}

bool ct_tree_end_facts(const struct ct_tree *tree, uint64_t address, struct ct_end_facts *ret)
{
	const struct ct_ended *ended = ct_ended_find(tree, address);

	if (ended)
		tell_end(tree, ended, ret);
	return ended;
}

bool ct_tree_end_facts_of(const struct ct_tree *tree, const struct ct_context *context, struct ct_end_facts *ret)
{
	const struct ct_ended *ended = ct_ended_find(tree, context->address);

	if (!ended || ended->id != (uint32_t)context->id)
		return false;
	tell_end(tree, ended, ret);
	return true;
}
