// SPDX-License-Identifier: Apache-2.0
#include "memory/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARENAS_MAX 65536 /* 4 TiB of heap */
#define SPANS_MAX (UINT32_C(1) << 24)
#define TABLE_CHUNK 512 /* entries of the arena table read at once: one page */

/* runtime.mSpanInUse */
#define SPAN_IN_USE 1

/* mspan fields that never moved */
#define SPAN_START 24
#define SPAN_PAGES 32

static uint64_t arena_index(uint64_t address)
{
	return (address + CT_ARENA_BASE) / CT_ARENA_BYTES & (CT_ARENA_COUNT - 1);
}

static uint64_t arena_address(uint64_t index)
{
	return index * CT_ARENA_BYTES - CT_ARENA_BASE;
}

/* Is this mspan one of small elements in use, and do its numbers fit together? */
static bool parse_span(const struct ct_heap_layout *layout, const uint8_t *header, struct ct_span *span)
{
	uint64_t element_bytes = ct_load64(header + layout->element_bytes);
	uint64_t pages = ct_load64(header + SPAN_PAGES);
	uint64_t elements = ct_load(header + layout->elements, layout->count_bytes);
	uint64_t free_index = ct_load(header + layout->free_index, layout->count_bytes);

	if (header[layout->state] != SPAN_IN_USE || !element_bytes || element_bytes % 8 ||
	    element_bytes > CT_ELEMENT_BYTES_MAX)
		return false;
	if (!pages || pages > CT_SPAN_BYTES_MAX / CT_GO_PAGE_BYTES || !elements || free_index > elements ||
	    elements > pages * CT_GO_PAGE_BYTES / element_bytes)
		return false;
	span->start = ct_load64(header + SPAN_START);
	span->alloc_bits = ct_load64(header + layout->alloc_bits);
	span->elements = (uint32_t)elements;
	span->free_index = (uint32_t)free_index;
	span->sweepgen = (uint32_t)ct_load(header + layout->sweepgen, 4);
	span->element_bytes = (uint8_t)element_bytes;
	return span->start % CT_GO_PAGE_BYTES == 0;
}

/* Lowest bit of spanclass, the byte before state: no pointers inside (src/runtime/mheap.go, spanClass). */
static bool is_pointer_free(const struct ct_heap_layout *layout, const uint8_t *header)
{
	return header[layout->state - 1] & 1;
}

static int add_arena(struct ct_heap *heap, uint64_t index, uint64_t heap_arena)
{
	if (heap->arena_count == ARENAS_MAX)
		return -EOVERFLOW;
	if (heap->arena_count % 64 == 0) {
		struct ct_arena *more = realloc(heap->arenas, (heap->arena_count + 64) * sizeof(*more));

		if (!more)
			return -ENOMEM;
		heap->arenas = more;
	}
	heap->arenas[heap->arena_count++] = (struct ct_arena){ arena_address(index), heap_arena };
	return 0;
}

/* The table is 32 MiB of which nearly nothing was ever touched: the reader skips the rest by pagemap. */
static int load_arenas(struct ct_heap *heap, uint64_t table)
{
	uint64_t entries[TABLE_CHUNK * 8];

	for (uint64_t i = 0; i < CT_ARENA_COUNT; i += TABLE_CHUNK * 8) {
		int rc = ct_memory_read(heap->memory, table + i * 8, entries, sizeof(entries));

		for (uint64_t j = 0; !rc && j < TABLE_CHUNK * 8; j++)
			if (entries[j] && entries[j] % 8 == 0)
				rc = add_arena(heap, i + j, entries[j]);
		if (rc)
			return rc;
	}
	return heap->arena_count ? 0 : -EAGAIN;
}

