// SPDX-License-Identifier: Apache-2.0
/*
 * A Go heap from outside: its arenas, the spans in use of chosen element sizes, and which elements are allocated.
 *
 * An element is allocated if its index is below freeindex or its allocBits bit is set; a dead one keeps its old
 * words, so nothing may be believed without this test. The bits are those of the last collection only when the span
 * has been swept since (sweepgen rule in Go's src/runtime/mheap.go).
 */
#pragma once

#include "memory/layout.h"
#include "memory/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Largest element and span the census reads. */
#define CT_ELEMENT_BYTES_MAX 128
#define CT_SPAN_BYTES_MAX 65536

/** Element sizes to read, as bits: bit N is size 8 * N. */
typedef uint32_t ct_sizes;

static inline ct_sizes ct_size_bit(uint64_t bytes)
{
	return bytes <= CT_ELEMENT_BYTES_MAX ? 1u << (bytes / 8) : 0;
}

/** A span in use, as its mspan told when it was read. */
struct ct_span {
	uint64_t header; /**< Address of the mspan. */
	uint64_t start;
	uint64_t alloc_bits;
	uint32_t elements;
	uint32_t free_index;
	uint32_t sweepgen;
	uint16_t allocated;    /**< mspan.allocCount: how many elements are. */
	uint8_t element_bytes; /**< At most CT_ELEMENT_BYTES_MAX. */
};

/** A span in use as its mspan tells, whatever its size: a large object is a span with one element. */
struct ct_object_span {
	uint64_t header; /**< Address of the mspan. */
	uint64_t start;
	uint64_t bytes; /**< Of its pages. */
	uint64_t element_bytes;
	uint64_t alloc_bits;
	uint32_t elements;
	uint32_t free_index;
	uint32_t sweepgen;
	uint16_t allocated;
	bool has_pointers;
};

/** An arena of 64 MiB. */
struct ct_arena {
	uint64_t base;
	uint64_t heap_arena; /**< Address of its heapArena. */
};

/** The heap of one process. */
struct ct_heap {
	struct ct_memory *memory;
	const struct ct_heap_layout *layout;
	uint64_t mheap; /**< Address of runtime.mheap_; set before anything else. */
	uint64_t arena_from, arena_end; /**< Arenas looked for, by index; both 0: all that there may be. */
	uint32_t sweepgen;
	struct ct_arena *arenas; /**< By address. */
	size_t arena_count;
	struct ct_span *spans; /**< By start. */
	size_t span_count, span_room;
	uint64_t sound_spans; /**< mspans met while loading whose numbers fit together, ... */
	uint64_t odd_spans;   /**< ... and those at odds with the layout or with themselves, ... */
	uint64_t unread_spans; /**< ... some of which are in use, with objects nobody can read. */
};

/** One span's elements, copied. */
struct ct_span_view {
	struct ct_span span; /**< As read just before the copy. */
	bool is_swept;	     /**< The bits are those of the last collection. */
	uint32_t live;	     /**< Elements allocated by the bits and freeindex... */
	bool is_counted;     /**< ... are as many as the span says. */
	uint8_t bits[CT_SPAN_BYTES_MAX / 8 / 8];
	_Alignas(8) uint8_t data[CT_SPAN_BYTES_MAX];
};

/** Look for no arenas but those of these addresses: a test knows where they are, and there may be four million. */
void ct_heap_look_at(struct ct_heap *heap, uint64_t first, uint64_t last);

/**
 * Read which spans of these element sizes are in use and may hold pointers.
 *
 * @return 0; -EAGAIN the heap is not set up yet; -EPROTO it does not look like this layout; -EOVERFLOW it is larger
 * than the census goes; other negative errno.
 */
int ct_heap_load(struct ct_heap *heap, ct_sizes sizes);

/** Read where the arenas are, and no span. @return as ct_heap_load(). */
int ct_heap_load_arenas(struct ct_heap *heap);

/**
 * Visit every span in use in the loaded arenas, of any size, in the order of the arenas' pages.
 *
 * @return 0; what `visit` returned unless 0; -EPROTO, -ENOMEM, -ESRCH.
 */
int ct_heap_each_span(const struct ct_heap *heap, int (*visit)(void *opaque, const struct ct_object_span *span),
		      void *opaque);

/** The same for the spans of stacks, which have no elements: `header`, `start` and `bytes` are set. */
int ct_heap_each_stack_span(const struct ct_heap *heap,
			    int (*visit)(void *opaque, const struct ct_object_span *span), void *opaque);

/** Forget what was loaded. */
void ct_heap_done(struct ct_heap *heap);

/** Copy a span. @return 0; -EAGAIN when it changed meanwhile or is no longer what it was; other negative errno. */
int ct_heap_view(const struct ct_heap *heap, const struct ct_span *span, struct ct_span_view *view);

/** Is the span still what it was when it was listed? */
bool ct_heap_is_current(const struct ct_heap *heap, const struct ct_span *span);

/** Is element `index` of the view allocated? */
static inline bool ct_view_is_live(const struct ct_span_view *view, uint32_t index)
{
	return index < view->span.free_index || (view->bits[index / 8] >> (index % 8) & 1);
}

/**
 * Has element `index` survived a collection? Allocation sets no bit, sweeping keeps those of what was marked (Go's
 * src/runtime/malloc.go, nextFreeFast; mgcsweep.go, sweepLocked.sweep).
 */
static inline bool ct_view_has_survived(const struct ct_span_view *view, uint32_t index)
{
	return view->bits[index / 8] >> (index % 8) & 1;
}

/** Does the address lie in an arena? (Type tables never do.) */
bool ct_heap_contains(const struct ct_heap *heap, uint64_t address);

/**
 * The span an address lies in, asked afresh.
 *
 * @return 0; -ENOENT no span of small elements in use there; other negative errno.
 */
int ct_heap_span_at(const struct ct_heap *heap, uint64_t address, struct ct_span *ret_span);

/** The loaded span that contains the address, or NULL. */
const struct ct_span *ct_heap_find(const struct ct_heap *heap, uint64_t address);
