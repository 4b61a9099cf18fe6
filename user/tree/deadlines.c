// SPDX-License-Identifier: Apache-2.0
/*
 * Where the time of a deadline went. What ends below a live deadline leaves a small record of how long it took; when
 * the deadline fires they are counted at its site, each at the site of its own, and when it ends otherwise they go.
 */
#include "tree/private.h"

#include <errno.h>

/* Hops up in search of the deadline a context is under. */
#define DEADLINE_HOPS_MAX 64

#define RECORDS_PER_CHUNK 512u

static uint64_t open_key(const void *owner, uint32_t index)
{
	const struct ct_tree *tree = owner;
	const struct ct_open_deadline *open = ct_slab_at(&tree->deadlines.open, index);

	return open->context;
}

void ct_deadlines_init(struct ct_tree *tree)
{
	struct ct_deadline_table *table = &tree->deadlines;

	ct_slab_init(&table->open, tree->allocator, sizeof(struct ct_open_deadline),
		     offsetof(struct ct_open_deadline, first), RECORDS_PER_CHUNK);
	ct_slab_init(&table->shares, tree->allocator, sizeof(struct ct_share), offsetof(struct ct_share, next),
		     RECORDS_PER_CHUNK);
	ct_map_init(&table->by_context, tree->allocator, open_key, tree);
}

int ct_deadlines_reserve(struct ct_tree *tree)
{
	struct ct_deadline_table *table = &tree->deadlines;

	if (!table->is_needed)
		return 0;
	if (!table->rows)
		table->rows = ct_allocate(tree->allocator, (CT_DEADLINES_MAX + 1) * sizeof(struct ct_deadline *));
	if (!table->spare && table->count <= CT_DEADLINES_MAX)
		table->spare = ct_allocate(tree->allocator, sizeof(*table->spare));
	if (!table->rows || (!table->spare && table->count <= CT_DEADLINES_MAX))
		return -ENOMEM;
	if (ct_slab_reserve(&table->open, 2) || ct_slab_reserve(&table->shares, 2))
		return -ENOMEM;
	return ct_map_reserve(&table->by_context, 2);
}

void ct_deadlines_forget(struct ct_tree *tree)
{
	ct_map_done(&tree->deadlines.by_context);
	ct_slab_done(&tree->deadlines.open);
	ct_slab_done(&tree->deadlines.shares);
}

void ct_deadlines_done(struct ct_tree *tree)
{
	ct_deadlines_forget(tree);
	for (size_t i = 0; i < tree->deadlines.count; i++)
		ct_release(tree->allocator, tree->deadlines.rows[i]);
	ct_release(tree->allocator, tree->deadlines.rows);
	ct_release(tree->allocator, tree->deadlines.spare);
}

static const struct ct_context *above(const struct ct_tree *tree, const struct ct_context *context)
{
	bool is_top = context->state & CT_CONTEXT_DETACHED || context->parent == CT_INDEX_NONE;

	return is_top ? NULL : ct_tree_at(tree, context->parent);
}

/* The earliest one above: the first one met, since a later one below an earlier makes no timer. */
const struct ct_context *ct_tree_deadline_of(const struct ct_tree *tree, const struct ct_context *context)
{
	for (int hop = 0; hop < DEADLINE_HOPS_MAX && context; hop++) {
		if (context->deadline_ns)
			return context;
		context = above(tree, context);
	}
	return NULL;
}

static const struct ct_context *deadline_above(const struct ct_tree *tree, const struct ct_context *context)
{
	const struct ct_context *parent = above(tree, context);

	return parent ? ct_tree_deadline_of(tree, parent) : NULL;
}

/* The row of a site; one too many shares that of the unknown site. NULL: not even that could be made. */
static struct ct_deadline *row_of(struct ct_tree *tree, uint32_t index)
{
	struct ct_deadline_table *table = &tree->deadlines;
	struct ct_site *site = ct_tree_site_at(tree, index);

