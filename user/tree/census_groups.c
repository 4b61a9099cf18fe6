// SPDX-License-Identifier: Apache-2.0
/*
 * Grouping the live contexts at the end of a reading. A million contexts are walked three times with two bytes for
 * each: to find which parents have most children, how deep each context lies, and to count.
 */
#include "tree/census_groups.h"

#include "tree/private.h"

#include <errno.h>
#include <string.h>

#define SLOTS 2048u /* twice the groups, a power of two */
#define CHILDREN_BITS 32
#define PARENTS_FEW 8	 /* so many may have groups of their own with a single child each */
#define CHILDREN_FEW 4u

/* One grouping under way. */
struct grouping {
	struct ct_tree *tree;
	struct ct_census_groups *groups;
	uint8_t *depths; /* by context: depth + 1, 0 not known yet */
	uint8_t *kinds;	 /* by parent: kinds of children that were counted for it already */
	uint32_t children_min; /* a parent with so many children has groups of its own */
	uint16_t slots[SLOTS]; /* index + 1 of a group, 0 empty */
};

static bool is_live(const struct ct_context *context)
{
	return context->id && !(context->state & CT_CONTEXT_ENDED);
}

/*
 * The least power of two that no more than CT_CENSUS_PARENTS_MAX parents reach. Connections with a context each are one
 * line, unless there are so few that each can have its own.
 */
static uint32_t children_min(const struct ct_tree *tree)
{
	uint32_t parents[CHILDREN_BITS] = { 0 }, sum = 0, least = 1;

	for (uint32_t i = 0; i < tree->contexts.end; i++) {
		const struct ct_context *context = ct_tree_at(tree, i);

		if (context->id && context->children)
			parents[31 - __builtin_clz(context->children)]++;
	}
	for (int bit = CHILDREN_BITS - 1; bit >= 0 && least == 1; bit--) {
		sum += parents[bit];
		if (sum > CT_CENSUS_PARENTS_MAX)
			least = bit == CHILDREN_BITS - 1 ? UINT32_MAX : 1u << (bit + 1);
	}
	return sum > PARENTS_FEW && least < CHILDREN_FEW ? CHILDREN_FEW : least;
}

/* 1 for a parent that can be cancelled: the step down from it. */
static uint32_t step_below(const struct ct_tree *tree, uint32_t parent)
{
	return parent != CT_INDEX_NONE && ct_is_cancellable(ct_tree_at(tree, parent)->kind);
}

/* Up to an ancestor whose depth is known, and the same way once more: each context is passed twice at most. */
static uint8_t depth_of(const struct grouping *grouping, uint32_t index)
{
	const struct ct_tree *tree = grouping->tree;
	uint32_t at = index, depth = 0, hops = 0;

	for (; at != CT_INDEX_NONE && !grouping->depths[at] && hops < tree->contexts.end; hops++) {
		depth += step_below(tree, ct_tree_at(tree, at)->parent);
		at = ct_tree_at(tree, at)->parent;
	}
	if (at != CT_INDEX_NONE && grouping->depths[at])
		depth += grouping->depths[at] - 1u;
	for (at = index; hops; hops--) {
		grouping->depths[at] = (uint8_t)((depth < CT_CENSUS_DEPTH_MAX ? depth : CT_CENSUS_DEPTH_MAX) + 1);
		at = ct_tree_at(tree, at)->parent;
		depth -= step_below(tree, at);
	}
	return (uint8_t)(grouping->depths[index] - 1);
}

static bool is_same(const struct ct_census_group *a, const struct ct_census_group *b)
{
	return a->parent_id == b->parent_id && a->parent_kind == b->parent_kind && a->kind == b->kind &&
	       a->depth == b->depth && a->is_root == b->is_root;
}

