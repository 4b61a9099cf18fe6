// SPDX-License-Identifier: Apache-2.0
// The C context library behaves as Go's package context: ends, deadlines, values, causes, after_func, detached.
#include "test_context.h"

#include "context/probe_points.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static void test_roots_never_end(void **state)
{
	(void)state;
	cctx_t *roots[] = {cctx_background(), cctx_todo()};

	assert_ptr_not_equal(roots[0], roots[1]);
	assert_ptr_equal(roots[0], cctx_background());
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(cctx_kind(roots[i]), CCTX_KIND_ROOT);
		assert_false(cctx_cancel(roots[i], NULL));
		assert_false(cctx_done(roots[i]));
		assert_int_equal(cctx_err(roots[i]), 0);
		assert_null(cctx_cause(roots[i]));
		assert_false(cctx_deadline(roots[i], NULL));
		assert_int_equal(cctx_wait(roots[i], CCTX_MILLISECOND), EAGAIN);
		assert_int_equal(cctx_done_fd(roots[i]), -EOPNOTSUPP);
		cctx_unref(cctx_ref(roots[i]));
	}
}

static void test_null_parent_is_refused(void **state)
{
	(void)state;
	errno = 0;
	assert_null(cctx_with_cancel(NULL));
	assert_int_equal(errno, EINVAL);
	assert_null(cctx_with_timeout(NULL, CCTX_SECOND));
	assert_null(cctx_with_value(NULL, &errno, NULL, NULL));
	assert_null(cctx_without_cancel(NULL));
	assert_null(cctx_after_func(NULL, NULL, NULL));
	assert_false(cctx_cancel(NULL, NULL));
	assert_false(cctx_stop(NULL));
	cctx_unref(NULL);
	cctx_stop_release(NULL);
	assert_int_equal(cctx_go(NULL, NULL, NULL, NULL), -EINVAL);
}

static void test_cancel_ends_once_and_keeps_the_first_cause(void **state)
{
	(void)state;
	cctx_t *ctx = cctx_with_cancel(cctx_background());

	assert_false(cctx_done(ctx));
	assert_true(cctx_cancel(ctx, "client went away"));
	assert_false(cctx_cancel(ctx, "too late"));
	assert_true(cctx_done(ctx));
	assert_int_equal(cctx_err(ctx), ECANCELED);
	assert_string_equal(cctx_cause(ctx), "client went away");
	cctx_unref(ctx);
}

static void test_cause_is_copied_and_shared_downwards(void **state)
{
	(void)state;
	char text[] = "disk full";
	cctx_t *parent = cctx_with_cancel(cctx_background());
	cctx_t *value = cctx_with_value(parent, text, text, NULL);
	cctx_t *child = cctx_with_cancel(value);

	cctx_cancel(parent, text);
	memset(text, 'x', sizeof(text) - 1);
	cctx_unref(parent);
	cctx_unref(value);
	assert_string_equal(cctx_cause(child), "disk full");
	assert_int_equal(cctx_err(child), ECANCELED);
	cctx_unref(child);
}

static void test_preset_causes(void **state)
{
	(void)state;
	cctx_t *cancel = cctx_with_cancel_cause(cctx_background(), "shut down");
	cctx_t *own = cctx_with_cancel_cause(cctx_background(), "shut down");
	cctx_t *late = cctx_with_timeout_cause(cctx_background(), CCTX_MILLISECOND, "backend slow");
	cctx_t *early = cctx_with_timeout_cause(cctx_background(), 3600 * CCTX_SECOND, "backend slow");

	cctx_cancel(cancel, NULL);
	assert_string_equal(cctx_cause(cancel), "shut down");
	cctx_cancel(own, "other");
	assert_string_equal(cctx_cause(own), "other");
	assert_int_equal(cctx_wait(late, PATIENCE_NS), ETIMEDOUT);
	assert_string_equal(cctx_cause(late), "backend slow");
	// The cause of a deadline says nothing about a cancel before it.
	cctx_cancel(early, NULL);
	assert_string_equal(cctx_cause(early), "context canceled");
	cctx_unref(cancel);
	cctx_unref(own);
	cctx_unref(late);
	cctx_unref(early);
}

