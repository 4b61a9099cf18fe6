// SPDX-License-Identifier: Apache-2.0
/* Contexts in the order of a tree walk: all of them, or the oldest ones of a tree that is too large to show. */
#include "report/summary.h"

#include <errno.h>
#include <stdlib.h>

/* A context and what it is sorted by: first by parent, then by identity, which is age. */
struct item {
	uint32_t parent;
	uint32_t index;
	uint64_t id;
};

static int by_parent(const void *a, const void *b)
{
	const struct item *left = a, *right = b;

	if (left->parent != right->parent)
		return left->parent < right->parent ? -1 : 1;
	return left->id < right->id ? -1 : left->id > right->id;
}

static size_t collect(const struct ct_tree *tree, struct item *items)
{
	uint32_t end = ct_tree_end(tree);
	size_t count = 0;

	for (uint32_t i = 0; i < end; i++) {
		const struct ct_context *context = ct_tree_context(tree, i);

		if (context)
			items[count++] = (struct item){ context->parent, i, context->id };
	}
	return count;
}

/* Let the youngest of a heap sink to where it belongs: no item is younger than the one above it. */
static void sift_down(struct item *items, size_t count, size_t at)
{
	for (size_t child; (child = 2 * at + 1) < count; at = child) {
		struct item moved = items[at];

		child += child + 1 < count && items[child + 1].id > items[child].id;
		if (items[child].id <= moved.id)
			return;
		items[at] = items[child];
		items[child] = moved;
	}
}

static void make_heap(struct item *items, size_t count)
{
	for (size_t at = count / 2; at--;)
		sift_down(items, count, at);
}

/* The oldest ones: parents are older than their children, so each comes with the way to its root. */
static size_t collect_oldest(const struct ct_tree *tree, struct item *items, size_t most)
{
	uint32_t end = ct_tree_end(tree);
	size_t count = 0;

	for (uint32_t i = 0; i < end; i++) {
		struct item item = { .index = i, .id = ct_tree_id(tree, i) };

		if (!item.id)
			continue;
		if (count < most) {
			items[count++] = item;
			if (count == most)
				make_heap(items, count);
		} else if (item.id < items[0].id) {
			items[0] = item;
			sift_down(items, count, 0);
		}
	}
	return count;
}

/* A parent that came to its child later may be younger than what is shown: such a child stands like a root. */
static void fill_parents(const struct ct_tree *tree, struct item *items, size_t count)
{
	uint64_t youngest = 0;

	for (size_t i = 0; i < count; i++)
		youngest = items[i].id > youngest ? items[i].id : youngest;
	for (size_t i = 0; i < count; i++) {
		uint32_t parent = ct_tree_context(tree, items[i].index)->parent;

		items[i].parent = parent != CT_INDEX_NONE && ct_tree_id(tree, parent) <= youngest ? parent : CT_INDEX_NONE;
	}
}

static size_t first_child(const struct item *items, size_t count, uint32_t parent)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (items[middle].parent < parent)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What a walk works on. */
struct walk {
	struct item *items;
	size_t count;
	size_t *stack; /* positions in the sorted items: trees may be a million deep */
	struct ct_tree_entry *order;
};

static int walk_begin(struct walk *walk, size_t most)
{
	*walk = (struct walk){
		.items = calloc(most + 2, sizeof(*walk->items)),
		.stack = calloc(most + 2, sizeof(*walk->stack)),
		.order = calloc(most + 2, sizeof(*walk->order)),
	};
	return walk->items && walk->stack && walk->order ? 0 : -ENOMEM;
}

/* Depth first; what is as deep as `depth_end` is left out. @return how many are in order. */
static size_t walk_all(struct walk *walk, size_t depth_end)
{
	const struct item *items = walk->items;
	size_t *stack = walk->stack;
	size_t depth = 0, used = 0;

	qsort(walk->items, walk->count, sizeof(*items), by_parent);
	stack[0] = first_child(items, walk->count, CT_INDEX_NONE);
	while (used < walk->count) {
		uint32_t parent = depth ? items[stack[depth - 1] - 1].index : CT_INDEX_NONE;
		size_t at = stack[depth];

		if (at < walk->count && items[at].parent == parent) {
			stack[depth] = at + 1;
			walk->order[used++] = (struct ct_tree_entry){ items[at].index, (uint32_t)depth };
			if (depth + 1 < depth_end)
				stack[++depth] = first_child(items, walk->count, items[at].index);
		} else if (depth) {
			depth--;
		} else {
			break;
		}
	}
	return used;
}

/* Release all but the order, which is handed over when it is whole. */
static int walk_end(struct walk *walk, int rc, struct ct_tree_entry **ret_order)
{
	free(walk->items);
	free(walk->stack);
	if (rc < 0)
		free(walk->order);
	else
		*ret_order = walk->order;
	return rc;
}

int ct_tree_order(const struct ct_snapshot *snapshot, struct ct_tree_entry **ret_order)
{
	struct walk walk;
	int rc = walk_begin(&walk, ct_tree_end(snapshot->tree));

	if (rc)
		return walk_end(&walk, rc, ret_order);
	walk.count = collect(snapshot->tree, walk.items);
	return walk_end(&walk, (int)walk_all(&walk, SIZE_MAX), ret_order);
}

int ct_tree_excerpt(const struct ct_snapshot *snapshot, size_t most, size_t depth_end, struct ct_tree_entry **ret_order)
{
	struct walk walk;
	int rc = walk_begin(&walk, most);

	if (rc)
		return walk_end(&walk, rc, ret_order);
	walk.count = collect_oldest(snapshot->tree, walk.items, most);
	fill_parents(snapshot->tree, walk.items, walk.count);
	return walk_end(&walk, (int)walk_all(&walk, depth_end), ret_order);
}
