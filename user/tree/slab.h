// SPDX-License-Identifier: Apache-2.0
/*
 * Items of one size in chunks: an item never moves, has an index, and a given-back slot is used again.
 *
 * Growing allocates one chunk, so no event pays for copying what is already there.
 */
#pragma once

#include "ctxtrace/allocator.h"

#include <stddef.h>
#include <stdint.h>

/** "No item". The same number as CT_INDEX_NONE. */
#define CT_SLAB_NONE UINT32_MAX

/** A slab. Set up with ct_slab_init(). */
struct ct_slab {
	const struct ct_allocator *allocator;
	size_t item_bytes;
	size_t link_offset; /**< Where a free item keeps the index of the next free one (a uint32_t). */
	uint32_t chunk_items;
	uint32_t chunks_count;
	uint32_t chunks_capacity;
	char **chunks;
	uint32_t *by_address; /**< Chunk numbers ordered by the chunks' addresses. */
	uint32_t end;	      /**< One past the highest index ever taken. */
	uint32_t used;	      /**< Items taken. */
	uint32_t free_head;
};

/** Set up an empty slab; nothing is allocated yet. */
void ct_slab_init(struct ct_slab *slab, const struct ct_allocator *allocator, size_t item_bytes, size_t link_offset,
		  uint32_t chunk_items);

/** Free all memory; the slab is empty and usable afterwards. */
void ct_slab_done(struct ct_slab *slab);

/** Make sure that the next `items` takes cannot fail. @return 0 or -ENOMEM with nothing changed. */
int ct_slab_reserve(struct ct_slab *slab, uint32_t items);

/** Take a zeroed item that was reserved. @return its index. */
uint32_t ct_slab_take(struct ct_slab *slab);

/** Give an item back. All but its link keeps its content until it is taken again. */
void ct_slab_give(struct ct_slab *slab, uint32_t index);

/** @return the item at `index`, which must be below `end`. */
static inline void *ct_slab_at(const struct ct_slab *slab, uint32_t index)
{
	return slab->chunks[index / slab->chunk_items] + (size_t)(index % slab->chunk_items) * slab->item_bytes;
}

/** @return the index of an item, or CT_SLAB_NONE when the pointer is none of this slab's. */
uint32_t ct_slab_index(const struct ct_slab *slab, const void *item);
