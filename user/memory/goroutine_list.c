// SPDX-License-Identifier: Apache-2.0
/* The goroutines of a reading, as its pass over all of them meets each. */
#include "memory/scan.h"

#include <errno.h>
#include <stdlib.h>

/* Made by needm for threads of C, kept while none uses it (Go 1.26 on, src/runtime/runtime2.go). */
#define DEAD_EXTRA 11

void ct_goroutine_list_drop(struct ct_goroutine_list *list)
{
	free(list->list);
	*list = (struct ct_goroutine_list){ .is_cut = true };
}

static int reserve(struct ct_goroutine_list *list)
{
	size_t room = list->room ? list->room * 2 : 1024;
	struct ct_census_goroutine *grown;

	if (list->count < list->room)
		return 0;
	grown = realloc(list->list, room * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->list = grown;
	list->room = room;
	return 0;
}

int ct_goroutine_list_add(struct ct_scan *scan, const uint8_t *g)
{
	const struct ct_goroutine_layout *layout = scan->census->layout.goroutine;
	struct ct_goroutine_list *list = &scan->goroutines;
	struct ct_census_goroutine seen = {
		.task = ct_load64(g + layout->goid),
		.creator = layout->parent_goid ? ct_load64(g + layout->parent_goid) : 0,
		.created_pc = ct_load64(g + layout->gopc),
		.entry = ct_load64(g + layout->start_pc),
	};

	if (list->is_cut || !seen.task || ct_goroutine_status(layout, g) == DEAD_EXTRA)
		return 0;
	if (list->count == CT_CENSUS_GOROUTINES_MAX) {
		ct_goroutine_list_drop(list);
		return 0;
	}
	if (reserve(list))
		return -ENOMEM;
	list->list[list->count++] = seen;
	return 0;
}
