// SPDX-License-Identifier: Apache-2.0
/*
 * The spans of a heap, one copy after the other in the order of their addresses. Nearly all of a reading's time goes
 * into these copies, so helpers may make them ahead: threads that only read, at low priority. Whoever looks at the
 * copies is one thread and sees them in the same order, with helpers or without.
 *
 * Helpers live from open to close. They are for memory of a process; any other is read by the caller itself.
 */
#pragma once

#include "memory/heap.h"

/** Copies in one batch, and batches a helper may be ahead. */
#define CT_FEED_BATCH 8
#define CT_FEED_BATCHES 8

/** Most helpers. */
#define CT_FEED_HELPERS_MAX 8

struct ct_span_feed;

/**
 * Begin.
 *
 * @param heap     Loaded, borrowed until the end.
 * @param process  Whose memory that is, for helpers; NULL: no helpers.
 * @param helpers  How many; 0 none. When fewer can be started, fewer help.
 * @return 0 or -ENOMEM.
 */
int ct_span_feed_open(struct ct_span_feed **ret_feed, const struct ct_heap *heap, struct ct_process_memory *process,
		      ct_sizes sizes, unsigned int helpers);

/**
 * The next span of these sizes. One that is freed, reused or changing meanwhile is told as torn, without a copy.
 *
 * @param ret_view  Borrowed until the next call.
 * @return 1; 0 at the end; negative errno.
 */
int ct_span_feed_next(struct ct_span_feed *feed, const struct ct_span_view **ret_view);

/** End: helpers are waited for, and what they read is counted. NULL is fine. */
void ct_span_feed_close(struct ct_span_feed *feed);
