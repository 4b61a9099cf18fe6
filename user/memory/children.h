// SPDX-License-Identifier: Apache-2.0
/*
 * The keys of a cancelCtx's children, a map[canceler]struct{}, read from outside: classic maps up to Go 1.23, Swiss
 * tables since 1.24.
 */
#pragma once

#include "memory/reader.h"

#include <stdbool.h>
#include <stdint.h>

/** Called for each key: an interface value (itab, data). */
typedef void (*ct_child_visitor)(void *opaque, uint64_t itab, uint64_t data);

/** What one reading of many maps shares. */
struct ct_children_reader {
	struct ct_memory *memory;
	bool has_swiss_maps;
	uint64_t slots_left; /**< Bound on the work of all maps together. */
	struct ct_memory_window headers, groups;
};

/**
 * Visit the keys of one map.
 *
 * @return 0; -EAGAIN when the map changed meanwhile or contradicts itself (the keys visited were there, others may
 * be missing); -EOVERFLOW when the bound is used up; -EFAULT; -ESRCH.
 */
int ct_children_read(struct ct_children_reader *reader, uint64_t map, ct_child_visitor visit, void *opaque);
