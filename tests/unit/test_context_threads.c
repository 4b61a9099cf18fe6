// SPDX-License-Identifier: Apache-2.0
// The C context library under many threads: made to be run under ThreadSanitizer too.
#include "test_context.h"

#include <errno.h>
#include <stdatomic.h>

#define THREADS 8

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ROUNDS 300
#else
#define ROUNDS 3000
#endif

/** What the threads of one test share. */
struct shared {
	cctx_t *parent;
	struct latch done;
	atomic_int wins;
	atomic_int ran;
	pthread_barrier_t start;
};

static void shared_init(struct shared *shared, cctx_t *parent)
{
	*shared = (struct shared){.parent = parent, .done = LATCH_INIT};
	pthread_barrier_init(&shared->start, NULL, THREADS);
}

static void run_threads(struct shared *shared, void (*fn)(cctx_t *ctx, void *opaque))
{
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(cctx_go(cctx_background(), fn, shared, "test"), 0);
	latch_wait(&shared->done, THREADS);
	pthread_barrier_destroy(&shared->start);
}

// Threads give their context back after the latch: the counts are exact a moment later.
static void wait_until_allocated(uint64_t expected)
{
	int64_t end = cctx_now() + PATIENCE_NS;

	while (stats_now().allocated != expected && cctx_now() < end)
		cctx_wait(cctx_background(), CCTX_MILLISECOND);
	assert_int_equal(stats_now().allocated, expected);
}

static void race_to_cancel(cctx_t *ctx, void *opaque)
{
	struct shared *shared = opaque;

	(void)ctx;
	pthread_barrier_wait(&shared->start);
	if (cctx_cancel(shared->parent, "raced"))
		atomic_fetch_add(&shared->wins, 1);
	assert_string_equal(cctx_cause(shared->parent), "raced");
	latch_post(&shared->done);
}

static void test_one_of_many_cancels_wins(void **state)
{
	(void)state;
	for (int round = 0; round < 50; round++) {
		struct cctx_stats before = stats_now();
		struct shared shared;

		shared_init(&shared, cctx_with_cancel_cause(cctx_background(), "preset"));
		run_threads(&shared, race_to_cancel);
		assert_int_equal(atomic_load(&shared.wins), 1);
		assert_int_equal(stats_now().cancel_called - before.cancel_called, THREADS - 1);
		cctx_unref(shared.parent);
	}
}

static void count_run(void *opaque)
{
	atomic_fetch_add(&((struct shared *)opaque)->ran, 1);
}

// One round of everything a program does with contexts; every branch ends its contexts or loses them on purpose.
static void busy_round(struct shared *shared, int i)
{
	cctx_t *request = cctx_with_timeout(shared->parent, (i % 7) * CCTX_MILLISECOND);
	cctx_t *value = cctx_with_value(request, shared, shared, NULL);
	cctx_t *call = cctx_with_cancel(value);
	cctx_stop_t *stop = cctx_after_func(i % 2 ? call : shared->parent, count_run, shared);

	if (i % 3)
		cctx_wait(call, CCTX_MILLISECOND / 8);
	if (cctx_stop(stop))
		atomic_fetch_sub(&shared->wins, 1);
	cctx_stop_release(stop);
	if (i % 5)
		cctx_cancel(call, "served");
	cctx_unref(value);
	cctx_unref(call);
	if (i % 11)
		cctx_cancel(request, NULL);
	cctx_unref(request);
	atomic_fetch_add(&shared->wins, 1);
}

static void stay_busy(cctx_t *ctx, void *opaque)
{
	struct shared *shared = opaque;

	(void)ctx;
	pthread_barrier_wait(&shared->start);
	for (int i = 0; i < ROUNDS; i++)
		busy_round(shared, i);
	latch_post(&shared->done);
}

static void cancel_soon(cctx_t *ctx, void *opaque)
{
	(void)opaque;
	cctx_wait(ctx, 5 * CCTX_MILLISECOND);
	cctx_cancel(ctx, "shutdown");
}

