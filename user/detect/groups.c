// SPDX-License-Identifier: Apache-2.0
#include "detect/groups.h"

#include "base/time.h"

#include <errno.h>

#define FIRST_CAPACITY 64u
#define SEVERAL_PARENTS UINT64_MAX /* anchor of what is not told apart any more; ids count from 1 */

void ct_groups_init(struct ct_groups *groups, const struct ct_allocator *allocator)
{
	*groups = (struct ct_groups){ .allocator = allocator };
}

void ct_groups_done(struct ct_groups *groups)
{
	ct_release(groups->allocator, groups->list);
	ct_release(groups->allocator, groups->slots);
	ct_groups_init(groups, groups->allocator);
}

/* The kind tells groups apart only where nothing better is known. */
static bool is_same(const struct ct_group *a, const struct ct_group *b)
{
	return a->detector == b->detector && a->site == b->site && a->anchor == b->anchor && a->is_weak == b->is_weak &&
	       a->work.is_by_parentage == b->work.is_by_parentage &&
	       (a->site != CT_SITE_UNKNOWN || a->context_kind == b->context_kind);
}

static uint64_t hash_of(const struct ct_group *key)
{
	uint64_t kind = key->site == CT_SITE_UNKNOWN ? key->context_kind : 0;
	uint64_t hash = (uint64_t)key->site << 24 | kind << 16 | (uint64_t)key->detector << 8 | key->is_weak;

	hash = (hash ^ key->anchor * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);
	return hash ^ hash >> 31;
}

/* Position of the group's slot, or of the empty one where it belongs. */
static uint32_t slot_of(const struct ct_groups *groups, const struct ct_group *key)
{
	uint32_t mask = groups->slots_count - 1;
	uint32_t slot = (uint32_t)hash_of(key) & mask;

	while (groups->slots[slot] && !is_same(&groups->list[groups->slots[slot] - 1], key))
		slot = (slot + 1) & mask;
	return slot;
}

static int grow(struct ct_groups *groups)
{
	uint32_t capacity = groups->capacity ? groups->capacity * 2 : FIRST_CAPACITY;
	struct ct_group *list;
	uint32_t *slots;

	if (groups->count < groups->capacity)
		return 0;
	list = ct_resize(groups->allocator, groups->list, capacity * sizeof(*list));
	if (!list)
		return -ENOMEM;
	groups->list = list;
	slots = ct_allocate(groups->allocator, capacity * 2 * sizeof(*slots)); // at most half full
	if (!slots)
		return -ENOMEM;
	ct_release(groups->allocator, groups->slots);
	groups->slots = slots;
	groups->slots_count = capacity * 2;
	groups->capacity = capacity;
	for (uint32_t i = 0; i < groups->count; i++)
		groups->slots[slot_of(groups, &groups->list[i])] = i + 1;
	return 0;
}

static struct ct_group *find(const struct ct_groups *groups, const struct ct_group *key)
{
	uint32_t position = groups->slots_count ? groups->slots[slot_of(groups, key)] : 0;

	return position ? &groups->list[position - 1] : NULL;
}

/* Unknown sites without an anchor of their own are told apart by their parent, as long as there are few. */
static struct ct_group *find_or_add(struct ct_groups *groups, struct ct_group *key)
{
	struct ct_group *group = find(groups, key);
	bool is_unknown = key->site == CT_SITE_UNKNOWN;
	uint32_t slot;

	if (!group && is_unknown && groups->unknown_count >= CT_UNKNOWN_GROUPS_MAX) {
		key->anchor = SEVERAL_PARENTS;
		group = find(groups, key);
	}
	if (group)
		return group;
	if (grow(groups))
		return NULL;
	slot = slot_of(groups, key);
	groups->unknown_count += is_unknown;
	groups->list[groups->count] = *key;
	groups->slots[slot] = ++groups->count;
	return &groups->list[groups->count - 1];
}

static bool is_older(const struct ct_context *a, const struct ct_context *b)
{
	return a->created_ns != b->created_ns ? a->created_ns < b->created_ns : a->id < b->id;
}

/* Keep the three oldest, oldest first. */
static void add_example(struct ct_group *group, const struct ct_tree *tree, const struct ct_context *context)
{
	uint32_t at = group->examples_count;

	while (at && is_older(context, ct_tree_context(tree, group->examples[at - 1])))
		at--;
	if (at == CT_EXAMPLES_MAX)
		return;
	if (group->examples_count < CT_EXAMPLES_MAX)
		group->examples_count++;
	for (uint32_t i = group->examples_count - 1; i > at; i--)
		group->examples[i] = group->examples[i - 1];
	group->examples[at] = ct_tree_index(tree, context);
}

static void add_parent(struct ct_group *group, const struct ct_tree *tree, const struct ct_context *context)
{
	const struct ct_context *parent = ct_tree_parent(tree, context);
	uint64_t id = parent ? parent->id : 0;

	if (group->has_parent && id != group->parent_id)
		group->has_parents = true;
	group->parent_id = id;
	group->parent = parent ? ct_tree_index(tree, parent) : CT_INDEX_NONE;
	group->has_parent = true;
}

