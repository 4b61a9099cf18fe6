// SPDX-License-Identifier: Apache-2.0
/*
 * A list of functions that is searched by address and by name. Both the symbol tables and pclntab end up in one.
 *
 * Names are borrowed. The order by name is made at the first search by name: many users only ask for addresses.
 */
#pragma once

#include "symbol/binary.h"

/** Functions sorted by start. Zero-initialise. */
struct ct_functions {
	struct ct_function *items; /**< Owned. */
	size_t count;
	uint32_t *by_name; /**< Indexes sorted by name, then address; NULL until needed. */
};

/** Release it. A zeroed one is fine. */
void ct_functions_done(struct ct_functions *functions);

/** Sort by start address; call when all items are in. */
void ct_functions_sort(struct ct_functions *functions);

/** @return index of the last function that starts at or below `address`, or -1. */
ptrdiff_t ct_functions_last_below(const struct ct_functions *functions, uint64_t address);

/** As ct_binary_function_at(). Where several functions contain the address, one that starts last. */
int ct_functions_at(const struct ct_functions *functions, uint64_t address, struct ct_function *ret);

/** As ct_binary_find(). */
int ct_functions_find(struct ct_functions *functions, const char *name, struct ct_function *ret, size_t room);