static void test_cascade_reaches_everything_but_the_detached(void **state)
{
	(void)state;
	cctx_t *top = cctx_with_cancel(cctx_background());
	cctx_t *child = cctx_with_timeout(top, 3600 * CCTX_SECOND);
	cctx_t *value = cctx_with_value(child, state, NULL, NULL);
	cctx_t *grandchild = cctx_with_cancel(value);
	cctx_t *detached = cctx_without_cancel(grandchild);
	cctx_t *job = cctx_with_cancel(detached);
	cctx_t *sibling = cctx_with_cancel(cctx_background());
	cctx_t *all[] = {top, child, value, grandchild, detached, job, sibling};

	assert_true(cctx_cancel(child, NULL));
	assert_false(cctx_done(top));
	assert_true(cctx_done(value));
	assert_true(cctx_done(grandchild));
	assert_true(cctx_cancel(top, NULL));
	assert_false(cctx_done(detached));
	assert_false(cctx_done(job));
	assert_false(cctx_done(sibling));
	for (size_t i = 0; i < 7; i++) {
		cctx_cancel(all[i], NULL);
		cctx_unref(all[i]);
	}
}

static void test_a_dead_parent_gives_dead_children(void **state)
{
	(void)state;
	cctx_t *parent = cctx_with_timeout_cause(cctx_background(), -1, "was late");
	cctx_t *child = cctx_with_cancel(parent);
	cctx_t *late = cctx_with_deadline(child, 5);

	assert_int_equal(cctx_err(parent), ETIMEDOUT);
	assert_int_equal(cctx_err(child), ETIMEDOUT);
	assert_string_equal(cctx_cause(child), "was late");
	assert_string_equal(cctx_cause(late), "was late");
	cctx_unref(parent);
	cctx_unref(child);
	cctx_unref(late);
}

static void test_earlier_deadline_of_the_parent_wins(void **state)
{
	(void)state;
	int64_t soon = cctx_now() + 1000 * CCTX_SECOND, got = 0;
	cctx_t *parent = cctx_with_deadline(cctx_background(), soon);
	cctx_t *child = cctx_with_deadline_cause(parent, soon + 1, "never used");
	cctx_t *earlier = cctx_with_deadline(child, soon - 1);
	cctx_t *detached = cctx_without_cancel(earlier);

	assert_int_equal(cctx_kind(parent), CCTX_KIND_DEADLINE);
	assert_int_equal(cctx_kind(child), CCTX_KIND_CANCEL);
	assert_int_equal(cctx_kind(earlier), CCTX_KIND_DEADLINE);
	assert_true(cctx_deadline(child, &got));
	assert_true(got == soon);
	assert_true(cctx_deadline(earlier, &got));
	assert_true(got == soon - 1);
	assert_false(cctx_deadline(detached, &got));
	cctx_cancel(child, NULL);
	assert_string_equal(cctx_cause(child), "context canceled");
	cctx_cancel(parent, NULL);
	cctx_unref(detached);
	cctx_unref(earlier);
	cctx_unref(child);
	cctx_unref(parent);
}

static void test_timeouts_at_the_edges(void **state)
{
	(void)state;
	cctx_t *endless = cctx_with_timeout(cctx_background(), INT64_MAX);
	cctx_t *past = cctx_with_timeout(cctx_background(), INT64_MIN);
	cctx_t *zero = cctx_with_timeout(cctx_background(), 0);
	int64_t deadline = 0;

	assert_false(cctx_done(endless));
	assert_true(cctx_deadline(endless, &deadline));
	assert_true(deadline == INT64_MAX);
	assert_int_equal(cctx_err(past), ETIMEDOUT);
	assert_int_equal(cctx_err(zero), ETIMEDOUT);
	cctx_cancel(endless, NULL);
	cctx_unref(endless);
	cctx_unref(past);
	cctx_unref(zero);
}

