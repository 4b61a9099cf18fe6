// SPDX-License-Identifier: Apache-2.0
/*
 * Marking by a work list that is bounded: when it is full the object is marked all the same, and once the list is empty
 * every marked object is gone through again. Nothing recurses, and nothing grows with the depth of the target's data.
 *
 * An element that is not allocated is not marked: stale words point at it, and its own stale words would go on from
 * there. A span in the middle of being swept has neither its old nor its new bits; there, all elements count.
 */
#include "memory/mark.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BITS_MAX (UINT64_C(1) << 33)
#define WORK_MAX (UINT64_C(1) << 22)

static bool has_bit(const uint8_t *bits, uint64_t bit)
{
	return bits[bit / 8] >> (bit % 8) & 1;
}

static void set_bit(uint8_t *bits, uint64_t bit)
{
	bits[bit / 8] |= (uint8_t)(1u << (bit % 8));
}

/* Index of the arena the address lies in, or SIZE_MAX. */
static size_t arena_at(struct ct_mark *mark, uint64_t address)
{
	const struct ct_arena *arenas = mark->heap->arenas;
	size_t low = 0, high = mark->heap->arena_count;

	if (mark->arena < high && address - arenas[mark->arena].base < CT_ARENA_BYTES)
		return mark->arena;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (arenas[middle].base <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address - arenas[low - 1].base >= CT_ARENA_BYTES)
		return SIZE_MAX;
	mark->arena = low - 1;
	return low - 1;
}

static uint32_t *page_at(struct ct_mark *mark, uint64_t address)
{
	size_t arena = arena_at(mark, address);

	return arena == SIZE_MAX ? NULL :
				   &mark->pages[arena * CT_ARENA_PAGES + address % CT_ARENA_BYTES / CT_GO_PAGE_BYTES];
}

static bool find(struct ct_mark *mark, uint64_t address, struct ct_marked *ret)
{
	const struct ct_object_span *span;
	const uint32_t *page;
	uint64_t element;

	if (address < mark->low || address >= mark->high)
		return false;
	page = page_at(mark, address);
	if (!page || !*page)
		return false;
	span = &mark->objects.spans[*page - 1];
	element = (address - span->start) / span->element_bytes;
	if (element >= span->elements)
		return false;
	*ret = (struct ct_marked){ *page - 1, (uint32_t)element };
	return true;
}

/* Which elements of a span may be in use. */
static void load_allocated(struct ct_mark *mark, const struct ct_object_span *span, uint8_t *bits)
{
	size_t bytes = (span->elements + 7) / 8;
	bool is_in_sweep = span->sweepgen == mark->heap->sweepgen - 1;

	if (is_in_sweep || ct_memory_read(&mark->copy->memory, span->alloc_bits, bits, bytes)) {
		memset(bits, 0xff, bytes);
		return;
	}
	memset(bits, 0xff, span->free_index / 8);
	for (uint32_t i = span->free_index & ~7u; i < span->free_index; i++)
		set_bit(bits, i);
}

static void load_pages(struct ct_mark *mark, size_t index)
{
	const struct ct_object_span *span = &mark->objects.spans[index];

	for (uint64_t at = 0; at < span->bytes; at += CT_GO_PAGE_BYTES) {
		uint32_t *page = page_at(mark, span->start + at);

		if (!page)
			return; // a span that says it goes on where there is no arena
		*page = (uint32_t)index + 1;
	}
}

static int allocate(struct ct_mark *mark)
{
	uint64_t bits = 0;

	mark->first_bit = calloc(mark->objects.count + 1, sizeof(*mark->first_bit));
	mark->pages = calloc(mark->heap->arena_count * CT_ARENA_PAGES + 1, sizeof(*mark->pages));
	if (!mark->first_bit || !mark->pages)
		return -ENOMEM;
	for (size_t i = 0; i < mark->objects.count; i++) {
		mark->first_bit[i] = bits;
		bits += ((uint64_t)mark->objects.spans[i].elements + 7) / 8 * 8;
	}
	if (bits > BITS_MAX)
		return -EOVERFLOW;
	mark->allocated = calloc(bits / 8 + 1, 1);
	mark->marks = calloc(bits / 8 + 1, 1);
	return mark->allocated && mark->marks ? 0 : -ENOMEM;
}

