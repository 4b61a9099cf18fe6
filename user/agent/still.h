// SPDX-License-Identifier: Apache-2.0
/*
 * A reading of a target that stands still: stop it, copy what can be reached, let it go, judge the copy. The target
 * stands for as long as the copy takes; what takes longer comes before or after.
 */
#pragma once

#include "agent/live.h"

/**
 * Read the target, stopped, and push what memory says; as often as three times until it was read completely.
 *
 * @param expects_stopped  Somebody has stopped it on our behalf already.
 * @param drain            As in ct_scanner_scan().
 * @return 0; negative errno told in reterr: nothing was pushed, or there is no memory; the target runs on.
 */
int ct_still_scan(struct ct_live *live, bool expects_stopped, ct_scan_breathe drain, struct ct_error *reterr);
