// SPDX-License-Identifier: Apache-2.0
/* One span asked afresh: its header, and a copy of its elements that belongs together. */
#include "memory/heap.h"
#include "memory/mspan.h"

#include <errno.h>

static int read_span(const struct ct_heap *heap, uint64_t header, struct ct_span *ret_span)
{
	uint8_t bytes[CT_SPAN_HEADER_BYTES];
	struct ct_object_span any = { .header = header };
	int rc = ct_memory_read(heap->memory, header, bytes, sizeof(bytes));

	if (rc)
		return rc;
	return ct_mspan_parse(heap->layout, bytes, &any) && ct_mspan_take_small(&any, ret_span) ? 0 : -ENOENT;
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

int ct_heap_span_at(const struct ct_heap *heap, uint64_t address, struct ct_span *ret_span)
{
	uint64_t table, heap_arena, header;
	struct ct_span span;
	int rc = ct_memory_read_word(heap->memory, heap->mheap + heap->layout->heap_arenas, &table);

	if (!rc)
		rc = ct_memory_read_word(heap->memory, table + ct_arena_index(address) * 8, &heap_arena);
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
