// SPDX-License-Identifier: Apache-2.0
/*
 * --why: each cancellation as it happens, on standard error: what ended, why, by whom, along which chain, and what the
 * program said of it; and each call of a cancel function that came after the end.
 */
#pragma once

#include "ctxtrace/tree.h"

/**
 * Print what an event that is about to be applied to the tree says of the end of a context; nothing for other events.
 *
 * @param pattern  Glob (fnmatch) on the function names of what ended and of who ended it; "" matches all.
 */
void ct_why_print(const struct ct_tree *tree, const struct ct_event *event, const char *pattern);