static void add_creation(struct ct_group *group, uint64_t created_ns)
{
	uint64_t first_ns = group->first_ns, last_ns = group->last_ns;

	if (!group->count) {
		group->first_ns = group->last_ns = created_ns;
	} else if (created_ns < first_ns) {
		group->first_ns = created_ns;
		group->middle_ns = first_ns < last_ns ? first_ns : group->middle_ns;
	} else if (created_ns > last_ns) {
		group->last_ns = created_ns;
		group->middle_ns = first_ns < last_ns ? last_ns : group->middle_ns;
	} else if (created_ns > first_ns && created_ns < last_ns) {
		group->middle_ns = created_ns;
	}
	if (created_ns < first_ns || !group->count)
		group->oldest = 0;
	group->oldest += created_ns == group->first_ns;
}

static void add_times(struct ct_group *group, const struct ct_detect_input *input, const struct ct_context *context)
{
	uint64_t begin_ns = input->window->begin_ns;

	add_creation(group, context->created_ns);
	if (context->deadline_ns > group->last_deadline_ns)
		group->last_deadline_ns = context->deadline_ns;
	if (context->created_ns >= begin_ns && !(context->state & CT_CONTEXT_ADOPTED)) {
		group->in_window++;
		group->offset_ms += (context->created_ns - begin_ns) / CT_NSEC_PER_MSEC;
	}
}

static void gather(struct ct_group *group, const struct ct_detect_input *input, const struct ct_context *context)
{
	add_times(group, input, context);
	add_parent(group, input->tree, context);
	add_example(group, input->tree, context);
	group->retained_by |= ct_context_retention(input, context);
	group->retained_bytes += ct_context_bytes(input, context);
	group->across_gap += !!(context->state & CT_CONTEXT_GAP);
	group->guarded += ct_context_is_guarded(input, context);
	group->seen_once += !!(context->state & CT_CONTEXT_LOST_ONCE);
	if (input->totals->requests_live && !group->is_in_request)
		group->is_in_request = ct_context_is_in_request(input, context);
	group->count++;
}

/* Id of the parent that still has it, or 0: a parent that has ended or was detached from says nothing about a site. */
static uint64_t live_parent_of(const struct ct_tree *tree, const struct ct_context *context)
{
	const struct ct_context *parent = ct_tree_parent(tree, context);

	if (!parent || parent->state & CT_CONTEXT_ENDED || context->state & CT_CONTEXT_DETACHED)
		return 0;
	return parent->id;
}

int ct_groups_add(struct ct_groups *groups, const struct ct_detect_input *input, uint8_t detector,
		  const struct ct_context *context, const struct ct_claim *claim)
{
	struct ct_group key = {
		.detector = detector,
		.context_kind = context->kind,
		.is_weak = claim->is_weak,
		.site = context->site,
		.anchor = claim->anchor,
		.parent = CT_INDEX_NONE,
	};
	struct ct_group *group;

	if (context->site == CT_SITE_UNKNOWN && !claim->anchor)
		key.anchor = live_parent_of(input->tree, context);
	group = find_or_add(groups, &key);
	if (!group)
		return -ENOMEM;
	gather(group, input, context);
	return 0;
}

/* The first different ones, and whether there are more. */
static void add_route(struct ct_group *group, uint32_t route)
{
	uint32_t kept = group->routes_count < CT_ROUTES_SHOWN ? group->routes_count : CT_ROUTES_SHOWN;

	if (!route || group->routes_count > CT_ROUTES_SHOWN)
		return;
	for (uint32_t i = 0; i < kept; i++)
		if (group->routes[i] == route)
			return;
	if (kept < CT_ROUTES_SHOWN)
		group->routes[kept] = route;
	group->routes_count++;
}

int ct_groups_add_work(struct ct_groups *groups, uint8_t detector, enum ct_subject subject, const struct ct_work *work)
{
	struct ct_group key = {
		.detector = detector,
		.is_weak = work->is_weak,
		.site = work->site,
		.parent = CT_INDEX_NONE,
		.subject = subject,
		.work.is_by_parentage = work->is_by_parentage,
	};
	struct ct_group *group = find_or_add(groups, &key);

	if (!group)
		return -ENOMEM;
	group->has_requests |= group->count && work->request != group->work.request;
	group->has_open |= work->is_open;
	if (!group->count || work->since_ns < group->work.since_ns)
		group->work = *work;
	if (!group->count || work->since_ns < group->first_ns)
		group->first_ns = work->since_ns;
	if (work->since_ns > group->last_ns)
		group->last_ns = work->since_ns;
	add_route(group, work->route);
	group->count++;
	return 0;
}

void ct_groups_note_twin(struct ct_groups *groups, const struct ct_detect_input *input, uint8_t detector,
			 const struct ct_context *context, const struct ct_claim *claim)
{
	struct ct_group key = {
		.detector = detector,
		.context_kind = context->kind,
		.is_weak = claim->is_weak,
		.site = CT_SITE_UNKNOWN,
		.anchor = live_parent_of(input->tree, context),
	};
	struct ct_group *group = key.anchor && context->site != CT_SITE_UNKNOWN ? find(groups, &key) : NULL;

	if (!group)
		return;
	if (group->twin_site != CT_SITE_UNKNOWN && group->twin_site != context->site)
		group->twin_site = CT_INDEX_NONE;
	else
		group->twin_site = context->site;
	group->twins++;
}

int ct_groups_touch(struct ct_groups *groups, uint8_t detector, uint32_t site, const struct ct_claim *claim)
{
	struct ct_group key = {
		.detector = detector,
		.is_weak = claim->is_weak,
		.site = site,
		.anchor = claim->anchor,
		.parent = CT_INDEX_NONE,
	};

	if (claim->ended)
		key.ended = *claim->ended;
	return find_or_add(groups, &key) ? 0 : -ENOMEM;
}
