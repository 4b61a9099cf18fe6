// SPDX-License-Identifier: Apache-2.0
// What the tests of the C context library share: a latch to wait on, the statistics.
#pragma once

#include "ctxtrace/context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <time.h>

/** How long a test waits for what must happen. */
#define PATIENCE_NS (60 * CCTX_SECOND)

/** Counts up; waited for with a deadline. */
struct latch {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int count;
};

#define LATCH_INIT                                                                                                     \
	{                                                                                                              \
		.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER                                 \
	}

static inline void latch_post(struct latch *latch)
{
	pthread_mutex_lock(&latch->lock);
	latch->count++;
	pthread_cond_broadcast(&latch->changed);
	pthread_mutex_unlock(&latch->lock);
}

static inline int latch_count(struct latch *latch)
{
	int count;

	pthread_mutex_lock(&latch->lock);
	count = latch->count;
	pthread_mutex_unlock(&latch->lock);
	return count;
}

static inline void latch_wait(struct latch *latch, int count)
{
	struct timespec until;
	int err = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_NS / CCTX_SECOND;
	pthread_mutex_lock(&latch->lock);
	while (latch->count < count && !err)
		err = pthread_cond_timedwait(&latch->changed, &latch->lock, &until);
	pthread_mutex_unlock(&latch->lock);
	assert_int_equal(err, 0);
}

static inline struct cctx_stats stats_now(void)
{
	struct cctx_stats stats;

	cctx_stats(&stats);
	return stats;
}
