// SPDX-License-Identifier: Apache-2.0
/* Where the runtime and package context keep what is asked for: addresses as linked, with a symbol table or without. */
#pragma once

#include "symbol/binary.h"

#include <stdint.h>

/** runtime.mheap_. @return 0 or negative errno. */
int ct_locate_heap(struct ct_binary *binary, uint64_t *ret_address);

/**
 * The variables context.background and context.todo of up to Go 1.20, whose values are of one type and told apart by
 * their address only. They get their values before main.main.
 *
 * @return 0 or negative errno.
 */
int ct_locate_roots(struct ct_binary *binary, uint64_t *ret_background, uint64_t *ret_todo);
