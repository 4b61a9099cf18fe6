// SPDX-License-Identifier: Apache-2.0
#include "symbol/functions.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

// Functions with aliases or nested labels share addresses: how far back a covering one is looked for.
#define OVERLAP_MAX 64

void ct_functions_done(struct ct_functions *functions)
{
	free(functions->items);
	free(functions->by_name);
	*functions = (struct ct_functions){.items = NULL};
}

static int by_address(const void *left, const void *right)
{
	const struct ct_function *a = left, *b = right;

	if (a->start != b->start)
		return (a->start > b->start) - (a->start < b->start);
	if (a->end != b->end)
		return (a->end > b->end) - (a->end < b->end);
	return strcmp(a->name, b->name);
}

void ct_functions_sort(struct ct_functions *functions)
{
	if (functions->count)
		qsort(functions->items, functions->count, sizeof(*functions->items), by_address);
}

ptrdiff_t ct_functions_last_below(const struct ct_functions *functions, uint64_t address)
{
	size_t low = 0, high = functions->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (functions->items[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return (ptrdiff_t)low - 1;
}

int ct_functions_at(const struct ct_functions *functions, uint64_t address, struct ct_function *ret)
{
	ptrdiff_t last = ct_functions_last_below(functions, address);

	for (ptrdiff_t i = last; i >= 0 && last - i < OVERLAP_MAX; i--) {
		const struct ct_function *function = &functions->items[i];

		if (address < function->end || address == function->start) {
			*ret = *function;
			return 0;
		}
	}
	return -ENOENT;
}

static int compare_names(const void *left, const void *right, void *opaque)
{
	const struct ct_function *items = opaque;
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	int order = strcmp(items[a].name, items[b].name);

	return order ? order : (a > b) - (a < b);
}

static int sort_names(struct ct_functions *functions)
{
	uint32_t *order;

	if (functions->by_name || !functions->count)
		return 0;
	if (functions->count > INT_MAX)
		return -EFBIG;
	order = calloc(functions->count, sizeof(*order));
	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < functions->count; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, functions->count, sizeof(*order), compare_names, functions->items);
	functions->by_name = order;
	return 0;
}

static size_t first_named(const struct ct_functions *functions, const char *name)
{
	size_t low = 0, high = functions->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(functions->items[functions->by_name[middle]].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int ct_functions_find(struct ct_functions *functions, const char *name, struct ct_function *ret, size_t room)
{
	size_t found = 0;
	int r = sort_names(functions);

	if (r < 0)
		return r;
	for (size_t i = first_named(functions, name); i < functions->count; i++) {
		const struct ct_function *function = &functions->items[functions->by_name[i]];

		if (strcmp(function->name, name) != 0)
			break;
		if (found < room)
			ret[found] = *function;
		found++;
	}
	return (int)found;
}
