// SPDX-License-Identifier: Apache-2.0
/* The tree as a whole: making it, asking it, and the table that sends each event to its handler. */
#include "tree/private.h"

#include <errno.h>

#define MAX_CONTEXTS 4000000u
#define MAX_SITES 65536u
#define GRACE_NS UINT64_C(1000000000) /* of recordings without RULES */

/* Small enough that a small target costs little, large enough that a chunk's own cost does not show. */
#define CONTEXTS_PER_CHUNK 2048u
#define SITES_PER_CHUNK 32u
#define TASKS_PER_CHUNK 1024u

/* Kernel events are numbered below this (ctxtrace/event.h). */
#define USER_EVENTS 32

static uint64_t context_key(const void *owner, uint32_t index)
{
	return ct_tree_at(owner, index)->address;
}

static uint64_t site_key(const void *owner, uint32_t index)
{
	return ct_tree_site_at(owner, index)->path;
}

static uint64_t task_key(const void *owner, uint32_t index)
{
	const struct ct_tree *tree = owner;
	const struct ct_task *task = ct_slab_at(&tree->tasks, index);

	return task->task;
}

static uint32_t cap(uint32_t wanted, uint32_t otherwise)
{
	uint32_t chosen = wanted ? wanted : otherwise;

	return chosen < CT_MAP_ITEMS_MAX ? chosen : CT_MAP_ITEMS_MAX;
}

static void init_rooms(struct ct_tree *tree)
{
	const struct ct_allocator *allocator = tree->allocator;

	ct_slab_init(&tree->contexts, allocator, sizeof(struct ct_context), offsetof(struct ct_context, parent),
		     CONTEXTS_PER_CHUNK);
	ct_slab_init(&tree->sites, allocator, sizeof(struct ct_site), offsetof(struct ct_site, path), SITES_PER_CHUNK);
	ct_slab_init(&tree->tasks, allocator, sizeof(struct ct_task), offsetof(struct ct_task, at), TASKS_PER_CHUNK);
	ct_slab_init(&tree->requests, allocator, sizeof(struct ct_request), offsetof(struct ct_request, site),
		     TASKS_PER_CHUNK);
	ct_map_init(&tree->by_address, allocator, context_key, tree);
	ct_map_init(&tree->by_path, allocator, site_key, tree);
	ct_map_init(&tree->by_task, allocator, task_key, tree);
	ct_map_init(&tree->by_request, allocator, ct_request_key, tree);
	ct_map_init(&tree->by_server, allocator, ct_server_key, tree);
	ct_map_init(&tree->by_innermost, allocator, ct_server_key, tree);
	ct_map_init(&tree->by_maker, allocator, ct_maker_key, tree);
	ct_map_init(&tree->by_group, allocator, ct_group_key, tree);
	ct_map_init(&tree->routes.by_text, allocator, ct_route_key, tree);
	ct_map_init(&tree->explained.by_goroutine, allocator, ct_goroutine_key, tree);
	ct_deadlines_init(tree);
}

struct ct_tree *ct_tree_new(const struct ct_allocator *allocator, const struct ct_tree_options *options)
{
	struct ct_tree_options chosen = options ? *options : (struct ct_tree_options){ 0 };
	struct ct_tree *tree = ct_allocate(allocator, sizeof(*tree));

	if (!tree)
		return NULL;
	tree->allocator = allocator;
	tree->caps.max_contexts = cap(chosen.max_contexts, MAX_CONTEXTS);
	tree->caps.max_sites = cap(chosen.max_sites, MAX_SITES);
	tree->caps.max_tasks = cap(chosen.max_tasks, CT_TASKS_MAX);
	tree->caps.lost_age_ns = chosen.lost_age_ns;
	tree->grace_ns = GRACE_NS;
	tree->window.exe = tree->window.runtime_version = tree->window.build_id = "";
	init_rooms(tree);
	tree->ended = ct_allocate(allocator, CT_ENDED_SLOTS * sizeof(*tree->ended));
	tree->origins = ct_allocate(allocator, CT_ORIGIN_SLOTS * sizeof(*tree->origins));
	if (!tree->ended || !tree->origins || ct_lifetimes_init(tree, chosen.max_lifetimes) || ct_slab_reserve(&tree->sites, 1)) {
		ct_tree_free(tree);
		return NULL;
	}
	ct_slab_take(&tree->sites); // CT_SITE_UNKNOWN
	return tree;
}

