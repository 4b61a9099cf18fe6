// SPDX-License-Identifier: Apache-2.0
// Who keeps a context: what is freed at once, what leaks and for how long, and that the statistics say exactly so.
#include "test_context.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/** Statistics at the start of a test: all tests of a program share one library. */
static struct cctx_stats base;

static int take_base(void **state)
{
	(void)state;
	base = stats_now();
	return 0;
}

// Every test gives back what it took.
static int nothing_is_left(void **state)
{
	(void)state;
	struct cctx_stats now = stats_now();

	return now.allocated == base.allocated && now.live == base.live && now.armed == base.armed ? 0 : -1;
}

#define GREW(field, by) assert_int_equal(stats_now().field - base.field, (by))

static void never(void *opaque)
{
	(void)opaque;
	fail_msg("a function ran whose context did not end");
}

static void test_a_lost_child_of_background_is_freed_at_once(void **state)
{
	(void)state;
	cctx_unref(cctx_with_cancel(cctx_background()));
	GREW(abandoned, 1);
	GREW(freed, 1);
	GREW(allocated, 0);
	GREW(live, 0);
	cctx_t *detached = cctx_without_cancel(cctx_background());
	cctx_unref(cctx_with_cancel(detached));
	cctx_unref(detached);
	GREW(abandoned, 2);
	GREW(freed, 2);
	GREW(created[CCTX_KIND_DETACHED], 1);
}

static void test_a_live_parent_keeps_the_lost_child(void **state)
{
	(void)state;
	cctx_t *parent = cctx_with_cancel(cctx_background());

	for (int i = 0; i < 10; i++)
		cctx_unref(cctx_with_cancel(parent));
	GREW(abandoned, 10);
	GREW(live, 11);
	GREW(allocated, 11);
	GREW(freed, 0);
	cctx_cancel(parent, NULL);
	GREW(ended_parent, 10);
	GREW(ended_explicit, 1);
	GREW(live, 0);
	GREW(allocated, 1);
	cctx_unref(parent);
	GREW(abandoned, 10);
}

static void test_a_lost_child_keeps_the_values_on_its_way(void **state)
{
	(void)state;
	cctx_t *parent = cctx_with_cancel(cctx_background());
	cctx_t *value = cctx_with_value(parent, state, NULL, NULL);

	cctx_unref(cctx_with_cancel(value));
	cctx_unref(value);
	GREW(allocated, 3);
	cctx_cancel(parent, NULL);
	GREW(allocated, 1);
	cctx_unref(parent);
}

static void test_a_lost_tree_holds_nobody(void **state)
{
	(void)state;
	cctx_t *top = cctx_with_cancel(cctx_background());
	cctx_t *child = cctx_with_cancel(top);
	cctx_t *value = cctx_with_value(child, state, NULL, NULL);
	cctx_t *leaf = cctx_with_cancel(value);

	cctx_unref(cctx_with_cancel(leaf));
	cctx_stop_release(cctx_after_func(child, never, NULL));
	cctx_unref(value);
	cctx_unref(top);
	cctx_unref(child);
	GREW(allocated, 6);
	GREW(abandoned, 3);
	// The last user: nothing reaches the tree now, so it goes as a whole, and nobody ends.
	cctx_unref(leaf);
	GREW(abandoned, 4);
	GREW(abandoned_after_func, 1);
	GREW(allocated, 0);
	GREW(freed, 5);
	GREW(ended_parent, 0);
}

static void wait_until_freed(void)
{
	for (int64_t end = cctx_now() + PATIENCE_NS; cctx_now() < end && stats_now().allocated != base.allocated;)
		cctx_wait(cctx_background(), CCTX_MILLISECOND);
	GREW(allocated, 0);
}

/* @return its child, once the context was dropped in time: on a busy machine its timer may have been faster. */
static cctx_t *drop_before_it_fires(int64_t timeout_ns)
{
	for (;;) {
		int64_t made_ns = cctx_now();
		cctx_t *ctx = cctx_with_timeout(cctx_background(), timeout_ns);
		cctx_t *child = cctx_with_cancel(ctx);

		cctx_unref(ctx);
		if (stats_now().armed == base.armed + 1 && stats_now().abandoned == base.abandoned + 1)
			return child;
		assert_true(cctx_now() >= made_ns + timeout_ns);
		cctx_wait(child, PATIENCE_NS);
		cctx_unref(child);
		wait_until_freed();
		base = stats_now();
	}
}

static void test_a_timer_keeps_the_lost_context_until_it_fires(void **state)
{
	(void)state;
	cctx_t *child = drop_before_it_fires(30 * CCTX_MILLISECOND);

	GREW(abandoned, 1);
	assert_int_equal(cctx_wait(child, PATIENCE_NS), ETIMEDOUT);
	GREW(ended_deadline, 1);
	GREW(ended_parent, 1);
	GREW(armed, 0);
	cctx_unref(child);
	wait_until_freed();
	GREW(freed, 0);
}

