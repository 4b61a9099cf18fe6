// SPDX-License-Identifier: Apache-2.0
/* Requests and tasks: when a request begins, what ends it, who belongs to it, and that nothing of either stays behind. */
#include "tree_story.h"

#include "ctxtrace/work.h"

static const char sites[] =
	"+0 site path=1 flags=request|served-by-maker frame=net/http.(*conn).readRequest|server.go|1|stdlib\n"
	"+0 site path=2 flags=request-over frame=net/http.(*conn).serve|server.go|2|stdlib\n"
	"+0 site path=3 flags=client-gone frame=net/http.(*connReader).handleReadError|server.go|3|stdlib\n"
	"+0 site path=4 frame=main.handler|main.go|4\n"
	"+0 site path=5 flags=request frame=net/http.(*http2serverConn).newStream|h2_bundle.go|5|stdlib\n"
	"+0 site path=6 flags=starts-handler frame=net/http.(*http2serverConn).scheduleHandler|h2_bundle.go|6|stdlib\n"
	"+0 site path=7 flags=request|served-by-maker|ends-request frame=main.accept|main.go|7\n"
	"+0 task_start task=1\n";

static void begin(struct tale *tale)
{
	tale_begin(tale, NULL);
	tell(tale, sites);
}

/* The only request there is, or NULL. */
static const struct ct_request *only(const struct tale *tale)
{
	const struct ct_request *found = NULL;

	for (uint32_t i = 0; i < ct_tree_requests_end(tale->tree); i++) {
		const struct ct_request *request = ct_tree_request(tale->tree, i);

		assert_true(!request || !found);
		found = request ?: found;
	}
	return found;
}

static uint64_t tasks_of(const struct tale *tale)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < ct_tree_tasks_end(tale->tree); i++)
		count += ct_tree_task(tale->tree, i) != NULL;
	return count;
}

static void a_handler_that_returns_ends_it(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+0 create context=0x10 parent_kind=background kind=cancel task=7 path=1\n");
	assert_int_equal(only(&tale)->task, 7);
	assert_int_equal(tale.totals->requests_live, 1);
	tell(&tale, "+1s cancel context=0x10 reason=explicit path=2\n");
	assert_null(only(&tale));
	assert_int_equal(tale.totals->requests_live, 0);
	assert_int_equal(tale.totals->requests_started, 1);
	tale_end(&tale);
}

/* Only the request that the task serves, on that very context, asks for it. */
static void what_it_asks_for(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+0 create context=0x10 parent_kind=background kind=cancel task=7 path=1\n"
		    "+0 route context=0x20 task=7 route=GET\\x20/other\n"
		    "+0 route context=0x10 task=8 route=GET\\x20/other\n");
	assert_null(ct_tree_route(tale.tree, only(&tale)->route));
	tell(&tale, "+0 route context=0x10 task=7 route=GET\\x20/orders\n");
	assert_string_equal(ct_tree_route(tale.tree, only(&tale)->route), "GET /orders");
	for (int i = 0; i < 1022; i++)
		tellf(&tale, "+0 route context=0x10 task=7 route=/%d\n", i);
	assert_string_equal(ct_tree_route(tale.tree, only(&tale)->route), "/1021");
	assert_int_equal(tell_rc(&tale, "+0 route context=0x10 task=7 route=/1022\n"), -ENOSPC); // not told apart any more
	assert_null(ct_tree_route(tale.tree, only(&tale)->route));
	tell(&tale, "+0 route context=0x10 task=7 route=GET\\x20/orders\n");
	assert_string_equal(ct_tree_route(tale.tree, only(&tale)->route), "GET /orders");
	assert_null(ct_tree_route(tale.tree, 100000));
	tale_end(&tale);
}

