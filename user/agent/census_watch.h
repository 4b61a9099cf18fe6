// SPDX-License-Identifier: Apache-2.0
/* `ctxtrace census --watch T`: the same census again and again, and how it grows. */
#pragma once

#include "agent/live.h"

/**
 * Read the memory every T until a signal, the end of --duration or of the target, and say on standard error after each
 * reading what has grown. `live` has been inspected.
 *
 * @return 0 (the reason is in live->end_reason); negative errno told in reterr when it could not be read even once.
 */
int ct_census_watch(struct ct_live *live, struct ct_error *reterr);