int ct_mark_init(struct ct_mark *mark, struct ct_copy *copy, const struct ct_heap *heap)
{
	int rc;

	*mark = (struct ct_mark){ .copy = copy, .heap = heap, .work_max = WORK_MAX };
	rc = ct_objects_load(&mark->objects, heap);
	if (!rc)
		rc = allocate(mark);
	if (rc)
		return rc;
	for (size_t i = 0; i < mark->objects.count; i++) {
		load_pages(mark, i);
		load_allocated(mark, &mark->objects.spans[i], mark->allocated + mark->first_bit[i] / 8);
	}
	if (mark->objects.count) {
		const struct ct_object_span *last = &mark->objects.spans[mark->objects.count - 1];

		mark->low = mark->objects.spans[0].start;
		mark->high = last->start + last->bytes;
	}
	return 0;
}

static int push(struct ct_mark *mark, struct ct_marked object)
{
	if (mark->work_count >= mark->work_max) {
		mark->has_overflowed = true;
		return 0;
	}
	if (mark->work_count == mark->work_room) {
		size_t room = mark->work_room * 2 + 65536;
		struct ct_marked *more = realloc(mark->work, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		mark->work = more;
		mark->work_room = room;
	}
	mark->work[mark->work_count++] = object;
	return 0;
}

int ct_mark_word(struct ct_mark *mark, uint64_t word)
{
	struct ct_marked object;
	uint64_t bit;

	if (!find(mark, word, &object))
		return 0;
	bit = mark->first_bit[object.span] + object.element;
	if (has_bit(mark->marks, bit) || !has_bit(mark->allocated, bit))
		return 0;
	set_bit(mark->marks, bit);
	mark->marked++;
	return mark->objects.spans[object.span].has_pointers ? push(mark, object) : 0;
}

int ct_mark_range(struct ct_mark *mark, uint64_t start, uint64_t end)
{
	int rc = 0;

	start = (start + 7) & ~UINT64_C(7);
	end &= ~UINT64_C(7);
	while (start < end && !rc) {
		uint64_t there;
		const uint8_t *bytes = ct_copy_at(mark->copy, start, &there);
		uint64_t part = there < end - start ? there : end - start;

		for (uint64_t at = 0; bytes && at < part && !rc; at += 8)
			rc = ct_mark_word(mark, ct_load64(bytes + at));
		start += part;
	}
	return rc;
}

static int scan(struct ct_mark *mark, struct ct_marked object)
{
	const struct ct_object_span *span = &mark->objects.spans[object.span];
	uint64_t start = span->start + object.element * span->element_bytes;

	return ct_mark_range(mark, start, start + span->element_bytes);
}

static int empty_work(struct ct_mark *mark)
{
	int rc = 0;

	while (mark->work_count && !rc)
		rc = scan(mark, mark->work[--mark->work_count]);
	return rc;
}

/* Some marked objects were never scanned, and nobody knows which. */
static int scan_span_again(struct ct_mark *mark, uint32_t index)
{
	const struct ct_object_span *span = &mark->objects.spans[index];
	int rc = 0;

	for (uint32_t i = 0; span->has_pointers && i < span->elements && !rc; i++)
		if (has_bit(mark->marks, mark->first_bit[index] + i))
			rc = scan(mark, (struct ct_marked){ index, i }) ?: empty_work(mark);
	return rc;
}

int ct_mark_follow(struct ct_mark *mark)
{
	int rc = empty_work(mark);

	while (mark->has_overflowed && !rc) { // each round marks something, or is the last
		mark->has_overflowed = false;
		for (uint32_t i = 0; i < mark->objects.count && !rc; i++)
			rc = scan_span_again(mark, i);
	}
	return rc;
}

bool ct_mark_has(struct ct_mark *mark, uint64_t address)
{
	struct ct_marked object;

	return find(mark, address, &object) && has_bit(mark->marks, mark->first_bit[object.span] + object.element);
}

void ct_mark_done(struct ct_mark *mark)
{
	ct_objects_done(&mark->objects);
	free(mark->pages);
	free(mark->first_bit);
	free(mark->allocated);
	free(mark->marks);
	free(mark->work);
	*mark = (struct ct_mark){ 0 };
}
