// SPDX-License-Identifier: Apache-2.0
/* What others than its provider want of the C context library in a target. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ct_target;

/** Does the target use the library? */
bool ct_context_library_is_used(struct ct_target *target);

/**
 * Find the constant by which the library tells where its contexts are (ctxtrace/context_census.h).
 *
 * @return false when the target has no such library, an older one, or one without symbols.
 */
bool ct_context_library_census(struct ct_target *target, uint64_t *ret_address);
