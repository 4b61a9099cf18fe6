// SPDX-License-Identifier: Apache-2.0
/*
 * Who holds it: the references to an object, the references to what refers to it, and so on, until something that
 * lives by itself is found: a package's variable, a frame of a goroutine, a deferred call.
 *
 * Each level is one sweep over everything that may hold a pointer, whatever the number of objects looked for. Words
 * count that point anywhere into an object, as they do for Go's own collector; a word found is read once more before it
 * is believed. The target runs on meanwhile, so the answer explains and proves nothing. Hostile input: levels, objects,
 * holders of one object and bytes read are bounded, an object is looked for once (cycles end), and a search that
 * came to a bound says so.
 */
#pragma once

#include "memory/chain.h"
#include "memory/closures.h"
#include "memory/objects.h"
#include "memory/stack_walk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A goroutine's stack, as it is searched. */
struct ct_holder_stack {
	uint64_t task;
	uint64_t entry; /**< Address of the function it began with. */
	bool is_runtime; /**< The runtime's own goroutine: told only when there is no other holder. */
	struct ct_stack stack;
};

/** A record of a goroutine's defer list. */
struct ct_holder_defer {
	uint64_t record;
	uint64_t task;
	uint64_t pc; /**< Where the call was deferred. */
};

/** Everything that is searched. Filled by the caller. */
struct ct_holder_search {
	struct ct_memory *memory;
	const struct ct_objects *objects;
	const struct ct_closures *closures;
	uint64_t text, etext;  /**< Code: a closure's first word. */
	uint64_t types, etypes; /**< Type descriptors: a channel's element type. */
	struct {
		uint64_t start, end;
	} globals[2]; /**< Variables that may hold pointers: data and bss. */
	struct ct_holder_stack *stacks; /**< By address. */
	size_t stacks_count;
	struct ct_holder_defer *defers; /**< By record. */
	size_t defers_count;
	uint64_t *foreign; /**< Objects that are no holders (the runtime's own), sorted. */
	size_t foreign_count;
	bool has_swiss_maps; /**< Go 1.24 on. */
	uint64_t bytes_max; /**< Read at most so much. */
	/** Is a variable the runtime's own? Such a holder is told only when there is no other. May be NULL. */
	bool (*is_runtime)(void *opaque, uint64_t address);
	void *opaque;
};

/**
 * Find one chain for each context: the one that ends in what lives longest and is shortest.
 *
 * @param contexts    Addresses; an unlisted or freed one gets an empty chain.
 * @param ret_chains  As many as contexts, in their order.
 * @return 0; -ENOMEM; -ESRCH when the process is gone.
 */
int ct_holders_find(const struct ct_holder_search *search, const uint64_t *contexts, size_t count,
		    struct ct_holder_chain *ret_chains);
