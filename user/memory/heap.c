// SPDX-License-Identifier: Apache-2.0
#include "memory/heap.h"

#include "memory/mspan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARENAS_MAX 65536 /* 4 TiB of heap */
#define SPANS_MAX (UINT32_C(1) << 24)
#define TABLE_CHUNK 512 /* entries of the arena table read at once: one page */

static uint64_t arena_address(uint64_t index)
{
	return index * CT_ARENA_BYTES - CT_ARENA_BASE;
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

static bool is_zero(const uint64_t *entries, size_t bytes)
{
	return !entries[0] && !memcmp(entries, entries + 1, bytes - sizeof(*entries));
}

/* The table is 32 MiB of which nearly nothing was ever touched: the reader skips the rest by pagemap. */
static int load_arenas(struct ct_heap *heap, uint64_t table)
{
	uint64_t entries[TABLE_CHUNK * 8], end = heap->arena_end ?: CT_ARENA_COUNT;

	for (uint64_t i = heap->arena_from & ~(uint64_t)(TABLE_CHUNK * 8 - 1); i < end; i += TABLE_CHUNK * 8) {
		int rc = ct_memory_read(heap->memory, table + i * 8, entries, sizeof(entries));

		if (!rc && is_zero(entries, sizeof(entries)))
			continue;
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

/* What a walk over all spans needs. */
struct span_walk {
	const struct ct_heap *heap;
	int (*visit)(void *opaque, const struct ct_object_span *span);
	void *opaque;
	bool (*parse)(const struct ct_heap_layout *layout, const uint8_t *header, struct ct_object_span *span);
	struct ct_heap *weighed; /* gets the numbers of sound and of odd headers; NULL nobody does */
	uint64_t sound, odd, unread;
	const struct ct_arena *arena;
	struct ct_memory_window window;
	uint64_t entries[CT_ARENA_PAGES];
};

/*
 * Two steps behind the heap at most, three ahead (src/runtime/mheap.go, sweepgen). The heap counts on while it is read:
 * a program without memory collects several times meanwhile.
 */
static bool has_generation(const struct ct_heap *heap, const struct ct_object_span *span)
{
	uint64_t now;

	if (span->sweepgen - heap->sweepgen + 2 <= 2 + 3)
		return true;
	return !ct_memory_read_word(heap->memory, heap->mheap + heap->layout->heap_sweepgen, &now) &&
	       span->sweepgen - heap->sweepgen + 2 <= (uint32_t)now - heap->sweepgen + 2 + 3;
}

/* A header that says it begins at this page: what else does it say? States: dead, in use, manual (stacks). */
static void weigh_span(struct span_walk *walk, const uint8_t *bytes, const struct ct_object_span *span, bool is_parsed)
{
	const struct ct_heap_layout *layout = walk->heap->layout;

	if (bytes[layout->state] == CT_MSPAN_IN_USE && is_parsed && ct_mspan_has_class_size(layout, bytes, span) &&
	    has_generation(walk->heap, span))
		walk->sound++;
	else if (bytes[layout->state] == CT_MSPAN_IN_USE || bytes[layout->state] > CT_MSPAN_MANUAL)
		walk->odd++;
	if (bytes[layout->state] == CT_MSPAN_IN_USE && !is_parsed)
		walk->unread++;
}

/*
 * Wherever else a header stands, it stands where its span begins too; another arena is not asked. The table was copied
 * before the header was, and headers are used again: what does not fit is looked at afresh, both of them.
 */
static bool stands_at_start(const struct span_walk *walk, uint64_t header, const struct ct_object_span *span)
{
	uint64_t offset = span->start - walk->arena->base, entry, start;
	const struct ct_heap *heap = walk->heap;

	if (offset >= CT_ARENA_BYTES || walk->entries[offset / CT_GO_PAGE_BYTES] == header)
		return true;
	if (ct_memory_read_word(heap->memory, header + CT_SPAN_START, &start) || start != span->start ||
	    ct_memory_read_word(heap->memory,
				walk->arena->heap_arena + heap->layout->arena_spans + offset / CT_GO_PAGE_BYTES * 8,
				&entry))
		return true; // it is on its way elsewhere
	return entry == header;
}

/* A header in use that makes no sense may just be made ready. @return 0 or negative errno. */
static int weigh_again(struct span_walk *walk, uint64_t header, uint8_t *bytes, struct ct_object_span *span,
		       bool *is_parsed)
{
	int rc = 0;

	for (int tries = 0; tries < 3 && !*is_parsed && !rc && bytes[walk->heap->layout->state] == CT_MSPAN_IN_USE; tries++) {
		rc = ct_memory_read(walk->heap->memory, header, bytes, CT_SPAN_HEADER_BYTES);
		*is_parsed = !rc && walk->parse(walk->heap->layout, bytes, span);
	}
	if (!rc)
		weigh_span(walk, bytes, span, *is_parsed);
	return rc;
}

/* `ret_end`: where the span that begins at this page ends; untouched when none does. */
static int visit_span(struct span_walk *walk, uint64_t header, uint64_t page, uint64_t *ret_end)
{
	uint8_t bytes[CT_SPAN_HEADER_BYTES];
	struct ct_object_span span = { .header = header };
	int rc = ct_memory_window_read(&walk->window, walk->heap->memory, header, bytes, sizeof(bytes));
	bool is_parsed;

	if (rc)
		return rc == -EFAULT ? 0 : rc;
	is_parsed = walk->parse(walk->heap->layout, bytes, &span);
	if (span.start != page) {
		walk->odd += is_parsed && !stands_at_start(walk, header, &span);
		return 0;
	}
	if (walk->weighed) {
		rc = weigh_again(walk, header, bytes, &span, &is_parsed);
		if (rc)
			return rc == -EFAULT ? 0 : rc;
	}
	if (!is_parsed)
		return 0;
	*ret_end = span.start + span.bytes;
	return walk->visit(walk->opaque, &span);
}

/*
 * A span stands once for each of its pages; the entry of its first page counts. The entries of a span that was freed stay,
 * and its header may by now be that of another one, further on: only pages of a span that was seen are passed over.
 */
static int visit_arena(struct span_walk *walk, const struct ct_arena *arena)
{
	uint64_t seen = 0, end = 0;
	int rc = ct_memory_read(walk->heap->memory, arena->heap_arena + walk->heap->layout->arena_spans, walk->entries,
				sizeof(walk->entries));

	walk->arena = arena;
	for (uint64_t i = 0; !rc && i < CT_ARENA_PAGES; i++) {
		uint64_t entry = walk->entries[i], page = arena->base + i * CT_GO_PAGE_BYTES;

		if (!entry || entry % 8 || (entry == seen && page < end))
			continue;
		seen = entry;
		rc = visit_span(walk, entry, page, &end);
	}
	return rc == -EFAULT ? -EPROTO : rc;
}

static int each_span(const struct span_walk *like)
{
	struct span_walk *walk = malloc(sizeof(*walk));
	int rc = walk ? 0 : -ENOMEM;

	if (walk)
		*walk = *like;
	for (size_t i = 0; !rc && i < like->heap->arena_count; i++)
		rc = visit_arena(walk, &like->heap->arenas[i]);
	if (walk && walk->weighed) {
		walk->weighed->sound_spans = walk->sound;
		walk->weighed->odd_spans = walk->odd;
		walk->weighed->unread_spans = walk->unread;
	}
	free(walk);
	return rc;
}

int ct_heap_each_span(const struct ct_heap *heap, int (*visit)(void *opaque, const struct ct_object_span *span),
		      void *opaque)
{
	return each_span(&(struct span_walk){ .heap = heap, .visit = visit, .opaque = opaque, .parse = ct_mspan_parse });
}

int ct_heap_each_stack_span(const struct ct_heap *heap,
			    int (*visit)(void *opaque, const struct ct_object_span *span), void *opaque)
{
	return each_span(&(struct span_walk){ .heap = heap, .visit = visit, .opaque = opaque, .parse = ct_mspan_parse_stack });
}

/* The spans of chosen sizes, while they are listed. */
struct listing {
	struct ct_heap *heap;
	ct_sizes sizes;
};

static int list_span(void *opaque, const struct ct_object_span *any)
{
	struct listing *listing = opaque;
	struct ct_span span;

	if (!any->has_pointers || !ct_mspan_take_small(any, &span) || !(listing->sizes & ct_size_bit(span.element_bytes)))
		return 0;
	return add_span(listing->heap, &span);
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

void ct_heap_look_at(struct ct_heap *heap, uint64_t first, uint64_t last)
{
	heap->arena_from = ct_arena_index(first);
	heap->arena_end = ct_arena_index(last) + 1;
}

int ct_heap_load_arenas(struct ct_heap *heap)
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
	return 0;
}

int ct_heap_load(struct ct_heap *heap, ct_sizes sizes)
{
	int rc = ct_heap_load_arenas(heap);

	if (!rc)
		rc = each_span(&(struct span_walk){ .heap = heap,
						    .visit = list_span,
						    .opaque = &(struct listing){ heap, sizes },
						    .parse = ct_mspan_parse,
						    .weighed = heap });
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
	heap->sound_spans = heap->odd_spans = heap->unread_spans = 0;
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
