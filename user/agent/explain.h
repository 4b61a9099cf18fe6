// SPDX-License-Identifier: Apache-2.0
/*
 * Asking memory for more than verdicts: who holds the cancel functions of contexts that live, and what all the goroutines
 * do. The answers go into the stream as HOLDER, GOROUTINE, ROUTE and SITE events. All of it once, after the last reading;
 * the goroutines also while the window is open, when the stream alone would accuse some of them.
 */
#pragma once

#include "agent/live.h"

/**
 * Explain what the tree holds. The window has ended: nothing is drained meanwhile, and END gets the time of the begin.
 *
 * @return 0, also when something could not be read: there is less to tell then; -ESRCH the target is gone; -ENOMEM.
 */
int ct_explain(struct ct_live *live);

/**
 * Ask what the goroutines do, nothing else; after a reading, whose answers these replace.
 *
 * @param drain  Called while memory is read.
 * @return as ct_explain().
 */
int ct_explain_work(struct ct_live *live, ct_scan_breathe drain);