static uint32_t slot_of(const struct grouping *grouping, const struct ct_census_group *key)
{
	uint64_t hash = (uint64_t)key->kind << 24 | (uint64_t)key->parent_kind << 16 | (uint64_t)key->depth << 8 |
			key->is_root;
	uint32_t slot;

	hash = (hash ^ key->parent_id * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);
	slot = (uint32_t)(hash >> 40) & (SLOTS - 1);
	while (grouping->slots[slot] && !is_same(&grouping->groups->list[grouping->slots[slot] - 1], key))
		slot = (slot + 1) & (SLOTS - 1);
	return slot;
}

/*
 * A group that was not there at the last reading. Below a root, or below a parent that is younger than the first
 * reading, it was empty at the first one; of any other nobody knows how many there were.
 */
static void set_since(struct ct_census_group *group, const struct grouping *grouping, const struct ct_context *parent)
{
	const struct ct_census_groups *groups = grouping->groups;
	bool was_empty = group->is_root || (group->parent_id && parent->created_ns > groups->first_ns);

	group->since_ns = was_empty ? groups->first_ns : groups->last_ns;
	group->since_count = UINT64_MAX; // not known before this reading is counted
	if (was_empty && groups->readings > 1)
		group->since_count = 0;
}

static struct ct_census_group *find_or_add(struct grouping *grouping, const struct ct_census_group *key,
					   const struct ct_context *parent)
{
	struct ct_census_groups *groups = grouping->groups;
	uint32_t slot = slot_of(grouping, key);

	if (grouping->slots[slot])
		return &groups->list[grouping->slots[slot] - 1];
	if (groups->count == CT_CENSUS_GROUPS_MAX)
		return NULL;
	groups->list[groups->count] = *key;
	ct_census_samples_open(&groups->list[groups->count], groups->last_ns);
	set_since(&groups->list[groups->count], grouping, parent);
	grouping->slots[slot] = (uint16_t)++groups->count;
	return &groups->list[groups->count - 1];
}

/* The group of a context, without regard to whether there is one. */
static struct ct_census_group key_of(const struct grouping *grouping, uint32_t index, const struct ct_context *parent)
{
	const struct ct_context *context = ct_tree_at(grouping->tree, index);
	struct ct_census_group key = {
		.parent = CT_INDEX_NONE,
		.parent_kind = context->parent_kind,
		.kind = context->kind,
		.depth = depth_of(grouping, index),
		.is_root = !parent,
	};

	if (!parent)
		return key;
	key.parent_kind = parent->kind;
	if (parent->children >= grouping->children_min) {
		key.parent_id = parent->id;
		key.parent = context->parent;
		key.parents = 1;
	}
	return key;
}

/* Several parents share a group: each is counted with its first child. */
static void count_parent(struct grouping *grouping, struct ct_census_group *group, const struct ct_context *context)
{
	uint8_t bit = (uint8_t)(1u << (context->kind % 8)), *kinds;

	if (context->parent == CT_INDEX_NONE || group->parent_id)
		return;
	kinds = &grouping->kinds[context->parent];
	group->parents += !(*kinds & bit);
	*kinds |= bit;
}

static void count_one(struct grouping *grouping, struct ct_census_group *group, const struct ct_context *context,
		      enum ct_census_state state)
{
	struct ct_census_part *part = &group->parts[state];
	struct ct_census_sample *sample = &group->samples[group->samples_count];
	uint64_t deadline_ns = context->deadline_ns;
	uint64_t bytes;

	if (!part->count || context->created_ns < part->first_ns)
		part->first_ns = context->created_ns;
	if (deadline_ns && (!part->deadline_min_ns || deadline_ns < part->deadline_min_ns))
		part->deadline_min_ns = deadline_ns;
	if (deadline_ns > part->deadline_max_ns)
		part->deadline_max_ns = deadline_ns;
	part->count++;
	group->count += state != CT_CENSUS_UNRETAINED;
	if (!context->retained_by || state == CT_CENSUS_UNRETAINED)
		return;
	bytes = ct_context_size(grouping->tree->window.runtime, context->kind, context->retained_by);
	part->retained_by |= context->retained_by;
	part->bytes += bytes;
	sample->count++;
	sample->bytes += bytes;
}

