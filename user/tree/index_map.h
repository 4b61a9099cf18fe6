// SPDX-License-Identifier: Apache-2.0
/*
 * From a 64-bit key to the index of an item that holds the key itself.
 *
 * Open addressing with linear probing over 4-byte slots: 24 bits of index and 8 bits of hash, so that a probe rarely
 * has to look at an item that is another's. A full table is replaced step by step: every change clears or moves a
 * few slots, so no event waits for a rehash. Removed slots become tombstones, which the next replacement drops.
 */
#pragma once

#include "ctxtrace/allocator.h"

#include <stdbool.h>
#include <stdint.h>

/** "Not in the map". The same number as CT_INDEX_NONE. */
#define CT_MAP_NONE UINT32_MAX

/** Highest number of items: two of the 24-bit indices mean "empty" and "removed". */
#define CT_MAP_ITEMS_MAX 0xfffffeu

/** One table of slots. */
struct ct_map_table {
	uint32_t *slots;
	uint32_t capacity;
	uint32_t used; /**< Slots that are not empty, tombstones included. */
};

/** A map. Set up with ct_map_init(). */
struct ct_map {
	const struct ct_allocator *allocator;
	uint64_t (*key_of)(const void *owner, uint32_t index); /**< Key of an item in the map. */
	const void *owner;
	struct ct_map_table now;
	struct ct_map_table next; /**< While the table is being replaced. */
	uint32_t cleared;	  /**< Slots of `next` that are ready. */
	uint32_t moved;		  /**< Slots of `now` that are in `next`. */
	uint32_t count;		  /**< Items in the map. */
};

/** Set up an empty map; nothing is allocated yet. */
void ct_map_init(struct ct_map *map, const struct ct_allocator *allocator,
		 uint64_t (*key_of)(const void *owner, uint32_t index), const void *owner);

/** Free all memory; the map is empty and usable afterwards. */
void ct_map_done(struct ct_map *map);

/** Make sure that the next `items` inserts cannot fail. @return 0 or -ENOMEM with the content unchanged. */
int ct_map_reserve(struct ct_map *map, uint32_t items);

/** Insert a reserved item whose key is not in the map yet. */
void ct_map_insert(struct ct_map *map, uint64_t key, uint32_t index);

/** Remove a key, before its item changes. One that is not there is fine. */
void ct_map_remove(struct ct_map *map, uint64_t key);

/** @return the index for `key`, or CT_MAP_NONE. */
uint32_t ct_map_find(const struct ct_map *map, uint64_t key);

/** @return `key` with its bits mixed (the finalizer of MurmurHash3, public domain). */
static inline uint64_t ct_mix(uint64_t key)
{
	key ^= key >> 33;
	key *= UINT64_C(0xff51afd7ed558ccd);
	key ^= key >> 33;
	key *= UINT64_C(0xc4ceb9fe1a85ec53);
	return key ^ key >> 33;
}
