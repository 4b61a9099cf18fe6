// SPDX-License-Identifier: Apache-2.0
#include "memory/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARENAS_MAX 65536 /* 4 TiB of heap */
#define SPAN_PAGES_MAX (UINT64_C(1) << 35) /* 2^48 bytes */
#define SPANS_MAX (UINT32_C(1) << 24)
#define TABLE_CHUNK 512 /* entries of the arena table read at once: one page */

/* src/runtime/mheap.go: mSpanInUse, mSpanManual */
#define SPAN_IN_USE 1
#define SPAN_MANUAL 2

/* mspan.allocCount, spanclass, state lie side by side in every release: two bytes, one, one. */
#define ALLOCATED_BEFORE_STATE 3

static uint64_t arena_index(uint64_t address)
{
	return (address + CT_ARENA_BASE) / CT_ARENA_BYTES & (CT_ARENA_COUNT - 1);
}

static uint64_t arena_address(uint64_t index)
{
	return index * CT_ARENA_BYTES - CT_ARENA_BASE;
}

/* Is this mspan one in use, and do its numbers fit together? Lowest bit of spanclass, the byte before state: no pointers
 * inside (src/runtime/mheap.go, spanClass). */
static bool parse_any(const struct ct_heap_layout *layout, const uint8_t *header, struct ct_object_span *span)
{
	uint64_t pages = ct_load64(header + CT_SPAN_PAGES);
	uint64_t elements = ct_load(header + layout->elements, layout->count_bytes);
	uint64_t free_index = ct_load(header + layout->free_index, layout->count_bytes);

	span->start = ct_load64(header + CT_SPAN_START);
	span->element_bytes = ct_load64(header + layout->element_bytes);
	if (header[layout->state] != SPAN_IN_USE || !span->element_bytes || span->element_bytes % 8 ||
	    span->start % CT_GO_PAGE_BYTES || !pages || pages > SPAN_PAGES_MAX)
		return false;
	span->bytes = pages * CT_GO_PAGE_BYTES;
	if (!elements || free_index > elements || elements > span->bytes / span->element_bytes)
		return false;
	span->alloc_bits = ct_load64(header + layout->alloc_bits);
	span->elements = (uint32_t)elements;
	span->free_index = (uint32_t)free_index;
	span->sweepgen = (uint32_t)ct_load(header + layout->sweepgen, 4);
	span->allocated = (uint16_t)ct_load(header + layout->state - ALLOCATED_BEFORE_STATE, 2);
	span->has_pointers = !(header[layout->state - 1] & 1);
	return true;
}

/*
 * Element sizes of the size classes 1 to 67 (src/runtime/sizeclasses.go; one table in Go 1.17 to 1.27). Class 0 is a
 * span with one large object.
 */
static const uint16_t class_bytes[] = {
	0,    8,    16,   24,	32,   48,   64,	  80,	96,   112,  128,   144,	  160,	 176,	192,   208,   224,
	240,  256,  288,  320,	352,  384,  416,  448,	480,  512,  576,   640,	  704,	 768,	896,   1024,  1152,
	1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096,  4864,  5120,	 5376,	6144,  6528,  6784,
	6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672,
	32768,
};

/* Is the element size the one its size class has? */
static bool has_class_size(const struct ct_heap_layout *layout, const uint8_t *header, const struct ct_object_span *span)
{
	size_t class = header[layout->state - 1] >> 1;

	if (!class)
		return span->elements == 1;
	return class < sizeof(class_bytes) / sizeof(class_bytes[0]) && span->element_bytes == class_bytes[class];
}

/* Is this mspan one of stacks? The runtime itself keeps account of what is in use there. */
static bool parse_manual(const struct ct_heap_layout *layout, const uint8_t *header, struct ct_object_span *span)
{
	uint64_t pages = ct_load64(header + CT_SPAN_PAGES);

	span->start = ct_load64(header + CT_SPAN_START);
	span->bytes = pages * CT_GO_PAGE_BYTES;
	return header[layout->state] == SPAN_MANUAL && span->start % CT_GO_PAGE_BYTES == 0 && pages &&
	       pages <= SPAN_PAGES_MAX;
}

