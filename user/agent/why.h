// SPDX-License-Identifier: Apache-2.0
/* --why: each cancellation as it happens, on standard error: what ended, why, by whom, along which chain. */
#pragma once

#include "ctxtrace/tree.h"

/**
 * Print one cancellation that is about to be applied to the tree.
 *
 * @param pattern  Glob (fnmatch) on the function names of what ended and of who ended it; "" matches all.
 */
void ct_why_print(const struct ct_tree *tree, const struct ct_event_cancel *event, const char *pattern);