static void a_client_that_goes_does_not(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+0 create context=0x8 parent_kind=background kind=cancel task=7 path=2\n"
		    "+0 create context=0x10 parent=0x8 parent_kind=cancel kind=cancel task=7 path=1\n"
		    "+1s cancel context=0x8 reason=explicit path=3\n"
		    "+0 cancel context=0x10 reason=parent\n");
	assert_true(only(&tale)->cancelled_ns && !only(&tale)->over_ns);
	assert_int_equal(only(&tale)->cancel_reason, CT_REASON_PARENT);
	assert_true(ct_tree_site(tale.tree, only(&tale)->cancelled_by)->flags & CT_SITE_CLIENT_GONE);
	tell(&tale, "+1s cancel_call context=0x10 path=4\n"); // somebody else's
	assert_non_null(only(&tale));
	tell(&tale, "+1s cancel_call context=0x10 path=2\n");
	assert_null(only(&tale));
	tale_end(&tale);
}

static void other_signs_end_it_too(void **state)
{
	static const char *const signs[] = {
		"+1s create context=0x20 parent_kind=background kind=cancel task=7 path=1\n+0 cancel context=0x20 "
		"reason=explicit path=2\n",			    // the next one on its connection
		"+1s task_end task=7\n",			    // its goroutine ends
		"+1s free context=0x10\n",			    // nobody can be in it any more
		"+1s create context=0x10 parent_kind=background kind=cancel task=9 path=4\n", // another has its address
		"+1s exec\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		struct tale tale;

		begin(&tale);
		tell(&tale, "+0 create context=0x10 parent_kind=background kind=cancel task=7 path=1\n");
		tell(&tale, signs[i]);
		if (only(&tale))
			fail_msg("sign %zu does not end it", i);
		assert_int_equal(tale.totals->requests_live, 0);
		tale_end(&tale);
	}
}

static void its_tasks_keep_it_known(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+0 create context=0x10 parent_kind=background kind=cancel task=7 path=1\n"
		    "+0 create context=0x20 parent=0x10 parent_kind=cancel kind=cancel task=7 path=4\n"
		    "+0 task_start task=8 creator=7 context=0x20 path=4\n"
		    "+0 task_start task=9 creator=7 path=4\n" // without a context of it
		    "+0 create context=0x30 parent=0x10 parent_kind=cancel kind=cancel task=7 path=4 flags=detached\n"
		    "+0 task_start task=10 creator=7 context=0x30 path=4\n");
	assert_int_equal(only(&tale)->tasks, 1);
	tell(&tale, "+1s cancel context=0x20 reason=explicit path=4\n+0 cancel context=0x10 reason=explicit path=2\n");
	assert_true(only(&tale)->over_ns);
	assert_int_equal(ct_tree_task_of(tale.tree, 8)->request, 0);
	tell(&tale, "+1s task_end task=8\n");
	assert_null(only(&tale));
	tale_end(&tale);
}

static void a_server_of_many_starts_handlers(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+0 create context=0x10 parent_kind=background kind=cancel task=5 path=5\n"
		    "+0 task_start task=20 creator=5 path=6\n"
		    "+0 create context=0x20 parent_kind=background kind=cancel task=5 path=5\n"
		    "+0 task_start task=21 creator=5 path=6\n"
		    "+0 task_start task=22 creator=5 path=4\n");
	assert_int_equal(ct_tree_request(tale.tree, 0)->task, 20);
	assert_int_equal(ct_tree_request(tale.tree, 1)->task, 21);
	tell(&tale, "+0 request task=21 flags=stream\n+0 request task=20 flags=hijacked\n+0 request task=99 flags=stream\n");
	assert_int_equal(ct_tree_request(tale.tree, 0)->flags, CT_REQUEST_IS_HIJACKED);
	assert_int_equal(ct_tree_request(tale.tree, 1)->flags, CT_REQUEST_IS_STREAM);
	tell(&tale, "+1s task_end task=20\n+0 task_end task=21\n");
	assert_null(only(&tale));
	tale_end(&tale);
}

static void a_site_of_the_users_ends_with_its_context(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+0 create context=0x10 parent_kind=background kind=cancel task=7 path=7\n"
		    "+1s cancel context=0x10 reason=explicit path=4\n");
	assert_null(only(&tale));
	assert_int_equal(tale.totals->requests_started, 1);
	tale_end(&tale);
}

