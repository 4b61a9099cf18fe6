// SPDX-License-Identifier: Apache-2.0
/* From a function of a binary to a point of a plan, or to a refusal that says why there is none. */
#pragma once

#include "ctxtrace/provider.h"
#include "provider/probe_point.h"
#include "symbol/binary.h"

/** Chooses the place in a function: ct_probe_point_go() or ct_probe_point_c(). */
typedef int (*ct_probe_chooser)(const uint8_t *code, size_t bytes, struct ct_probe_point *ret, const char **ret_reason);

/** Read the first bytes of a function, at most `room`. @return how many, 0 when its code cannot be read. */
size_t ct_function_code(struct ct_binary *binary, const struct ct_function *function, uint8_t *code, size_t room);

/**
 * Add a function's probe point, or a refusal. A place that is probed already is left alone: two names of one address
 * would tell everything twice.
 *
 * @param name  The name to show.
 * @return 0 or -ENOMEM.
 */
int ct_plan_function(struct ct_plan *plan, struct ct_binary *binary, const char *name,
		     const struct ct_function *function, ct_probe_chooser choose, uint64_t cookie, bool is_end);
