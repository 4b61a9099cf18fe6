// SPDX-License-Identifier: Apache-2.0
#include "report/summary.h"

#include "base/time.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool ct_window_start(const struct ct_snapshot *snapshot, char ret_start[CT_TIMESTAMP_BYTES])
{
	const struct ct_window *window = ct_tree_window(snapshot->tree);
	time_t seconds = (time_t)(window->wall_clock_ns / CT_NSEC_PER_SEC);
	struct tm calendar;

	return window->has_begun && gmtime_r(&seconds, &calendar) &&
	       strftime(ret_start, CT_TIMESTAMP_BYTES, "%Y-%m-%dT%H:%M:%SZ", &calendar);
}

uint64_t ct_window_duration(const struct ct_snapshot *snapshot)
{
	const struct ct_window *window = ct_tree_window(snapshot->tree);
	uint64_t end_ns = window->has_ended ? window->end_ns : snapshot->now_ns;

	return window->has_begun && end_ns > window->begin_ns ? end_ns - window->begin_ns : 0;
}

uint64_t ct_lost_events(const struct ct_snapshot *snapshot)
{
	const struct ct_totals *totals = ct_tree_totals(snapshot->tree);
	uint64_t dropped = 0;

	for (unsigned int i = 0; i < CT_COUNTER_END; i++)
		if (ct_counter_is_drop(i))
			dropped += totals->counters[i];
	return dropped > totals->lost_events ? dropped : totals->lost_events;
}

uint64_t ct_refused(const struct ct_snapshot *snapshot)
{
	const struct ct_totals *totals = ct_tree_totals(snapshot->tree);

	return totals->refused_contexts + totals->refused_sites + totals->refused_tasks;
}

const char *ct_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

uint64_t ct_age(const struct ct_snapshot *snapshot, const struct ct_context *context)
{
	return snapshot->now_ns > context->created_ns ? snapshot->now_ns - context->created_ns : 0;
}

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
	qsort(items, count, sizeof(*items), by_parent);
	return count;
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

/* Depth first with an explicit stack of positions in the sorted items: trees may be a million deep. */
static size_t walk(const struct item *items, size_t count, size_t *stack, struct ct_tree_entry *order)
{
	size_t depth = 0, used = 0;

	stack[0] = first_child(items, count, CT_INDEX_NONE);
	while (used < count) {
		uint32_t parent = depth ? items[stack[depth - 1] - 1].index : CT_INDEX_NONE;
		size_t at = stack[depth];

		if (at < count && items[at].parent == parent) {
			stack[depth] = at + 1;
			order[used++] = (struct ct_tree_entry){ items[at].index, (uint32_t)depth };
			stack[++depth] = first_child(items, count, items[at].index);
		} else if (depth) {
			depth--;
		} else {
			break;
		}
	}
	return used;
}

int ct_tree_order(const struct ct_snapshot *snapshot, struct ct_tree_entry **ret_order)
{
	size_t room = (size_t)ct_tree_end(snapshot->tree) + 2;
	struct item *items = calloc(room, sizeof(*items));
	size_t *stack = calloc(room, sizeof(*stack));
	struct ct_tree_entry *order = calloc(room, sizeof(*order));
	int count = -ENOMEM;

	if (items && stack && order) {
		count = (int)walk(items, collect(snapshot->tree, items), stack, order);
		*ret_order = order;
		order = NULL;
	}
	free(order);
	free(stack);
	free(items);
	return count;
}