static void run_busy(cctx_t *parent, bool cancels)
{
	struct shared shared;
	struct cctx_stats now;

	shared_init(&shared, parent);
	if (cancels)
		assert_int_equal(cctx_go(parent, cancel_soon, NULL, "canceller"), 0);
	run_threads(&shared, stay_busy);
	cctx_cancel(parent, NULL);
	cctx_unref(parent);
	wait_until_allocated(0);
	now = stats_now();
	// A registration was either stopped in time or has run: wins counts those that were not stopped.
	assert_int_equal(atomic_load(&shared.wins), atomic_load(&shared.ran));
	assert_int_equal(now.live, 0);
	assert_int_equal(now.armed, 0);
	assert_int_equal(now.freed, 0);
}

static void test_counts_stay_exact_under_load(void **state)
{
	(void)state;
	run_busy(cctx_with_cancel(cctx_background()), false);
}

static void test_cascade_meets_creates_and_cancels(void **state)
{
	(void)state;
	run_busy(cctx_with_cancel(cctx_background()), true);
	run_busy(cctx_with_timeout(cctx_background(), 10 * CCTX_MILLISECOND), true);
}

// A tree whose last users leave at the same time from different threads.
static void leave_together(cctx_t *ctx, void *opaque)
{
	struct shared *shared = opaque;
	cctx_t *parent = cctx_ref(shared->parent);
	cctx_t *own = cctx_with_cancel(parent);
	cctx_t *leaf = cctx_with_cancel(own);

	(void)ctx;
	cctx_unref(own);
	// The latch comes first: afterwards the one who waits leaves too, and `shared` is no longer ours.
	pthread_barrier_wait(&shared->start);
	latch_post(&shared->done);
	cctx_unref(parent);
	cctx_unref(leaf);
}

static void test_a_tree_left_by_all_threads_at_once_is_freed(void **state)
{
	(void)state;
	for (int round = 0; round < 100; round++) {
		uint64_t freed = stats_now().freed;
		struct shared shared;

		shared_init(&shared, cctx_with_cancel(cctx_background()));
		run_threads(&shared, leave_together);
		cctx_unref(shared.parent);
		wait_until_allocated(0);
		assert_int_equal(stats_now().freed - freed, 2 * THREADS + 1);
	}
}

static void wait_for_parent(cctx_t *ctx, void *opaque)
{
	struct shared *shared = opaque;

	(void)ctx;
	pthread_barrier_wait(&shared->start);
	assert_int_equal(cctx_wait(shared->parent, PATIENCE_NS), ECANCELED);
	latch_post(&shared->done);
}

static void test_every_waiter_wakes(void **state)
{
	(void)state;
	struct shared shared;

	shared_init(&shared, cctx_with_cancel(cctx_background()));
	assert_int_equal(cctx_go(shared.parent, cancel_soon, NULL, "canceller"), 0);
	run_threads(&shared, wait_for_parent);
	cctx_unref(shared.parent);
}

static void hold_reference(cctx_t *ctx, void *opaque)
{
	assert_int_equal(cctx_wait(ctx, PATIENCE_NS), ECANCELED);
	latch_post(opaque);
}

static void test_a_thread_keeps_its_context(void **state)
{
	(void)state;
	struct latch done = LATCH_INIT;
	uint64_t abandoned = stats_now().abandoned;
	cctx_t *parent = cctx_with_cancel(cctx_background());
	cctx_t *ctx = cctx_with_cancel(parent);

	assert_int_equal(cctx_go(ctx, hold_reference, &done, "a name longer than sixteen"), 0);
	cctx_unref(ctx);
	cctx_cancel(parent, NULL);
	cctx_unref(parent);
	latch_wait(&done, 1);
	wait_until_allocated(0);
	assert_int_equal(stats_now().abandoned, abandoned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_of_many_cancels_wins),
		cmocka_unit_test(test_counts_stay_exact_under_load),
		cmocka_unit_test(test_cascade_meets_creates_and_cancels),
		cmocka_unit_test(test_a_tree_left_by_all_threads_at_once_is_freed),
		cmocka_unit_test(test_every_waiter_wakes),
		cmocka_unit_test(test_a_thread_keeps_its_context),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