void ct_tree_free(struct ct_tree *tree)
{
	const struct ct_allocator *allocator = tree ? tree->allocator : NULL;

	if (!tree)
		return;
	ct_explained_clear(tree);
	ct_release(allocator, tree->explained.held);
	ct_release(allocator, tree->explained.goroutines);
	ct_map_done(&tree->explained.by_goroutine);
	for (uint32_t i = 0; i < tree->sites.end; i++)
		ct_site_done(allocator, ct_tree_site_at(tree, i));
	ct_slab_done(&tree->contexts);
	ct_slab_done(&tree->sites);
	ct_slab_done(&tree->tasks);
	ct_slab_done(&tree->requests);
	ct_map_done(&tree->by_request);
	ct_map_done(&tree->by_server);
	ct_map_done(&tree->by_innermost);
	ct_map_done(&tree->by_maker);
	ct_map_done(&tree->by_address);
	ct_map_done(&tree->by_path);
	ct_map_done(&tree->by_task);
	ct_map_done(&tree->by_group);
	ct_routes_done(tree);
	ct_causes_done(tree);
	ct_deadlines_done(tree);
	ct_release(allocator, tree->groups);
	ct_release(allocator, tree->ended);
	ct_release(allocator, tree->origins);
	ct_release(allocator, tree->lifetimes.list);
	ct_release(allocator, tree->scans.told);
	ct_census_groups_done(tree);
	ct_release(allocator, tree->target_strings);
	ct_release(allocator, tree);
}

int ct_tree_reserve(struct ct_tree *tree)
{
	bool is_short = ct_slab_reserve(&tree->contexts, 2) || ct_map_reserve(&tree->by_address, 2) ||
			ct_slab_reserve(&tree->sites, 1) || ct_map_reserve(&tree->by_path, 1) ||
			ct_slab_reserve(&tree->tasks, 1) || ct_map_reserve(&tree->by_task, 1) ||
			ct_slab_reserve(&tree->requests, 1) || ct_map_reserve(&tree->by_request, 1) ||
			ct_map_reserve(&tree->by_server, 1) || ct_map_reserve(&tree->by_maker, 1) ||
			ct_map_reserve(&tree->by_innermost, 1) ||
			ct_cancels_reserve(tree) || ct_causes_reserve(tree) || ct_deadlines_reserve(tree);

	return is_short ? -ENOMEM : 0;
}

/* STACK and TICK have nothing to apply but their time; MEMORY and FACTS are for who reads the census again. */
static const ct_apply_fn handlers[CT_EVENT_TYPE_END] = {
	[CT_EVENT_CREATE] = ct_apply_create,
	[CT_EVENT_CANCEL] = ct_apply_cancel,
	[CT_EVENT_CAUSE] = ct_apply_cause,
	[CT_EVENT_CANCEL_CALL] = ct_apply_cancel_call,
	[CT_EVENT_FREE] = ct_apply_free,
	[CT_EVENT_ABANDON] = ct_apply_abandon,
	[CT_EVENT_TASK_START] = ct_apply_task_start,
	[CT_EVENT_TASK_END] = ct_apply_task_end,
	[CT_EVENT_TASK_JOIN] = ct_apply_task_join,
	[CT_EVENT_REQUEST] = ct_apply_request,
	[CT_EVENT_EXEC] = ct_apply_exec,
	[CT_EVENT_EXIT] = ct_apply_exit,
	[CT_EVENT_TARGET] = ct_apply_target,
	[CT_EVENT_PROVIDER] = ct_apply_provider,
	[CT_EVENT_SITE] = ct_apply_site,
	[CT_EVENT_BEGIN] = ct_apply_begin,
	[CT_EVENT_END] = ct_apply_end,
	[CT_EVENT_GAP] = ct_apply_gap,
	[CT_EVENT_COUNTERS] = ct_apply_counters,
	[CT_EVENT_SCAN_BEGIN] = ct_apply_scan_begin,
	[CT_EVENT_OBSERVED] = ct_apply_observed,
	[CT_EVENT_SCAN_END] = ct_apply_scan_end,
	[CT_EVENT_GOROUTINE] = ct_apply_goroutine,
	[CT_EVENT_HOLDER] = ct_apply_holder,
	[CT_EVENT_RULES] = ct_apply_rules,
	[CT_EVENT_ROUTE] = ct_apply_route,
	[CT_EVENT_TASK_SEEN] = ct_apply_task_seen,
	[CT_EVENT_TASK_IDLE] = ct_apply_task_idle,
};

int ct_tree_apply(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	const struct ct_context *context = NULL;
	uint8_t type = event->header->type;
	int rc = 0;

	if (type < CT_EVENT_TYPE_END && handlers[type])
		rc = handlers[type](tree, event, &context);
	if (rc == -ENOMEM)
		return rc;
	tree->totals.events += type < USER_EVENTS;
	if (event->header->time_ns > tree->window.now_ns)
		tree->window.now_ns = event->header->time_ns;
	if (!rc && ret_context)
		*ret_context = context;
	return rc;
}
