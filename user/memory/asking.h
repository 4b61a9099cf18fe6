// SPDX-License-Identifier: Apache-2.0
/*
 * Reads beside a census: nobody keeps them, since a replay does not judge by them, and they have a bound of their own.
 */
#pragma once

#include "memory/reader.h"

/** What is restored when the question has been answered. */
struct ct_asking {
	struct ct_memory *memory;
	struct ct_memory before;
};

/** Begin. `cost` as CT_READ_COST tells. */
static inline struct ct_asking ct_asking_begin(struct ct_memory *memory, uint64_t cost)
{
	struct ct_asking asking = { .memory = memory, .before = *memory };

	memory->listener = NULL;
	memory->has_bound = true;
	memory->is_spent = false;
	memory->cost_left = cost;
	return asking;
}

/** End: what was read and what was swapped out stay counted. */
static inline void ct_asking_end(struct ct_asking *asking)
{
	asking->memory->listener = asking->before.listener;
	asking->memory->has_bound = asking->before.has_bound;
	asking->memory->is_spent = asking->before.is_spent;
	asking->memory->cost_left = asking->before.cost_left;
}