/* C: the events say it. A thread may serve several at once. */
static void events_begin_and_end_it(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+0 create context=0x10 parent_kind=background kind=cancel task=7 path=4\n"
		    "+0 request context=0x10 task=7\n"
		    "+0 create context=0x20 parent_kind=background kind=cancel task=7 path=4\n"
		    "+0 request context=0x20 task=7\n");
	assert_int_equal(tale.totals->requests_live, 2);
	tell(&tale, "+1s cancel context=0x10 reason=explicit path=4\n");
	assert_int_equal(tale.totals->requests_live, 2); // cancelled, and still being served
	assert_true(ct_tree_request(tale.tree, 0)->cancelled_ns);
	assert_true(ct_tree_window(tale.tree)->serves_several);
	tell(&tale, "+1s request context=0x10 task=7 flags=end\n+0 request context=0x20 task=7 flags=end\n");
	assert_int_equal(tale.totals->requests_live, 0);
	assert_null(only(&tale));
	tale_end(&tale);
}

/* A thread says that it runs when the handler that started it has returned already, and its context has ended. */
static void a_late_start_finds_its_request(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+0 create context=0x10 parent_kind=background kind=cancel task=7 path=4\n"
		    "+0 request context=0x10 task=7\n"
		    "+0 create context=0x20 parent=0x10 parent_kind=cancel kind=cancel task=7 path=4\n"
		    "+0 create context=0x30 parent=0x10 parent_kind=cancel kind=cancel task=7 path=4\n"
		    "+0 cancel context=0x20 reason=explicit path=4\n"
		    "+0 request context=0x10 task=7 flags=end\n"
		    "+0 cancel context=0x10 reason=explicit path=4\n+0 cancel context=0x30 reason=parent\n");
	assert_null(only(&tale));
	tell(&tale, "+0 task_start task=8 context=0x20 path=4\n+0 task_start task=9 context=0x30 path=4\n"
		    "+0 task_start task=10 context=0x10 path=4\n+0 task_start task=11 context=0x40 path=4\n");
	assert_int_equal(only(&tale)->tasks, 3);
	assert_true(only(&tale)->over_ns);
	tell(&tale, "+0 task_end task=8\n+0 task_end task=9\n+0 task_end task=10\n");
	assert_null(only(&tale));
	tell(&tale, "+0 task_start task=12 path=4\n"); // with none: not the request's that was here
	assert_int_equal(ct_tree_task_of(tale.tree, 12)->request, CT_INDEX_NONE);
	tale_end(&tale);
}

static void a_task_that_dawdles_is_measured(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+0 create context=0x10 parent_kind=background kind=cancel task=7 path=4\n"
		    "+0 task_start task=8 creator=7 context=0x10 path=4\n"
		    "+0 task_start task=9 creator=7 context=0x10 path=4\n"
		    "+1s task_end task=9\n"); // before the end
	assert_null(tale_site(&tale, 4)->cancel_latency);
	tell(&tale, "+1s cancel context=0x10 reason=explicit path=4\n+0 task_start task=10 creator=7 context=0x10 path=4\n"
		    "+3s task_end task=8\n+1s task_end task=10\n"); // the last one began after the end
	assert_int_equal(tale_site(&tale, 4)->cancel_latency->max_ns, 3 * CT_NSEC_PER_SEC);
	assert_int_equal(ct_histogram_quantile(tale_site(&tale, 4)->cancel_latency, 0.5), 3 * CT_NSEC_PER_SEC);
	tale_end(&tale);
}

static void what_comes_and_goes_leaves_nothing(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	for (unsigned int i = 0; i < 20000; i++)
		tellf(&tale,
		      "+0 create context=0x%x parent_kind=background kind=cancel task=%u path=1\n"
		      "+0 task_start task=%u creator=%u context=0x%x path=4\n"
		      "+0 cancel context=0x%x reason=explicit path=2\n"
		      "+0 task_end task=%u\n",
		      0x1000 + i % 64 * 16, 7 + i % 64, 1000 + i, 7 + i % 64, 0x1000 + i % 64 * 16, 0x1000 + i % 64 * 16,
		      1000 + i);
	assert_null(only(&tale));
	assert_true(ct_tree_requests_end(tale.tree) <= 64 + 256); // some linger
	assert_true(ct_tree_tasks_end(tale.tree) <= 128);
	assert_int_equal(tasks_of(&tale), 65); // the 64 that serve, and the first
	assert_int_equal(tale.totals->requests_started, 20000);
	tale_end(&tale);
}

