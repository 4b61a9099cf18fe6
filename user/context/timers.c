// SPDX-License-Identifier: Apache-2.0
// One thread ends every context whose deadline passes, earliest first. It starts with the first deadline.
#include "private.h"
#include "probe_points.h"

#include <errno.h>
#include <time.h>

/** The timers of the process: the library has one set of them, as it has one pair of roots. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t earlier; /**< The first deadline changed to an earlier one. */
	struct cctx_heap_node *first;
	atomic_bool is_running;
} timers = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct cctx *from_node(struct cctx_heap_node *node)
{
	return (struct cctx *)(void *)((char *)node - offsetof(struct cctx, timer));
}

static void wait_for_first(void)
{
	struct timespec until;

	if (!timers.first) {
		pthread_cond_wait(&timers.earlier, &timers.lock);
		return;
	}
	until.tv_sec = timers.first->deadline_ns / CCTX_SECOND;
	until.tv_nsec = timers.first->deadline_ns % CCTX_SECOND;
	pthread_cond_timedwait(&timers.earlier, &timers.lock, &until);
}

// The anchor the timer had keeps the context through all this.
static void fire(struct cctx *ctx)
{
	cctx_timer_disarm_(cctx_id(ctx), 1);
	cctx_count(CCTX_COUNT_DISARMED);
	cctx_end(ctx, CCTX_REASON_DEADLINE, NULL);
	cctx_unanchor(ctx);
}

static void *timer_thread(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "cctx-timer");
	pthread_mutex_lock(&timers.lock);
	for (;;) {
		struct cctx *ctx;

		if (!timers.first || timers.first->deadline_ns > cctx_now()) {
			wait_for_first();
			continue;
		}
		ctx = from_node(timers.first);
		timers.first = cctx_heap_remove(timers.first, timers.first);
		ctx->armed = false;
		pthread_mutex_unlock(&timers.lock);
		fire(ctx);
		pthread_mutex_lock(&timers.lock);
	}
	return NULL;
}

static int start_locked(void)
{
	pthread_condattr_t attr;
	int err;

	if (atomic_load(&timers.is_running))
		return 0;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&timers.earlier, &attr);
	pthread_condattr_destroy(&attr);
	err = cctx_thread_start(timer_thread, NULL, true);
	if (!err)
		atomic_store(&timers.is_running, true);
	return err;
}

int cctx_timers_start(void)
{
	int err;

	if (atomic_load_explicit(&timers.is_running, memory_order_acquire))
		return 0;
	pthread_mutex_lock(&timers.lock);
	err = start_locked();
	pthread_mutex_unlock(&timers.lock);
	return err;
}

void cctx_timers_add(struct cctx *ctx)
{
	cctx_timer_arm_(cctx_id(ctx), (uint64_t)ctx->deadline_ns);
	cctx_count(CCTX_COUNT_ARMED);
	cctx_anchor(ctx);
	pthread_mutex_lock(&timers.lock);
	ctx->timer.deadline_ns = ctx->deadline_ns;
	ctx->armed = true;
	timers.first = cctx_heap_insert(timers.first, &ctx->timer);
	if (timers.first == &ctx->timer)
		pthread_cond_signal(&timers.earlier);
	pthread_mutex_unlock(&timers.lock);
}

bool cctx_timers_remove(struct cctx *ctx)
{
	bool was_armed;

	if (ctx->kind != CCTX_KIND_DEADLINE)
		return false;
	pthread_mutex_lock(&timers.lock);
	was_armed = ctx->armed;
	if (was_armed) {
		timers.first = cctx_heap_remove(timers.first, &ctx->timer);
		ctx->armed = false;
	}
	pthread_mutex_unlock(&timers.lock);
	if (was_armed) {
		cctx_timer_disarm_(cctx_id(ctx), 0);
		cctx_count(CCTX_COUNT_DISARMED);
	}
	return was_armed;
}