static int add_span(struct ct_heap *heap, const struct ct_span *span)
{
	if (heap->span_count == SPANS_MAX)
		return -EOVERFLOW;
	if (heap->span_count == heap->span_room) {
		size_t room = heap->span_room + heap->span_room / 2 + 1024;
		struct ct_span *more = realloc(heap->spans, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		heap->spans = more;
		heap->span_room = room;
	}
	heap->spans[heap->span_count++] = *span;
	return 0;
}

static int load_span(struct ct_heap *heap, struct ct_window *window, uint64_t header, uint64_t page, ct_sizes sizes)
{
	uint8_t bytes[CT_SPAN_HEADER_BYTES];
	struct ct_span span = { .header = header };
	int rc = ct_window_read(window, heap->memory, header, bytes, sizeof(bytes));

	if (rc == -EFAULT)
		return 0;
	if (rc)
		return rc;
	if (!parse_span(heap->layout, bytes, &span) || span.start != page || is_pointer_free(heap->layout, bytes) ||
	    !(sizes & ct_size_bit(span.element_bytes)))
		return 0;
	return add_span(heap, &span);
}

/* A span stands once for each of its pages; only the entry of its first page counts, so stale ones fall out. */
static int load_arena_spans(struct ct_heap *heap, struct ct_window *window, const struct ct_arena *arena,
			    ct_sizes sizes, uint64_t *entries)
{
	uint64_t previous = 0;
	int rc = ct_memory_read(heap->memory, arena->heap_arena + heap->layout->arena_spans, entries,
				CT_ARENA_PAGES * sizeof(*entries));

	for (uint64_t i = 0; !rc && i < CT_ARENA_PAGES; i++) {
		if (entries[i] && entries[i] != previous && entries[i] % 8 == 0)
			rc = load_span(heap, window, entries[i], arena->base + i * CT_GO_PAGE_BYTES, sizes);
		previous = entries[i];
	}
	return rc == -EFAULT ? -EPROTO : rc;
}

static int load_spans(struct ct_heap *heap, ct_sizes sizes)
{
	uint64_t *entries = malloc(CT_ARENA_PAGES * sizeof(*entries));
	struct ct_window *window = calloc(1, sizeof(*window));
	int rc = entries && window ? 0 : -ENOMEM;

	for (size_t i = 0; !rc && i < heap->arena_count; i++)
		rc = load_arena_spans(heap, window, &heap->arenas[i], sizes, entries);
	free(entries);
	free(window);
	return rc;
}

static int by_start(const void *a, const void *b)
{
	uint64_t left = ((const struct ct_span *)a)->start, right = ((const struct ct_span *)b)->start;

	return left < right ? -1 : left > right;
}

static int by_base(const void *a, const void *b)
{
	uint64_t left = ((const struct ct_arena *)a)->base, right = ((const struct ct_arena *)b)->base;

	return left < right ? -1 : left > right;
}

int ct_heap_load(struct ct_heap *heap, ct_sizes sizes)
{
	uint64_t table, sweepgen;
	int rc = ct_memory_read_word(heap->memory, heap->mheap + heap->layout->heap_arenas, &table);

	ct_heap_done(heap);
	if (!rc)
		rc = ct_memory_read_word(heap->memory, heap->mheap + heap->layout->heap_sweepgen, &sweepgen);
	if (rc)
		return rc;
	heap->sweepgen = (uint32_t)sweepgen;
	if (!table)
		return -EAGAIN;
	if (heap->sweepgen % 2 || table % 4096)
		return -EPROTO; // sweepgen counts in steps of two; the table is mapped on its own
	rc = load_arenas(heap, table);
	if (rc)
		return rc;
	qsort(heap->arenas, heap->arena_count, sizeof(*heap->arenas), by_base);
	rc = load_spans(heap, sizes);
	if (rc)
		return rc;
	if (heap->span_count) // without one there is no array either
		qsort(heap->spans, heap->span_count, sizeof(*heap->spans), by_start);
	return 0;
}

void ct_heap_done(struct ct_heap *heap)
{
	free(heap->arenas);
	free(heap->spans);
	heap->arenas = NULL;
	heap->spans = NULL;
	heap->arena_count = heap->span_count = heap->span_room = 0;
}

static int read_span(const struct ct_heap *heap, uint64_t header, struct ct_span *ret_span)
{
	uint8_t bytes[CT_SPAN_HEADER_BYTES];
	struct ct_span span = { .header = header };
	int rc = ct_memory_read(heap->memory, header, bytes, sizeof(bytes));

	if (rc)
		return rc;
	if (!parse_span(heap->layout, bytes, &span))
		return -ENOENT;
	*ret_span = span;
	return 0;
}

/* 0: swept since the last collection began; 3: swept, and cached by a P since. A collection later, these are 2 and 5. */
static bool is_swept(const struct ct_heap *heap, const struct ct_span *span)
{
	uint32_t ahead = span->sweepgen - heap->sweepgen;

	return ahead == 0 || ahead == 3 || ahead == 2 || ahead == 5;
}

static bool is_same_span(const struct ct_span *a, const struct ct_span *b)
{
	return a->start == b->start && a->element_bytes == b->element_bytes && a->elements == b->elements;
}

int ct_heap_view(const struct ct_heap *heap, const struct ct_span *span, struct ct_span_view *view)
{
	struct ct_span after;
	int rc = read_span(heap, span->header, &view->span);

	if (!rc && !is_same_span(span, &view->span))
		rc = -EAGAIN;
	if (!rc)
		rc = ct_memory_read(heap->memory, view->span.alloc_bits, view->bits, (view->span.elements + 7) / 8);
	if (!rc)
		rc = ct_memory_read(heap->memory, view->span.start, view->data,
				    (size_t)view->span.elements * view->span.element_bytes);
	if (!rc)
		rc = read_span(heap, span->header, &after);
	if (rc)
		return rc == -ENOENT || rc == -EFAULT ? -EAGAIN : rc;
	// the bits belong to the data only if no sweep replaced them in between
	if (!is_same_span(&after, &view->span) || after.alloc_bits != view->span.alloc_bits)
		return -EAGAIN;
	view->is_swept = is_swept(heap, &view->span) && is_swept(heap, &after);
	return 0;
}

bool ct_heap_contains(const struct ct_heap *heap, uint64_t address)
{
	size_t low = 0, high = heap->arena_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (address < heap->arenas[middle].base)
			high = middle;
		else if (address - heap->arenas[middle].base < CT_ARENA_BYTES)
			return true;
		else
			low = middle + 1;
	}
	return false;
}

