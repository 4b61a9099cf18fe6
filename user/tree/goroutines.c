// SPDX-License-Identifier: Apache-2.0
/* Goroutines as memory told them: groups by where they come from and where they stand. */
#include "tree/private.h"

#include <errno.h>
#include <string.h>

static uint64_t group_key(const struct ct_goroutine_group *group)
{
	uint64_t key = ct_mix(group->created);

	key = ct_mix(key ^ group->entry);
	key = ct_mix(key ^ group->at);
	return ct_mix(ct_mix(key ^ ct_text_key(group->state)) ^ ct_text_key(group->reason));
}

uint64_t ct_goroutine_key(const void *owner, uint32_t index)
{
	const struct ct_tree *tree = owner;

	return group_key(&tree->explained.goroutines[index]);
}

static int reserve(struct ct_tree *tree)
{
	struct ct_explained *explained = &tree->explained;
	size_t room = explained->goroutines_room ? explained->goroutines_room * 2 : 64;
	struct ct_goroutine_group *grown;

	if (ct_map_reserve(&explained->by_goroutine, 1))
		return -ENOMEM;
	if (explained->goroutines_count < explained->goroutines_room)
		return 0;
	grown = ct_resize(tree->allocator, explained->goroutines, room * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	explained->goroutines = grown;
	explained->goroutines_room = room;
	return 0;
}

static struct ct_goroutine_group *group_of(struct ct_tree *tree, const struct ct_goroutine_group *like)
{
	struct ct_explained *explained = &tree->explained;
	uint64_t key = group_key(like);
	uint32_t index = ct_map_find(&explained->by_goroutine, key);

	if (index != CT_INDEX_NONE)
		return &explained->goroutines[index];
	if (explained->goroutines_count == CT_GOROUTINE_GROUPS_MAX)
		return NULL;
	index = (uint32_t)explained->goroutines_count++;
	explained->goroutines[index] = *like;
	ct_map_insert(&explained->by_goroutine, key, index);
	return &explained->goroutines[index];
}

static void count_relation(struct ct_goroutine_group *group, const struct ct_event_goroutine *seen)
{
	bool is_lost = seen->context_state == CT_OBSERVED_LOST;

	if (!seen->context)
		return;
	if (seen->header.flags & CT_GOROUTINE_WAITS)
		(*(is_lost ? &group->waits_lost : &group->waits_live))++;
	else if (seen->context_state == CT_OBSERVED_CANCELLED)
		group->refers_cancelled++;
	else
		(*(is_lost ? &group->refers_lost : &group->refers_live))++;
}

static void count(struct ct_goroutine_group *group, const struct ct_event_goroutine *seen)
{
	uint64_t now_ns = seen->header.time_ns;
	uint64_t wait_ns = seen->wait_since_ns && seen->wait_since_ns < now_ns ? now_ns - seen->wait_since_ns : 0;

	if (group->count < sizeof(group->examples) / sizeof(group->examples[0]))
		group->examples[group->count] = seen->task;
	group->count++;
	if (wait_ns > group->longest_ns)
		group->longest_ns = wait_ns;
	count_relation(group, seen);
}

/* What bounds its wait, for who serves a request: CT_REQUEST_AWAITS_ bits. */
static uint8_t awaits(const struct ct_tree *tree, const struct ct_event_goroutine *seen)
{
	uint32_t at = seen->header.flags & CT_GOROUTINE_WAITS ? ct_context_find(tree, seen->context) : CT_INDEX_NONE;
	const struct ct_context *context = at == CT_INDEX_NONE ? NULL : ct_tree_at(tree, at);
	uint8_t flags = seen->header.flags & CT_GOROUTINE_TIMED ? CT_REQUEST_AWAITS_TIMER : 0;

	if (!context || context->state & CT_CONTEXT_ENDED)
		return flags;
	return flags | CT_REQUEST_AWAITS_CONTEXT | (ct_tree_deadline_of(tree, context) ? CT_REQUEST_AWAITS_TIMER : 0);
}

int ct_apply_goroutine(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	const struct ct_event_goroutine *seen = event->goroutine;
	const char *state = (const char *)(seen + 1), *reason = state + strlen(state) + 1;
	struct ct_goroutine_group like = { 0 }, *group;

	(void)ret_context;
	if (ct_tree_reserve(tree) || ct_slab_reserve(&tree->sites, 4) || ct_map_reserve(&tree->by_path, 4) ||
	    reserve(tree))
		return -ENOMEM;
	if (ct_request_seen_at(tree, seen->task, ct_map_find(&tree->by_path, seen->at), awaits(tree, seen)))
		return -ENOMEM;
	ct_explained_begin(tree);
	tree->explained.totals.read_ns = seen->header.time_ns;
	if (seen->header.flags & CT_GOROUTINE_SYSTEM) {
		tree->explained.totals.system++;
		return 0;
	}
	tree->explained.totals.seen++;
	like.created = ct_site_of_path(tree, seen->created);
	like.entry = ct_site_of_path(tree, seen->entry);
	like.at = ct_site_of_path(tree, seen->at);
	strncpy(like.state, state, sizeof(like.state) - 1);
	strncpy(like.reason, reason, sizeof(like.reason) - 1);
	ct_task_seen_at(tree, seen, like.at);
	group = group_of(tree, &like);
	if (!group) {
		tree->explained.totals.refused++;
		return -ENOSPC;
	}
	count(group, seen);
	return 0;
}

const struct ct_goroutine_totals *ct_tree_goroutine_totals(const struct ct_tree *tree)
{
	return &tree->explained.totals;
}

const struct ct_goroutine_group *ct_tree_goroutines(const struct ct_tree *tree, size_t *ret_count)
{
	*ret_count = tree->explained.goroutines_count;
	return tree->explained.goroutines;
}