/* One of small elements? */
static bool take_small(const struct ct_object_span *any, struct ct_span *span)
{
	if (any->element_bytes > CT_ELEMENT_BYTES_MAX || any->bytes > CT_SPAN_BYTES_MAX)
		return false;
	*span = (struct ct_span){
		.header = any->header,
		.start = any->start,
		.alloc_bits = any->alloc_bits,
		.elements = any->elements,
		.free_index = any->free_index,
		.sweepgen = any->sweepgen,
		.allocated = any->allocated,
		.element_bytes = (uint8_t)any->element_bytes,
	};
	return true;
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
	uint64_t base; /* of the arena */
	struct ct_window window;
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

	if (bytes[layout->state] == SPAN_IN_USE && is_parsed && has_class_size(layout, bytes, span) &&
	    has_generation(walk->heap, span))
		walk->sound++;
	else if (bytes[layout->state] == SPAN_IN_USE || bytes[layout->state] > SPAN_MANUAL)
		walk->odd++;
	if (bytes[layout->state] == SPAN_IN_USE && !is_parsed)
		walk->unread++;
}

/* Wherever else a header stands, it stands where its span begins too; another arena is not asked. */
static bool stands_at_start(const struct span_walk *walk, uint64_t header, const struct ct_object_span *span)
{
	uint64_t offset = span->start - walk->base;

	return offset >= CT_ARENA_BYTES || walk->entries[offset / CT_GO_PAGE_BYTES] == header;
}

/* A header in use that makes no sense may just be made ready. @return 0 or negative errno. */
static int weigh_again(struct span_walk *walk, uint64_t header, uint8_t *bytes, struct ct_object_span *span,
		       bool *is_parsed)
{
	int rc = 0;

	for (int tries = 0; tries < 3 && !*is_parsed && !rc && bytes[walk->heap->layout->state] == SPAN_IN_USE; tries++) {
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
	int rc = ct_window_read(&walk->window, walk->heap->memory, header, bytes, sizeof(bytes));
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

	walk->base = arena->base;
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
	return each_span(&(struct span_walk){ .heap = heap, .visit = visit, .opaque = opaque, .parse = parse_any });
}

int ct_heap_each_stack_span(const struct ct_heap *heap,
			    int (*visit)(void *opaque, const struct ct_object_span *span), void *opaque)
{
	return each_span(&(struct span_walk){ .heap = heap, .visit = visit, .opaque = opaque, .parse = parse_manual });
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

	if (!any->has_pointers || !take_small(any, &span) || !(listing->sizes & ct_size_bit(span.element_bytes)))
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
	heap->arena_from = arena_index(first);
	heap->arena_end = arena_index(last) + 1;
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
						    .parse = parse_any,
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

static int read_span(const struct ct_heap *heap, uint64_t header, struct ct_span *ret_span)
{
	uint8_t bytes[CT_SPAN_HEADER_BYTES];
	struct ct_object_span any = { .header = header };
	int rc = ct_memory_read(heap->memory, header, bytes, sizeof(bytes));

	if (rc)
		return rc;
	return parse_any(heap->layout, bytes, &any) && take_small(&any, ret_span) ? 0 : -ENOENT;
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

bool ct_heap_is_current(const struct ct_heap *heap, const struct ct_span *span)
{
	struct ct_span now;

	return !read_span(heap, span->header, &now) && is_same_span(&now, span);
}

static uint32_t allocated_in(const struct ct_span_view *view)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < view->span.elements; i++)
		count += ct_view_is_live(view, i);
	return count;
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
	view->live = allocated_in(view);
	view->is_counted = view->live == view->span.allocated || view->span.allocated != after.allocated;
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