#define TIMERS 200

struct order {
	pthread_mutex_t lock;
	int64_t deadline_ns[TIMERS];
	size_t fired;
};

static struct order order = {.lock = PTHREAD_MUTEX_INITIALIZER};

// As the probe of a fired timer tells it: this program's definition is used instead of the library's.
void cctx_timer_disarm_(uint64_t id, uint64_t fired)
{
	int64_t deadline_ns = 0;

	if (!fired)
		return;
	cctx_deadline((const cctx_t *)(uintptr_t)id, &deadline_ns);
	pthread_mutex_lock(&order.lock);
	if (order.fired < TIMERS)
		order.deadline_ns[order.fired++] = deadline_ns;
	pthread_mutex_unlock(&order.lock);
}

/* Half of them cancelled. @return false on a machine so busy that the first deadline has passed meanwhile. */
static bool make_timers(cctx_t *timers[TIMERS], int64_t start)
{
	order.fired = 0;
	for (size_t i = 0; i < TIMERS; i++) {
		// 67 has no divisor in common with 200: every slot once, far from sorted.
		int64_t slot = (int64_t)(i * 67 % TIMERS);

		timers[i] = cctx_with_deadline(cctx_background(), start + slot * CCTX_MILLISECOND / 4);
	}
	for (size_t i = 0; i < TIMERS; i += 2)
		cctx_cancel(timers[i], NULL);
	return cctx_now() < start;
}

static void test_deadlines_pass_in_order(void **state)
{
	(void)state;
	cctx_t *timers[TIMERS];
	int64_t start = cctx_now() + 50 * CCTX_MILLISECOND;

	while (!make_timers(timers, start)) {
		for (size_t i = 0; i < TIMERS; i++) {
			cctx_wait(timers[i], PATIENCE_NS);
			cctx_unref(timers[i]);
		}
		start = cctx_now() + 50 * CCTX_MILLISECOND;
	}
	for (size_t i = 0; i < TIMERS; i++)
		assert_int_equal(cctx_wait(timers[i], PATIENCE_NS), i % 2 ? ETIMEDOUT : ECANCELED);
	assert_true(cctx_now() >= start);
	assert_int_equal(order.fired, TIMERS / 2);
	for (size_t i = 1; i < order.fired; i++)
		assert_true(order.deadline_ns[i - 1] <= order.deadline_ns[i]);
	for (size_t i = 0; i < TIMERS; i++)
		cctx_unref(timers[i]);
}

static void count_drop(void *value)
{
	++*(int *)value;
}

static void test_values_are_found_upwards_and_dropped_at_the_end(void **state)
{
	(void)state;
	static const char user_key, trace_key, other_key;
	int dropped = 0, outer = 0;
	cctx_t *a = cctx_with_value(cctx_background(), &user_key, &outer, NULL);
	cctx_t *b = cctx_with_value(a, &trace_key, &dropped, count_drop);
	cctx_t *c = cctx_with_cancel(b);
	cctx_t *d = cctx_without_cancel(c);
	cctx_t *e = cctx_with_value(d, &user_key, state, NULL);

	assert_ptr_equal(cctx_value(c, &user_key), &outer);
	assert_ptr_equal(cctx_value(d, &trace_key), &dropped);
	assert_ptr_equal(cctx_value(e, &user_key), state);
	assert_null(cctx_value(e, &other_key));
	assert_null(cctx_with_value(a, NULL, NULL, NULL));
	cctx_cancel(c, NULL);
	cctx_unref(a);
	cctx_unref(b);
	cctx_unref(c);
	cctx_unref(d);
	assert_int_equal(dropped, 0);
	cctx_unref(e);
	assert_int_equal(dropped, 1);
}