	if (!site->deadline && table->count >= CT_DEADLINES_MAX && index != CT_SITE_UNKNOWN) {
		index = CT_SITE_UNKNOWN;
		site = ct_tree_site_at(tree, index);
	}
	if (!site->deadline) {
		if (!table->spare)
			return NULL;
		table->rows[table->count] = table->spare;
		table->spare = NULL;
		table->rows[table->count]->site = index;
		site->deadline = (uint16_t)++table->count;
	}
	return table->rows[site->deadline - 1];
}

static struct ct_deadline_child *child_of(struct ct_deadline *row, uint32_t site)
{
	struct ct_deadline_child *child = row->children;

	for (uint32_t i = 0; i < row->children_count; i++, child++)
		if (child->site == site)
			return child;
	if (row->children_count == CT_DEADLINE_CHILDREN_MAX)
		return NULL;
	row->children_count++;
	*child = (struct ct_deadline_child){ .site = site };
	return child;
}

static void count_child(struct ct_deadline *row, const struct ct_share *share, bool is_cancelled)
{
	struct ct_deadline_child *child = row ? child_of(row, share->site) : NULL;

	if (!row)
		return;
	if (!child) {
		row->untold++;
		return;
	}
	child->cancelled += is_cancelled;
	child->finished += !is_cancelled;
	child->asked_later += share->asked_later;
	child->used[share->used] += child->used[share->used] < UINT32_MAX;
}

static void count_fired(struct ct_deadline *row, const struct ct_context *context)
{
	uint64_t given_ns = context->deadline_ns > context->created_ns ? context->deadline_ns - context->created_ns : 0;

	row->fired++;
	row->born_past += context->deadline_ns && !given_ns;
	if (!given_ns)
		return;
	if (!row->shortest_ns || given_ns < row->shortest_ns)
		row->shortest_ns = given_ns;
	if (given_ns > row->longest_ns)
		row->longest_ns = given_ns;
}

/* Take its records away, into the row where there is one. */
static void close_open(struct ct_tree *tree, uint32_t context, struct ct_deadline *row)
{
	struct ct_deadline_table *table = &tree->deadlines;
	uint32_t index = ct_map_find(&table->by_context, context), next;
	const struct ct_open_deadline *open;

	if (index == CT_INDEX_NONE)
		return;
	open = ct_slab_at(&table->open, index);
	for (uint32_t at = open->first; at != CT_INDEX_NONE; at = next) {
		const struct ct_share *share = ct_slab_at(&table->shares, at);

		next = share->next;
		count_child(row, share, false);
		ct_slab_give(&table->shares, at);
	}
	if (row)
		row->untold += open->untold;
	ct_map_remove(&table->by_context, context);
	ct_slab_give(&table->open, index);
}

static void end_deadline(struct ct_tree *tree, uint32_t index, const struct ct_context *context,
			 const struct ct_ending *ending)
{
	struct ct_deadline *row = ending->reason == CT_REASON_DEADLINE ? row_of(tree, context->site) : NULL;

	if (row)
		count_fired(row, context);
	close_open(tree, index, row);
}

/* The live deadline's list; NULL: there is a cap. */
static struct ct_open_deadline *open_of(struct ct_tree *tree, uint32_t context)
{
	struct ct_deadline_table *table = &tree->deadlines;
	uint32_t index = ct_map_find(&table->by_context, context);
	struct ct_open_deadline *open;

	if (index != CT_INDEX_NONE)
		return ct_slab_at(&table->open, index);
	if (table->open.used >= CT_SHARES_KEPT_MAX)
		return NULL;
	index = ct_slab_take(&table->open);
	open = ct_slab_at(&table->open, index);
	*open = (struct ct_open_deadline){ .context = context, .first = CT_INDEX_NONE };
	ct_map_insert(&table->by_context, context, index);
	return open;
}