int ct_heap_span_at(const struct ct_heap *heap, uint64_t address, struct ct_span *ret_span)
{
	uint64_t table, heap_arena, header;
	struct ct_span span;
	int rc = ct_memory_read_word(heap->memory, heap->mheap + heap->layout->heap_arenas, &table);

	if (!rc)
		rc = ct_memory_read_word(heap->memory, table + arena_index(address) * 8, &heap_arena);
	if (!rc && !heap_arena)
		return -ENOENT;
	if (!rc)
		rc = ct_memory_read_word(heap->memory,
					 heap_arena + heap->layout->arena_spans +
						 address % CT_ARENA_BYTES / CT_GO_PAGE_BYTES * 8,
					 &header);
	if (!rc && !header)
		return -ENOENT;
	if (!rc)
		rc = read_span(heap, header, &span);
	if (rc)
		return rc;
	if (address < span.start || (address - span.start) / span.element_bytes >= span.elements)
		return -ENOENT;
	*ret_span = span;
	return 0;
}

const struct ct_span *ct_heap_find(const struct ct_heap *heap, uint64_t address)
{
	size_t low = 0, high = heap->span_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (heap->spans[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	return address - heap->spans[low - 1].start <
			       (uint64_t)heap->spans[low - 1].elements * heap->spans[low - 1].element_bytes ?
		       &heap->spans[low - 1] :
		       NULL;
}
