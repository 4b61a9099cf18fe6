// SPDX-License-Identifier: Apache-2.0
/* What of a process is copied, and in which order. The stop lasts as long as ct_freeze_copy(). */
#include "memory/frozen.h"
#include "memory/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STRETCHES_MAX (UINT32_C(1) << 24)
#define PAGE_BYTES UINT64_C(4096)

static int grow(void **items, size_t count, size_t *room, size_t item_bytes)
{
	size_t more = *room + *room / 2 + 1024;
	void *bigger;

	if (count < *room)
		return 0;
	if (count >= STRETCHES_MAX)
		return -EOVERFLOW;
	bigger = realloc(*items, more * item_bytes);
	if (!bigger)
		return -ENOMEM;
	*items = bigger;
	*room = more;
	return 0;
}

static int add_stretch(struct ct_stretches *stretches, uint64_t start, uint64_t end)
{
	int rc = grow((void **)&stretches->list, stretches->count, &stretches->room, sizeof(*stretches->list));

	if (!rc)
		stretches->list[stretches->count++] = (struct ct_stretch){ start, end };
	return rc;
}

/* What the spans say: which parts of the arenas matter, and where the spans' own descriptions lie. */
static int take_span(void *opaque, const struct ct_object_span *span)
{
	struct ct_freeze *freeze = opaque;
	int rc = grow((void **)&freeze->headers, freeze->headers_count, &freeze->headers_room, sizeof(uint64_t));

	if (rc)
		return rc;
	freeze->headers[freeze->headers_count++] = span->header;
	return span->has_pointers ? add_stretch(&freeze->wanted, span->start, span->start + span->bytes) : 0;
}

static int take_stack_span(void *opaque, const struct ct_object_span *span)
{
	struct ct_freeze *freeze = opaque;
	struct ct_object_span copied = *span;

	copied.has_pointers = true;
	return add_stretch(&freeze->stacks, span->start, span->start + span->bytes) ?: take_span(freeze, &copied);
}

static int by_start(const void *a, const void *b)
{
	uint64_t left = ((const struct ct_stretch *)a)->start, right = ((const struct ct_stretch *)b)->start;

	return left < right ? -1 : left > right;
}

