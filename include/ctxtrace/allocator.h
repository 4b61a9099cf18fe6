// SPDX-License-Identifier: Apache-2.0
/*
 * Memory for the core rooms comes through an allocator given at `_new`, so that a test can fail the Nth allocation
 * for every N. The core never calls malloc itself.
 */
#pragma once

#include <stddef.h>

/** Where a core object takes its memory from. Borrowed by the object; must outlive it. */
struct ct_allocator {
	/**
	 * As realloc(3): NULL `pointer` allocates, `bytes` of 0 frees and returns NULL.
	 * On failure returns NULL and leaves the old block alone.
	 */
	void *(*resize)(void *opaque, void *pointer, size_t bytes);
	void *opaque; /**< Handed to `resize`. */
};

/** The C library's allocator. */
extern const struct ct_allocator ct_allocator_libc;

/** @return `bytes` of zeroed memory, or NULL. */
void *ct_allocate(const struct ct_allocator *allocator, size_t bytes);

/** @return the resized block (new bytes not zeroed), or NULL with the old block untouched. */
void *ct_resize(const struct ct_allocator *allocator, void *pointer, size_t bytes);

/** Give a block back. `pointer` may be NULL. */
void ct_release(const struct ct_allocator *allocator, void *pointer);