static void test_cancel_frees_the_timer_at_once(void **state)
{
	(void)state;
	cctx_t *parent = cctx_with_cancel(cctx_background());
	cctx_t *ctx = cctx_with_timeout(parent, 3600 * CCTX_SECOND);

	GREW(armed, 1);
	cctx_cancel(ctx, NULL);
	GREW(armed, 0);
	cctx_unref(ctx);
	GREW(allocated, 1);
	cctx_unref(cctx_with_timeout(parent, 3600 * CCTX_SECOND));
	GREW(armed, 1);
	cctx_cancel(parent, NULL);
	GREW(armed, 0);
	cctx_unref(parent);
}

static void test_references_are_counted(void **state)
{
	(void)state;
	cctx_t *ctx = cctx_with_cancel(cctx_background());

	assert_ptr_equal(cctx_ref(ctx), ctx);
	cctx_unref(ctx);
	GREW(abandoned, 0);
	cctx_t *value = cctx_with_value(ctx, state, NULL, NULL);
	// Nobody can cancel it any more, though the value below still uses it.
	cctx_unref(ctx);
	GREW(abandoned, 1);
	GREW(allocated, 2);
	assert_int_equal(cctx_err(value), 0);
	cctx_unref(value);
	GREW(allocated, 0);
}

static void test_ended_contexts_are_not_abandoned(void **state)
{
	(void)state;
	cctx_t *late = cctx_with_timeout(cctx_background(), -1);

	cctx_unref(cctx_with_cancel(late));
	cctx_unref(late);
	GREW(abandoned, 0);
	GREW(freed, 0);
	GREW(created[CCTX_KIND_DEADLINE], 1);
	GREW(created[CCTX_KIND_CANCEL], 1);
	GREW(ended_deadline, 1);
	GREW(ended_parent, 1);
}

static void test_late_cancels_are_counted(void **state)
{
	(void)state;
	cctx_t *parent = cctx_with_cancel(cctx_background());
	cctx_t *child = cctx_with_cancel(parent);
	cctx_t *value = cctx_with_value(child, state, NULL, NULL);

	cctx_cancel(parent, NULL);
	GREW(cancel_called, 0);
	cctx_cancel(child, NULL);
	cctx_cancel(child, NULL);
	cctx_cancel(value, NULL);
	GREW(cancel_called, 2);
	cctx_unref(value);
	cctx_unref(child);
	cctx_unref(parent);
}

static void test_after_func_counts(void **state)
{
	(void)state;
	cctx_t *ctx = cctx_with_cancel(cctx_background());
	cctx_stop_t *stop = cctx_after_func(ctx, never, NULL);

	GREW(live, 2);
	cctx_stop(stop);
	GREW(ended_explicit, 1);
	cctx_stop_release(stop);
	GREW(abandoned_after_func, 0);
	GREW(allocated, 1);
	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
}

static void test_requests_and_tasks_are_counted(void **state)
{
	(void)state;
	cctx_t *ctx = cctx_with_cancel(cctx_background());

	cctx_request_begin(ctx, "GET /");
	cctx_task_begin(ctx, NULL);
	GREW(requests_live, 1);
	GREW(tasks_live, 1);
	cctx_task_end();
	cctx_request_end(ctx, 200);
	GREW(requests, 1);
	GREW(tasks, 1);
	GREW(requests_live, 0);
	GREW(tasks_live, 0);
	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
}

static long resident_pages(void)
{
	long total = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%ld %ld", &total, &resident), 2);
	fclose(file);
	return resident;
}

// Sanitizers make each round many times dearer and keep freed memory in quarantine on purpose.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ROUNDS	     200000
#define IS_SANITIZED true
#else
#define ROUNDS	     10000000
#define IS_SANITIZED false
#endif

static void churn(cctx_t *parent, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		cctx_t *ctx = i % 4 ? cctx_with_cancel(parent) : cctx_with_timeout(parent, CCTX_SECOND * 60);

		cctx_cancel(ctx, i % 8 ? NULL : "served");
		cctx_unref(ctx);
	}
}

static void test_millions_of_contexts_cost_no_memory(void **state)
{
	(void)state;
	cctx_t *parent = cctx_with_cancel(cctx_background());
	long before, after;

	churn(parent, 1000);
	before = resident_pages();
	churn(parent, ROUNDS);
	after = resident_pages();
	print_message("%d rounds%s: resident %ld -> %ld pages\n", ROUNDS,
		      IS_SANITIZED ? " (scaled down: sanitizer; its quarantine is not judged)" : "", before, after);
	if (!IS_SANITIZED)
		assert_in_range(after, 0, before + 64);
	GREW(ended_explicit, ROUNDS + 1000);
	GREW(allocated, 1);
	cctx_cancel(parent, NULL);
	cctx_unref(parent);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, take_base, nothing_is_left)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_lost_child_of_background_is_freed_at_once),
		TEST(test_a_live_parent_keeps_the_lost_child),
		TEST(test_a_lost_child_keeps_the_values_on_its_way),
		TEST(test_a_lost_tree_holds_nobody),
		TEST(test_a_timer_keeps_the_lost_context_until_it_fires),
		TEST(test_cancel_frees_the_timer_at_once),
		TEST(test_references_are_counted),
		TEST(test_ended_contexts_are_not_abandoned),
		TEST(test_late_cancels_are_counted),
		TEST(test_after_func_counts),
		TEST(test_requests_and_tasks_are_counted),
		TEST(test_millions_of_contexts_cost_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