static int by_value(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static void sort(struct ct_stretches *stretches)
{
	if (stretches->count)
		qsort(stretches->list, stretches->count, sizeof(*stretches->list), by_start);
}

/* Sorted, joined where they touch, cut where hostile ones overlap. */
static void join(struct ct_stretches *stretches)
{
	struct ct_stretch *list = stretches->list;
	size_t kept = 0;

	sort(stretches);
	for (size_t i = 0; i < stretches->count; i++) {
		if (kept && list[i].start <= list[kept - 1].end) {
			if (list[i].end > list[kept - 1].end)
				list[kept - 1].end = list[i].end;
		} else {
			list[kept++] = list[i];
		}
	}
	stretches->count = kept;
}

static int list_spans(struct ct_freeze *freeze, const struct ct_heap *heap)
{
	int rc;

	freeze->headers_count = freeze->stacks.count = freeze->wanted.count = 0;
	rc = ct_heap_each_span(heap, take_span, freeze);
	if (!rc)
		rc = ct_heap_each_stack_span(heap, take_stack_span, freeze);
	sort(&freeze->stacks);
	if (freeze->headers_count)
		qsort(freeze->headers, freeze->headers_count, sizeof(*freeze->headers), by_value);
	join(&freeze->wanted);
	return rc;
}

/* The parts of a mapping that no arena covers. */
static int take_area(struct ct_freeze *freeze, const struct ct_heap *heap, const struct ct_area *area)
{
	uint64_t at = area->start;
	int rc = 0;

	for (size_t i = 0; i < heap->arena_count && at < area->end && !rc; i++) {
		uint64_t base = heap->arenas[i].base;

		if (base + CT_ARENA_BYTES <= at)
			continue;
		if (base >= area->end)
			break;
		if (base > at)
			rc = add_stretch(&freeze->roots, at, base);
		at = base + CT_ARENA_BYTES;
	}
	if (at < area->end && !rc)
		rc = add_stretch(&freeze->roots, at, area->end);
	return rc;
}

static int list_roots(struct ct_freeze *freeze, const struct ct_heap *heap, int pid)
{
	int rc = ct_space_read(&freeze->space, pid);

	freeze->roots.count = 0;
	for (size_t i = 0; i < freeze->space.count && !rc; i++) {
		const struct ct_area *area = &freeze->space.areas[i];

		if (area->is_readable && area->is_writable && !area->is_shared)
			rc = take_area(freeze, heap, area);
	}
	return rc;
}

static int count_bytes(void *opaque, uint64_t start, uint64_t end)
{
	*(uint64_t *)opaque += end - start;
	return 0;
}

static int measure(struct ct_memory *memory, const struct ct_stretches *stretches, uint64_t *bytes)
{
	int rc = 0;

	for (size_t i = 0; i < stretches->count && !rc; i++)
		rc = ct_memory_each_present(memory, stretches->list[i].start, stretches->list[i].end, count_bytes,
					    bytes);
	return rc;
}

static int copy_all(struct ct_copy *copy, const struct ct_stretches *stretches)
{
	int rc = 0;

	for (size_t i = 0; i < stretches->count && !rc; i++)
		rc = ct_copy_add(copy, stretches->list[i].start, stretches->list[i].end);
	return rc;
}

/* Type descriptors and itabs never change. Code is not read, but for where a linker put the types beside it. */
static int copy_image(struct ct_freeze *freeze, const struct ct_census_facts *facts)
{
	int rc = 0;

	for (size_t i = 0; i < freeze->space.count && !rc; i++) {
		const struct ct_area *area = &freeze->space.areas[i];
		uint64_t start = area->is_executable ? facts->types : facts->image_start;
		uint64_t end = area->is_executable ? facts->etypes : facts->image_end;

		start &= ~(PAGE_BYTES - 1);
		end = (end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
		start = start > area->start ? start : area->start;
		end = end < area->end ? end : area->end;
		if (area->is_readable && !area->is_writable && start < end)
			rc = ct_copy_add_all(&freeze->copy, start, end);
	}
	return rc;
}

static int refuse(int rc, struct ct_error *reterr)
{
	if (rc == -ENOSPC) {
		ct_error_set(reterr, rc, "--stop: the memory that may hold pointers is more than a quarter of what is "
					 "free here, or than 4 GiB");
		ct_error_hint(reterr, "without --stop a census needs no copy of it");
		return rc;
	}
	if (rc == -EAGAIN)
		return ct_error_set(reterr, rc, "--stop: the program has not set up its heap yet");
	return ct_error_set(reterr, rc, "--stop: the target's memory cannot be copied: %s", strerror(-rc));
}

/* Another reading of the same memory: with a bound of its own, and nobody records it. */
static void begin(struct ct_memory *memory, const struct ct_census *census)
{
	memory->listener = NULL;
	memory->has_bound = true;
	memory->is_spent = false;
	memory->cost_left = census->read_bound;
}

static int prepare(struct ct_freeze *freeze, const struct ct_census *census, uint64_t bytes_max)
{
	struct ct_memory *memory = census->memory;
	uint64_t bytes = 0, swapped = memory->swapped_pages;
	int rc;

	begin(memory, census);
	ct_copy_init(&freeze->copy, memory, bytes_max);
	freeze->heap = (struct ct_heap){ .memory = memory, .layout = census->heap.layout, .mheap = census->heap.mheap };
	rc = ct_heap_load_arenas(&freeze->heap);
	if (!rc)
		rc = list_spans(freeze, &freeze->heap);
	if (!rc)
		rc = list_roots(freeze, &freeze->heap, census->process.pid);
	if (!rc)
		rc = measure(memory, &freeze->roots, &bytes);
	if (!rc)
		rc = measure(memory, &freeze->wanted, &bytes);
	if (!rc)
		rc = copy_image(freeze, &census->facts);
	if (!rc && bytes + bytes / 8 > bytes_max - freeze->copy.bytes)
		rc = -ENOSPC;
	if (!rc)
		rc = ct_copy_reserve(&freeze->copy, bytes + bytes / 8 + (UINT64_C(4) << 20));
	memory->swapped_pages = swapped;
	return rc;
}

int ct_freeze_new(const struct ct_census *census, uint64_t bytes_max, struct ct_freeze **ret_freeze,
		  struct ct_error *reterr)
{
	struct ct_freeze *freeze = calloc(1, sizeof(*freeze));
	int rc = freeze ? prepare(freeze, census, bytes_max) : -ENOMEM;

	if (rc) {
		ct_freeze_free(freeze);
		return refuse(rc, reterr);
	}
	*ret_freeze = freeze;
	return 0;
}

int ct_freeze_copy(struct ct_freeze *freeze, const struct ct_census *census, struct ct_threads *threads,
		   uint64_t stopped_ns, struct ct_error *reterr)
{
	struct ct_memory *memory = census->memory;
	uint64_t swapped = memory->swapped_pages;
	int rc;

	begin(memory, census);
	freeze->threads = *threads;
	*threads = (struct ct_threads){ 0 };
	freeze->stopped_ns = stopped_ns;
	freeze->heap.memory = memory;
	rc = ct_heap_load_arenas(&freeze->heap);
	if (!rc)
		rc = list_roots(freeze, &freeze->heap, census->process.pid);
	if (!rc)
		rc = copy_all(&freeze->copy, &freeze->roots);
	ct_copy_sort(&freeze->copy);
	freeze->heap.memory = &freeze->copy.memory; // the spans' descriptions are in the copy by now
	if (!rc)
		rc = list_spans(freeze, &freeze->heap);
	if (!rc)
		rc = copy_all(&freeze->copy, &freeze->wanted);
	ct_copy_sort(&freeze->copy);
	freeze->swapped_pages = memory->swapped_pages - swapped;
	return rc ? refuse(rc, reterr) : 0;
}

void ct_freeze_set_pause(struct ct_freeze *freeze, uint64_t paused_ns)
{
	freeze->paused_ns = paused_ns;
}

struct ct_freeze_figures ct_freeze_figures(const struct ct_freeze *freeze)
{
	return (struct ct_freeze_figures){
		.bytes = freeze->copy.bytes,
		.reached = freeze->mark.marked,
		.threads = freeze->threads.count,
	};
}

const struct ct_stretch *ct_freeze_stack_at(const struct ct_freeze *freeze, uint64_t address)
{
	size_t low = 0, high = freeze->stacks.count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (freeze->stacks.list[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address < freeze->stacks.list[low - 1].end ? &freeze->stacks.list[low - 1] : NULL;
}

size_t ct_freeze_stacks_of(const struct ct_freeze *freeze, const struct ct_goroutine_layout *layout, const uint8_t *g,
			   struct ct_stretch ret_stretches[2])
{
	uint64_t low = ct_load64(g + CT_G_STACK_LOW), high = ct_load64(g + CT_G_STACK_HIGH);
	const struct ct_stretch *lower = ct_freeze_stack_at(freeze, low), *upper = ct_freeze_stack_at(freeze, high - 8);

	if (ct_goroutine_is_moving(layout, g) && lower && upper && (lower != upper || low >= high)) {
		ret_stretches[0] = *lower;
		ret_stretches[1] = *upper;
		return 2;
	}
	ret_stretches[0] = (struct ct_stretch){ low, high };
	return low < high;
}

struct ct_thread *ct_freeze_thread_on(const struct ct_freeze *freeze, uint64_t low, uint64_t high)
{
	for (size_t i = 0; i < freeze->threads.count; i++)
		if (freeze->threads.list[i].sp >= low && freeze->threads.list[i].sp < high)
			return &freeze->threads.list[i];
	return NULL;
}

void ct_threads_done(struct ct_threads *threads)
{
	for (size_t i = 0; i < threads->count; i++)
		free(threads->list[i].words);
	free(threads->list);
	*threads = (struct ct_threads){ 0 };
}

void ct_freeze_free(struct ct_freeze *freeze)
{
	if (!freeze)
		return;
	ct_mark_done(&freeze->mark);
	ct_copy_done(&freeze->copy);
	ct_heap_done(&freeze->heap);
	ct_space_done(&freeze->space);
	ct_threads_done(&freeze->threads);
	free(freeze->roots.list);
	free(freeze->stacks.list);
	free(freeze->wanted.list);
	free(freeze->headers);
	free(freeze);
}
