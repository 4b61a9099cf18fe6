// SPDX-License-Identifier: Apache-2.0
/* Call paths found in memory: each gets a number and, once, its names as a SITE event. */
#pragma once

#include "agent/pipeline.h"

struct ct_process_symbols;

/** Paths told so far, by their addresses. Zero-initialise with the first two. */
struct ct_paths {
	struct ct_pipeline *pipeline;	    /**< Borrowed. */
	struct ct_process_symbols *symbols; /**< Borrowed. */
	struct ct_path_slot {
		uint64_t key;
		uint32_t path;
	} *slots;
	size_t room; /**< Power of two. */
	uint32_t count;
};

/**
 * Number a path, telling its names when it is new.
 *
 * @param pcs       Return addresses, innermost first.
 * @param ret_path  0 without frames, or when there are too many paths.
 * @return 0 or -ENOMEM.
 */
int ct_paths_number(struct ct_paths *paths, const uint64_t *pcs, size_t count, uint64_t time_ns, uint32_t *ret_path);

/** Release the numbers. */
void ct_paths_done(struct ct_paths *paths);
