// SPDX-License-Identifier: Apache-2.0
/*
 * Asking memory for more than verdicts, once, after the last reading: who holds the cancel functions of contexts that
 * live, and what all the goroutines do. The answers go into the stream as HOLDER, GOROUTINE and SITE events.
 */
#pragma once

#include "agent/live.h"

/**
 * Explain what the tree holds. The window has ended: nothing is drained meanwhile, and END gets the time of the begin.
 *
 * @return 0, also when something could not be read: there is less to tell then; -ESRCH the target is gone; -ENOMEM.
 */
int ct_explain(struct ct_live *live);
