// SPDX-License-Identifier: Apache-2.0
/* Everything that may hold a pointer in a Go program, put together for a search. */
#include "memory/explain.h"

#include "memory/asking.h"
#include "memory/holders.h"
#include "memory/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEFERS_MAX (UINT32_C(1) << 18)
#define G_SELF 72 /* runtime.gobuf.g */

/* The lists under construction. */
struct gathering {
	const struct ct_census_asker *asker;
	struct ct_holder_search *search;
	size_t stacks_room, defers_room, foreign_room;
	struct ct_memory_window window;
};

/* Room for one more of a growing array. */
static int reserve(void **items, size_t count, size_t *room, size_t item_bytes)
{
	size_t more = *room * 2 + 256;
	void *bigger;

	if (count < *room)
		return 0;
	bigger = reallocarray(*items, more, item_bytes);
	if (!bigger)
		return -ENOMEM;
	*items = bigger;
	*room = more;
	return 0;
}

static int add_defers(struct gathering *gathering, const struct ct_scan *scan, uint64_t record, uint64_t task)
{
	struct ct_holder_search *search = gathering->search;
	uint8_t bytes[48];
	int rc = 0;

	while (record && record % 8 == 0 && !rc && search->defers_count < DEFERS_MAX) {
		if (ct_memory_window_read(&gathering->window, scan->memory, record, bytes, sizeof(bytes)))
			return 0;
		rc = reserve((void **)&search->defers, search->defers_count, &gathering->defers_room,
			     sizeof(*search->defers));
		if (rc)
			return rc;
		search->defers[search->defers_count++] =
			(struct ct_holder_defer){ record, task, ct_load64(bytes + 16) };
		record = ct_load64(bytes + scan->census->layout.goroutine->defer_link);
	}
	return rc;
}

static int add_goroutine(struct ct_scan *scan, const uint8_t *g, void *opaque)
{
	struct gathering *gathering = opaque;
	struct ct_holder_search *search = gathering->search;
	const struct ct_goroutine_layout *layout = scan->census->layout.goroutine;
	struct ct_holder_stack stack = {
		.task = ct_load64(g + layout->goid),
		.entry = ct_load64(g + layout->start_pc),
	};
	int rc;

	if (!ct_stack_of(layout, g, &stack.stack))
		return 0; // it is being moved
	stack.is_runtime = gathering->asker->is_runtime &&
			   gathering->asker->is_runtime(gathering->asker->opaque, stack.entry);
	rc = reserve((void **)&search->stacks, search->stacks_count, &gathering->stacks_room, sizeof(stack));
	if (!rc)
		rc = reserve((void **)&search->foreign, search->foreign_count, &gathering->foreign_room,
			     sizeof(*search->foreign));
	if (rc)
		return rc;
	search->stacks[search->stacks_count++] = stack;
	search->foreign[search->foreign_count++] = ct_load64(g + G_SELF);
	return add_defers(gathering, scan, ct_load64(g + CT_G_DEFER), stack.task);
}

static int by_stack(const void *a, const void *b)
{
	uint64_t left = ((const struct ct_holder_stack *)a)->stack.sp;
	uint64_t right = ((const struct ct_holder_stack *)b)->stack.sp;

	return left < right ? -1 : left > right;
}

static int by_record(const void *a, const void *b)
{
	uint64_t left = ((const struct ct_holder_defer *)a)->record;
	uint64_t right = ((const struct ct_holder_defer *)b)->record;

	return left < right ? -1 : left > right;
}

static int by_word(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static int gather(struct ct_scan *scan, const struct ct_census_asker *asker, struct ct_holder_search *search)
{
	struct gathering *gathering = calloc(1, sizeof(*gathering));
	int rc = -ENOMEM;

	if (gathering) {
		gathering->search = search;
		gathering->asker = asker;
		rc = ct_scan_each_goroutine(scan, add_goroutine, gathering);
	}
	free(gathering);
	if (search->stacks_count)
		qsort(search->stacks, search->stacks_count, sizeof(*search->stacks), by_stack);
	if (search->defers_count)
		qsort(search->defers, search->defers_count, sizeof(*search->defers), by_record);
	if (search->foreign_count)
		qsort(search->foreign, search->foreign_count, sizeof(*search->foreign), by_word);
	return rc;
}

int ct_census_holders(struct ct_census *census, const uint64_t *contexts, size_t count,
		      const struct ct_census_asker *asker, struct ct_holder_chain *ret_chains)
{
	char reason[CT_REASON_BYTES];
	struct ct_scan scan = { .census = census, .memory = census->memory, .is_complete = true, .reason = reason };
	struct ct_objects objects = { 0 };
	struct ct_holder_search search = {
		.memory = census->memory,
		.objects = &objects,
		.closures = &census->facts.closures,
		.text = census->facts.text,
		.etext = census->facts.etext,
		.types = census->facts.types,
		.etypes = census->facts.etypes,
		.globals = { { asker->globals[0][0], asker->globals[0][1] },
			     { asker->globals[1][0], asker->globals[1][1] } },
		.has_swiss_maps = census->layout.context->has_swiss_maps,
		.bytes_max = asker->bytes_max,
		.is_runtime = asker->is_runtime,
		.opaque = asker->opaque,
	};
	struct ct_asking asking = ct_asking_begin(census->memory, asker->bytes_max);
	int rc = ct_heap_load(&census->heap, 0);

	if (!rc)
		rc = ct_objects_load(&objects, &census->heap);
	if (!rc)
		rc = gather(&scan, asker, &search);
	if (!rc)
		rc = ct_holders_find(&search, contexts, count, ret_chains);
	ct_asking_end(&asking);
	ct_objects_done(&objects);
	free(search.stacks);
	free(search.defers);
	free(search.foreign);
	return rc;
}