static void test_done_fd_is_readable_for_ever(void **state)
{
	(void)state;
	cctx_t *ctx = cctx_with_timeout(cctx_background(), 20 * CCTX_MILLISECOND);
	cctx_t *value = cctx_with_value(ctx, state, NULL, NULL);
	struct pollfd poller = {.fd = cctx_done_fd(value), .events = POLLIN};
	uint64_t got;

	assert_true(poller.fd >= 0);
	assert_int_equal(cctx_done_fd(ctx), poller.fd);
	assert_int_equal(poll(&poller, 1, PATIENCE_NS / CCTX_MILLISECOND), 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(read(poller.fd, &got, sizeof(got)), sizeof(got));
	assert_int_equal(poll(&poller, 1, 0), 1);
	cctx_unref(value);
	cctx_unref(ctx);
	ctx = cctx_with_timeout(cctx_background(), 0);
	poller.fd = cctx_done_fd(ctx);
	assert_int_equal(poll(&poller, 1, 0), 1);
	cctx_unref(ctx);
}

static void post(void *opaque)
{
	latch_post(opaque);
}

static void test_after_func_runs_once_or_is_stopped(void **state)
{
	(void)state;
	struct latch ran = LATCH_INIT, stopped_ran = LATCH_INIT;
	cctx_t *ctx = cctx_with_cancel(cctx_background());
	cctx_stop_t *runs = cctx_after_func(ctx, post, &ran);
	cctx_stop_t *stopped = cctx_after_func(ctx, post, &stopped_ran);

	assert_true(cctx_stop(stopped));
	assert_false(cctx_stop(stopped));
	cctx_cancel(ctx, NULL);
	latch_wait(&ran, 1);
	assert_false(cctx_stop(runs));
	cctx_stop_release(runs);
	cctx_stop_release(stopped);
	// On a context that has ended it runs at once; under one that cannot end, never.
	runs = cctx_after_func(ctx, post, &ran);
	latch_wait(&ran, 2);
	assert_false(cctx_stop(runs));
	cctx_stop_release(runs);
	cctx_stop_release(cctx_after_func(cctx_background(), post, &stopped_ran));
	assert_int_equal(latch_count(&stopped_ran), 0);
	cctx_unref(ctx);
}

static void test_depth_costs_no_stack(void **state)
{
	(void)state;
	const size_t depth = 300000;
	cctx_t *top = cctx_with_cancel(cctx_background());
	cctx_t *ctx = cctx_ref(top);

	for (size_t i = 0; i < depth; i++) {
		cctx_t *child = i % 3 ? cctx_with_cancel(ctx) : cctx_with_value(ctx, state, NULL, NULL);

		cctx_unref(ctx);
		ctx = child;
	}
	cctx_cancel(top, "from the very top");
	assert_string_equal(cctx_cause(ctx), "from the very top");
	cctx_unref(top);
	cctx_unref(ctx);
	assert_int_equal(stats_now().allocated, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roots_never_end),
		cmocka_unit_test(test_null_parent_is_refused),
		cmocka_unit_test(test_cancel_ends_once_and_keeps_the_first_cause),
		cmocka_unit_test(test_cause_is_copied_and_shared_downwards),
		cmocka_unit_test(test_preset_causes),
		cmocka_unit_test(test_cascade_reaches_everything_but_the_detached),
		cmocka_unit_test(test_a_dead_parent_gives_dead_children),
		cmocka_unit_test(test_earlier_deadline_of_the_parent_wins),
		cmocka_unit_test(test_timeouts_at_the_edges),
		cmocka_unit_test(test_deadlines_pass_in_order),
		cmocka_unit_test(test_values_are_found_upwards_and_dropped_at_the_end),
		cmocka_unit_test(test_done_fd_is_readable_for_ever),
		cmocka_unit_test(test_after_func_runs_once_or_is_stopped),
		cmocka_unit_test(test_depth_costs_no_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