/* Whether it matters is known when the deadline ends. */
static void keep_share(struct ct_tree *tree, const struct ct_context *deadline, const struct ct_share *share)
{
	struct ct_deadline_table *table = &tree->deadlines;
	struct ct_open_deadline *open = open_of(tree, ct_slab_index(&tree->contexts, deadline));
	bool is_full = table->shares.used >= CT_SHARES_KEPT_MAX;
	struct ct_share *kept;
	uint32_t index;

	if (!open) {
		table->untold++;
		return;
	}
	if (!share || is_full || open->count == CT_SHARES_OF_ONE_MAX) {
		open->untold++;
		return;
	}
	index = ct_slab_take(&table->shares);
	kept = ct_slab_at(&table->shares, index);
	*kept = *share;
	kept->next = open->first;
	open->first = index;
	open->count++;
}

static struct ct_share share_of(const struct ct_context *deadline, const struct ct_context *context, uint64_t end_ns)
{
	uint64_t whole_ns = deadline->deadline_ns - deadline->created_ns;
	struct ct_share share = { .site = context->site, .asked_later = context->asked_later };

	if (end_ns > deadline->deadline_ns)
		end_ns = deadline->deadline_ns; // the timer fires a little late, and ends one after the other
	if (deadline->deadline_ns <= deadline->created_ns || end_ns <= context->created_ns)
		return share;
	if (end_ns - context->created_ns >= whole_ns)
		share.used = CT_SHARES - 1;
	else
		share.used = (uint8_t)((double)(end_ns - context->created_ns) / (double)whole_ns * (CT_SHARES - 1) + 0.5);
	return share;
}

/* One that ended below a deadline: before it, or by it. */
static void end_below(struct ct_tree *tree, const struct ct_context *context, const struct ct_ending *ending)
{
	const struct ct_context *deadline = deadline_above(tree, context);
	bool is_known = ending->reason != CT_REASON_FREED && !ending->is_inferred;
	struct ct_deadline *row;
	struct ct_share share;

	// What ended with an earlier end above is that one's matter.
	while (deadline && deadline->state & CT_CONTEXT_ENDED && deadline->reason == CT_REASON_PARENT)
		deadline = deadline_above(tree, deadline);
	if (!deadline || deadline->state & CT_CONTEXT_ADOPTED)
		return;
	share = share_of(deadline, context, ending->time_ns);
	if (!(deadline->state & CT_CONTEXT_ENDED)) {
		keep_share(tree, deadline, is_known ? &share : NULL);
		return;
	}
	if (deadline->reason != CT_REASON_DEADLINE)
		return;
	row = row_of(tree, deadline->site);
	if (is_known)
		count_child(row, &share, ending->reason == CT_REASON_PARENT);
	else if (row)
		row->untold++;
}

void ct_deadline_note_end(struct ct_tree *tree, uint32_t index, const struct ct_ending *ending)
{
	const struct ct_context *context = ct_tree_at(tree, index);

	if (!tree->deadlines.is_needed || context->state & CT_CONTEXT_ADOPTED)
		return;
	if (context->kind == CT_KIND_DEADLINE || ending->reason == CT_REASON_DEADLINE)
		end_deadline(tree, index, context, ending);
	end_below(tree, context, ending);
}

const struct ct_deadline *const *ct_tree_deadlines(const struct ct_tree *tree, size_t *ret_count, uint64_t *ret_untold)
{
	*ret_count = tree->deadlines.count;
	*ret_untold = tree->deadlines.untold;
	return (const struct ct_deadline *const *)tree->deadlines.rows;
}

int ct_deadline_child_used(const struct ct_deadline_child *child, double quantile)
{
	uint64_t count = 0, below = 0;

	for (int i = 0; i < CT_SHARES; i++)
		count += child->used[i];
	for (int i = 0; i < CT_SHARES; i++) {
		below += child->used[i];
		if (below && (double)below >= quantile * (double)count)
			return i;
	}
	return -1;
}
