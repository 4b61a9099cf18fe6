// SPDX-License-Identifier: Apache-2.0
/*
 * Every object of a Go heap by any address inside it: what a word points at, how large that is, whether it may point
 * on. For questions about references; the census itself needs the small size classes only (heap.h).
 *
 * A listing is as old as its load: on a running target spans come and go. Hostile input: counts are bounded and the
 * spans do not overlap, so an address has one answer.
 */
#pragma once

#include "memory/heap.h"

/** All spans in use, by start. Zero-initialise. */
struct ct_objects {
	struct ct_object_span *spans;
	size_t count, room;
	uint64_t bytes_with_pointers; /**< Of all spans that may hold pointers. */
};

/** List the spans of a loaded heap. @return 0; -EOVERFLOW more than 2^24 of them; -ENOMEM; as ct_heap_each_span(). */
int ct_objects_load(struct ct_objects *objects, const struct ct_heap *heap);

/** Release. */
void ct_objects_done(struct ct_objects *objects);

/** @return the span whose elements the address lies in, or NULL. */
const struct ct_object_span *ct_objects_find(const struct ct_objects *objects, uint64_t address);

/** @return the first byte of the element of `span` that `address` lies in. */
static inline uint64_t ct_object_start(const struct ct_object_span *span, uint64_t address)
{
	return address - (address - span->start) % span->element_bytes;
}