static void count_all(struct grouping *grouping)
{
	const struct ct_tree *tree = grouping->tree;
	struct ct_census_groups *groups = grouping->groups;

	for (uint32_t i = 0; i < tree->contexts.end; i++) {
		const struct ct_context *context = ct_tree_at(tree, i), *parent;
		struct ct_census_group *group, key;
		enum ct_census_state state;

		if (!is_live(context))
			continue;
		state = ct_tree_census_state(tree, context);
		groups->totals[state]++;
		parent = context->parent == CT_INDEX_NONE ? NULL : ct_tree_at(tree, context->parent);
		key = key_of(grouping, i, parent);
		group = find_or_add(grouping, &key, parent);
		if (!group) {
			groups->ungrouped++;
			continue;
		}
		count_parent(grouping, group, context);
		count_one(grouping, group, context, state);
	}
}

/* Empty the counts of the last reading; what is kept between two is the key and the growth. */
static void clear_counts(struct grouping *grouping)
{
	struct ct_census_groups *groups = grouping->groups;

	groups->ungrouped = 0;
	memset(groups->totals, 0, sizeof(groups->totals));
	for (size_t i = 0; i < groups->count; i++) {
		struct ct_census_group *group = &groups->list[i];

		memset(group->parts, 0, sizeof(group->parts));
		group->count = 0;
		group->parents = group->parent_id ? 1 : 0;
		ct_census_samples_open(group, groups->last_ns);
		grouping->slots[slot_of(grouping, group)] = (uint16_t)(i + 1);
	}
}

/* Groups below a parent that is gone, or has too few children now, are forgotten; those at a root may come back. */
static void forget_empty(struct ct_census_groups *groups)
{
	size_t kept = 0;

	for (size_t i = 0; i < groups->count; i++) {
		struct ct_census_group *group = &groups->list[i];
		bool is_empty = !group->count && !group->parts[CT_CENSUS_UNRETAINED].count;

		if (is_empty && !group->is_root)
			continue;
		group->samples_count++;
		if (group->since_count == UINT64_MAX)
			group->since_count = group->count;
		if (kept != i)
			groups->list[kept] = *group;
		kept++;
	}
	groups->count = kept;
}

static int reserve(struct grouping *grouping)
{
	struct ct_tree *tree = grouping->tree;
	size_t contexts = (size_t)tree->contexts.end + 1;

	if (!grouping->groups->list)
		grouping->groups->list =
			ct_allocate(tree->allocator, CT_CENSUS_GROUPS_MAX * sizeof(*grouping->groups->list));
	grouping->depths = ct_allocate(tree->allocator, contexts);
	grouping->kinds = ct_allocate(tree->allocator, contexts);
	return grouping->groups->list && grouping->depths && grouping->kinds ? 0 : -ENOMEM;
}

int ct_census_groups_update(struct ct_tree *tree, const struct ct_event_scan *scan)
{
	struct grouping grouping = { .tree = tree, .groups = &tree->census };
	struct ct_census_groups *groups = grouping.groups;
	int rc = reserve(&grouping);

	if (!rc) {
		groups->readings++;
		groups->last_ns = scan->began_ns;
		if (groups->readings == 1)
			groups->first_ns = scan->began_ns;
		groups->read_bytes = scan->read_bytes;
		groups->collections = scan->collections;
		grouping.children_min = children_min(tree);
		clear_counts(&grouping);
		count_all(&grouping);
		forget_empty(groups);
	}
	ct_release(tree->allocator, grouping.depths);
	ct_release(tree->allocator, grouping.kinds);
	return rc;
}

void ct_census_groups_forget(struct ct_tree *tree)
{
	struct ct_census_group *list = tree->census.list;

	tree->census = (struct ct_census_groups){ .list = list };
}

void ct_census_groups_done(struct ct_tree *tree)
{
	ct_release(tree->allocator, tree->census.list);
}

const struct ct_census_groups *ct_tree_census(const struct ct_tree *tree)
{
	return tree->census.readings ? &tree->census : NULL;
}
