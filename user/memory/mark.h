// SPDX-License-Identifier: Apache-2.0
/*
 * Which objects of a copied Go heap can still be reached: what the target's own collector would find, seen from outside
 * and at once. Exact in one direction only: every word that might be a pointer is taken for one, so what is marked may
 * be garbage, and what is not marked can be reached by nobody.
 *
 * Only for memory that stood still while it was copied. On a running target it is wrong: up to 9,330 of 10,000 held
 * cancel functions looked unreachable, because a map moved meanwhile.
 */
#pragma once

#include "memory/copy.h"
#include "memory/objects.h"

/** An object by its span and its number there. */
struct ct_marked {
	uint32_t span;
	uint32_t element;
};

/** Zero-initialise, ct_mark_init(), ct_mark_done(). */
struct ct_mark {
	struct ct_copy *copy;
	const struct ct_heap *heap;
	struct ct_objects objects;
	uint64_t low, high;  /**< All spans lie between. */
	uint32_t *pages;     /**< For each page of each arena: its span + 1, 0 none. */
	size_t arena;	     /**< That was found last. */
	uint64_t *first_bit; /**< Of each span, in both bit maps. */
	uint8_t *allocated;
	uint8_t *marks;
	struct ct_marked *work; /**< Marked, not yet scanned. */
	size_t work_count, work_room;
	size_t work_max; /**< Set by ct_mark_init(); a test may want less. */
	bool has_overflowed; /**< Something was marked that is not in `work`. */
	uint64_t marked;     /**< How many. */
};

/**
 * List the objects of a heap; nothing is marked yet.
 *
 * @param copy  Read by this and the calls below; borrowed.
 * @param heap  Over the copy, its arenas loaded; borrowed.
 * @return 0; -EOVERFLOW more objects than this goes; -ENOMEM; as ct_objects_load().
 */
int ct_mark_init(struct ct_mark *mark, struct ct_copy *copy, const struct ct_heap *heap);

/** A root. @return 0 or -ENOMEM. */
int ct_mark_word(struct ct_mark *mark, uint64_t word);

/** Every word of the range is a root. @return 0 or -ENOMEM. */
int ct_mark_range(struct ct_mark *mark, uint64_t start, uint64_t end);

/** Follow all that is marked. @return 0 or -ENOMEM. */
int ct_mark_follow(struct ct_mark *mark);

/** Is the object at `address` marked? False outside of objects. */
bool ct_mark_has(struct ct_mark *mark, uint64_t address);

/** Release. */
void ct_mark_done(struct ct_mark *mark);
