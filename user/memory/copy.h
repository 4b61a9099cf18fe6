// SPDX-License-Identifier: Apache-2.0
/*
 * A copy of parts of a target's memory, to be read like the target's own: what is not in it reads as zeros. Made while
 * the target is stopped, so adding must be fast: room is made, and its pages touched, before.
 *
 * The copy lets nothing leak from one range to another: ranges must not overlap, and are found by address.
 */
#pragma once

#include "memory/reader.h"

/** A contiguous part. */
struct ct_copied {
	uint64_t start, end;
	const uint8_t *bytes;
};

/** The copy. Zero-initialise, ct_copy_init(), ct_copy_done(). */
struct ct_copy {
	struct ct_memory memory; /**< First: the readers get this. */
	struct ct_memory *source;
	struct ct_copied *parts;
	size_t parts_count, parts_room;
	size_t last; /**< Part that was found last. */
	struct ct_chunk *chunks;
	size_t chunks_count;
	uint64_t bytes, bytes_max;
};

/** @param bytes_max  More is refused. @param source  Borrowed; read by ct_copy_add() only. */
void ct_copy_init(struct ct_copy *copy, struct ct_memory *source, uint64_t bytes_max);

/** Make room. @return 0; -ENOMEM. */
int ct_copy_reserve(struct ct_copy *copy, uint64_t bytes);

/** Copy what is present of a range of whole pages. @return 0; -ENOSPC at bytes_max; -ENOMEM; -ESRCH. */
int ct_copy_add(struct ct_copy *copy, uint64_t start, uint64_t end);

/** As ct_copy_add(), present or not: for a file's pages, which hold something before they are touched. */
int ct_copy_add_all(struct ct_copy *copy, uint64_t start, uint64_t end);

/** Put the parts in order: after ct_copy_add() and before reading. */
void ct_copy_sort(struct ct_copy *copy);

/**
 * The bytes at an address.
 *
 * @param ret_bytes  How many follow there; or, where nothing was copied, up to the next part (UINT64_MAX: none).
 * @return NULL where nothing was copied. Borrowed until ct_copy_done().
 */
const uint8_t *ct_copy_at(struct ct_copy *copy, uint64_t address, uint64_t *ret_bytes);

/** Release. */
void ct_copy_done(struct ct_copy *copy);
