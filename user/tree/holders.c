// SPDX-License-Identifier: Apache-2.0
/*
 * Who holds cancel functions, as memory told it: chains hop by hop, equal ones counted together within a group of
 * contexts. A chain counts when its last hop has come; one that is torn is dropped.
 */
#include "tree/private.h"

#include <errno.h>
#include <string.h>

static void release_names(const struct ct_tree *tree, struct ct_held_chain *chain)
{
	for (unsigned int i = 0; i < chain->hops_count; i++)
		ct_release(tree->allocator, (char *)(uintptr_t)chain->hops[i].name);
	*chain = (struct ct_held_chain){ 0 };
}

void ct_explained_clear(struct ct_tree *tree)
{
	struct ct_explained *explained = &tree->explained;

	release_names(tree, &explained->open);
	for (size_t i = 0; i < explained->held_count; i++)
		for (size_t j = 0; j < explained->held[i].chains_count; j++)
			release_names(tree, &explained->held[i].chains[j]);
	explained->held_count = 0;
	for (uint32_t i = 0; i < explained->goroutines_count; i++)
		ct_map_remove(&explained->by_goroutine, ct_goroutine_key(tree, i));
	explained->goroutines_count = 0;
	explained->totals = (struct ct_goroutine_totals){ 0 };
}

void ct_explained_begin(struct ct_tree *tree)
{
	if (tree->explained.is_old)
		ct_explained_clear(tree);
	tree->explained.is_old = false;
}

static bool is_same_chain(const struct ct_held_chain *a, const struct ct_held_chain *b)
{
	if (a->hops_count != b->hops_count || a->is_cut != b->is_cut)
		return false;
	for (unsigned int i = 0; i < a->hops_count; i++) {
		const struct ct_held_hop *left = &a->hops[i], *right = &b->hops[i];

		if (left->kind != right->kind || left->site != right->site ||
		    left->object_bytes != right->object_bytes || strcmp(left->name, right->name) != 0)
			return false;
	}
	return true;
}

static int reserve_group(struct ct_tree *tree)
{
	struct ct_explained *explained = &tree->explained;
	size_t room = explained->held_room ? explained->held_room * 2 : 4;
	struct ct_held_group *grown;

	if (explained->held_count < explained->held_room)
		return 0;
	grown = ct_resize(tree->allocator, explained->held, room * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	explained->held = grown;
	explained->held_room = room;
	return 0;
}

/* The group of this number; a new one is described by its first context, which has to live. */
static struct ct_held_group *group_of(struct ct_tree *tree, const struct ct_event_holder *holder)
{
	struct ct_explained *explained = &tree->explained;
	uint32_t index = ct_context_find(tree, holder->context);
	bool has_parents = holder->header.flags & CT_HOLDER_PARENTS;
	const struct ct_context *context;
	struct ct_held_group *group;

	for (size_t i = 0; i < explained->held_count; i++)
		if (explained->held[i].number == holder->group)
			return &explained->held[i];
	if (index == CT_INDEX_NONE || explained->held_count == CT_HELD_GROUPS_MAX)
		return NULL;
	context = ct_tree_at(tree, index);
	group = &explained->held[explained->held_count++];
	*group = (struct ct_held_group){ .number = holder->group,
					 .kind = context->kind,
					 .parent_kind = context->parent_kind,
					 .has_parents = has_parents,
					 .site = context->site,
					 .count = holder->of };
	if (!has_parents && context->parent != CT_INDEX_NONE)
		group->parent = ct_tree_at(tree, context->parent)->id;
	return group;
}

/* The most frequent chain comes first. */
static void move_up(struct ct_held_group *group, size_t i)
{
	for (; i && group->chains[i - 1].count < group->chains[i].count; i--) {
		struct ct_held_chain rarer = group->chains[i - 1];

		group->chains[i - 1] = group->chains[i];
		group->chains[i] = rarer;
	}
}

/* Count the open chain; its names go to the group or are released. */
static void close_chain(struct ct_tree *tree, const struct ct_event_holder *holder)
{
	struct ct_held_chain *open = &tree->explained.open;
	struct ct_held_group *group = group_of(tree, holder);

	if (!group) {
		release_names(tree, open);
		return;
	}
	group->sampled++;
	for (size_t i = 0; i < group->chains_count; i++) {
		if (!is_same_chain(&group->chains[i], open))
			continue;
		group->chains[i].count++;
		move_up(group, i);
		release_names(tree, open);
		return;
	}
	if (group->chains_count == CT_HELD_CHAINS_MAX) {
		group->other++;
		release_names(tree, open);
		return;
	}
	open->count = 1;
	group->chains[group->chains_count++] = *open;
	*open = (struct ct_held_chain){ 0 };
}

static void add_hop(struct ct_tree *tree, const struct ct_event_holder *holder, char *name)
{
	struct ct_held_chain *open = &tree->explained.open;

	if (holder->kind == CT_HOLDER_NONE || open->hops_count == CT_HELD_HOPS_MAX) {
		open->is_cut |= holder->kind != CT_HOLDER_NONE;
		ct_release(tree->allocator, name);
		return;
	}
	open->hops[open->hops_count++] = (struct ct_held_hop){
		.kind = holder->kind,
		.site = ct_site_of_path(tree, holder->path),
		.task = holder->task,
		.object_bytes = holder->object_bytes,
		.entries = holder->entries,
		.name = name,
	};
}

int ct_apply_holder(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	const struct ct_event_holder *holder = event->holder;
	struct ct_explained *explained = &tree->explained;
	size_t bytes = strlen((const char *)(holder + 1)) + 1;
	char *name;

	(void)ret_context;
	if (ct_tree_reserve(tree) || reserve_group(tree))
		return -ENOMEM;
	name = ct_allocate(tree->allocator, bytes);
	if (!name)
		return -ENOMEM;
	memcpy(name, holder + 1, bytes);
	ct_explained_begin(tree);
	if (!holder->hop)
		release_names(tree, &explained->open);
	else if (holder->context != explained->open_context || holder->hop != explained->open_next) {
		ct_release(tree->allocator, name);
		explained->open_context = 0;
		return -EPROTO; // torn: the chain is dropped
	}
	explained->open_context = holder->header.flags & CT_HOLDER_LAST ? 0 : holder->context;
	explained->open_next = (uint8_t)(holder->hop + 1);
	add_hop(tree, holder, name);
	explained->open.is_cut |= (holder->header.flags & CT_HOLDER_CUT) != 0;
	if (holder->header.flags & CT_HOLDER_LAST)
		close_chain(tree, holder);
	return 0;
}

const struct ct_held_group *ct_tree_held(const struct ct_tree *tree, size_t *ret_count)
{
	*ret_count = tree->explained.held_count;
	return tree->explained.held;
}