/* A thread goes on when it has done with a task; that it is gone the kernel says. */
static void a_thread_is_more_than_its_tasks(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+0 create context=0x10 parent_kind=background kind=cancel task=7 path=4\n+0 request context=0x10 task=7\n"
		    "+1s task_start task=8 creator=7 path=4 flags=thread|spawned\n"
		    "+0 task_start task=8 context=0x10 path=4 flags=thread\n");
	assert_int_equal(tale.totals->tasks_seen, 3); // and tasks 1 and 7
	assert_int_equal(only(&tale)->tasks, 1);
	assert_true(ct_tree_task_of(tale.tree, 8)->is_explicit);
	tell(&tale, "+1s task_end task=8\n");
	assert_int_equal(only(&tale)->tasks, 0);
	assert_true(ct_tree_is_task_live(tale.tree, 8));
	tell(&tale, "+0 task_start task=8 context=0x10 path=4 flags=thread\n+0 task_start task=8 context=0x10 path=4 flags=thread\n");
	assert_int_equal(only(&tale)->tasks, 1);
	assert_false(ct_tree_task_of(tale.tree, 8)->is_worker);
	tell(&tale, "+1s task_end task=8 flags=thread\n");
	assert_false(ct_tree_is_task_live(tale.tree, 8));
	assert_int_equal(only(&tale)->tasks, 0);
	// A thread that is gone has ended the request it served; one that is unknown, and only done, has not.
	tell(&tale, "+0 task_end task=7\n");
	assert_int_equal(tale.totals->requests_live, 1);
	tell(&tale, "+0 task_end task=7 flags=thread\n");
	assert_int_equal(tale.totals->requests_live, 0);
	tale_end(&tale);
}

/* Hostile: ends in any order, contexts that come again, joins of nobody. Nothing stays behind. */
static void requests_inside_of_requests(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+0 create context=0x10 parent_kind=background kind=cancel task=7 path=4\n+0 request context=0x10 task=7\n"
		    "+0 create context=0x20 parent=0x10 parent_kind=cancel kind=cancel task=7 path=4\n"
		    "+0 request context=0x20 task=7\n"
		    "+0 create context=0x30 parent=0x20 parent_kind=cancel kind=cancel task=7 path=4\n"
		    "+0 request context=0x30 task=7\n"
		    "+0 request context=0x20 task=7 flags=end\n" // not the innermost
		    "+0 request context=0x30 task=7\n"		   // the same again
		    "+0 request context=0x30 task=7 flags=end\n"
		    "+0 request context=0x30 task=7 flags=end\n"
		    "+0 task_join task=99 by=7\n"
		    "+0 request context=0x10 task=7 flags=end\n");
	assert_null(only(&tale));
	assert_int_equal(tale.totals->requests_live, 0);
	assert_int_equal(tale.totals->requests_started, 4);
	tale_end(&tale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handler_that_returns_ends_it),
		cmocka_unit_test(what_it_asks_for),
		cmocka_unit_test(a_client_that_goes_does_not),
		cmocka_unit_test(other_signs_end_it_too),
		cmocka_unit_test(its_tasks_keep_it_known),
		cmocka_unit_test(a_thread_is_more_than_its_tasks),
		cmocka_unit_test(requests_inside_of_requests),
		cmocka_unit_test(a_server_of_many_starts_handlers),
		cmocka_unit_test(a_site_of_the_users_ends_with_its_context),
		cmocka_unit_test(events_begin_and_end_it),
		cmocka_unit_test(a_late_start_finds_its_request),
		cmocka_unit_test(a_task_that_dawdles_is_measured),
		cmocka_unit_test(what_comes_and_goes_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
