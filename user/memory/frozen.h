// SPDX-License-Identifier: Apache-2.0
/* A freeze from inside the memory room: what ct_freeze_copy() leaves to the passes. */
#pragma once

#include "memory/copy.h"
#include "memory/freeze.h"
#include "memory/heap.h"
#include "memory/mark.h"
#include "memory/space.h"

/** A stretch of addresses. */
struct ct_stretch {
	uint64_t start, end;
};

/** A growing list of them. */
struct ct_stretches {
	struct ct_stretch *list;
	size_t count, room;
};

struct ct_freeze {
	struct ct_copy copy;
	struct ct_heap heap;  /**< Its arenas, over the copy. */
	struct ct_space space;
	struct ct_stretches roots;  /**< Private writable memory outside the arenas, by address. */
	struct ct_stretches stacks; /**< Spans of stacks, by address. */
	struct ct_stretches wanted; /**< What is copied of the arenas. */
	uint64_t *headers;	    /**< Addresses of the mspans, sorted: their words are no references. */
	size_t headers_count, headers_room;
	struct ct_threads threads;
	uint64_t stopped_ns;
	uint64_t paused_ns;
	uint64_t stack_bytes_left; /**< Bound on the work of all stacks together: hostile ones may lie over each other. */
	uint64_t swapped_pages;	   /**< Left out: nothing is proven then. */
	struct ct_mark mark;
};

/** The span of stacks that contains the address, or NULL. */
const struct ct_stretch *ct_freeze_stack_at(const struct ct_freeze *freeze, uint64_t address);

/**
 * Where the stack of a goroutine may be.
 *
 * runtime.copystack() writes the bounds of the new stack one after the other (src/runtime/stack.go): a thread that stands
 * between the two has left those of two stacks, and the spans of both count.
 *
 * @return 1; 2 when the bounds are of two stacks, which may be in one span; 0 when they are none.
 */
size_t ct_freeze_stacks_of(const struct ct_freeze *freeze, const struct ct_goroutine_layout *layout, const uint8_t *g,
			   struct ct_stretch ret_stretches[2]);

/** The thread whose stack pointer lies in [low, high), or NULL. */
struct ct_thread *ct_freeze_thread_on(const struct ct_freeze *freeze, uint64_t low, uint64_t high);
