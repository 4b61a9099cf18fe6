// SPDX-License-Identifier: Apache-2.0
/* Tasks that memory tells: adopted ones, ones that are gone, the runtime's own; and requests whose server nobody knows. */
#include "tree_story.h"

#include "ctxtrace/work.h"

static const char sites[] =
	"+0 site path=1 flags=request frame=google.golang.org/grpc/internal/transport.(*http2Server).operateHeaders|h.go|1\n"
	"+0 site path=2 flags=request-over frame=google.golang.org/grpc/internal/transport.(*http2Server).finishStream|h.go|2\n"
	"+0 site path=3 flags=starts-handler frame=google.golang.org/grpc.(*Server).serveStreams.func2|server.go|3\n"
	"+0 site path=4 frame=main.handler|main.go|4\n"
	"+0 site path=5 frame=main.start|main.go|5\n"
	"+0 site path=6 frame=google.golang.org/grpc/internal/transport.(*http2Server).closeStream|h.go|6\n";

static void begin(struct tale *tale)
{
	tale_begin(tale, NULL);
	tell(tale, sites);
}

static const struct ct_task *task_of(const struct tale *tale, uint64_t task)
{
	return ct_tree_task_of(tale->tree, task);
}

static void older_ones_are_adopted(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+1s task_seen task=7 creator=1 created=5 entry=4\n+0 task_seen task=8\n");
	assert_true(task_of(&tale, 7)->is_adopted && !task_of(&tale, 7)->is_started);
	assert_int_equal(task_of(&tale, 7)->start_ns, 0);
	assert_int_equal(task_of(&tale, 7)->creator, 1);
	assert_int_equal(task_of(&tale, 7)->request, CT_INDEX_NONE);
	assert_int_equal(ct_tree_site(tale.tree, task_of(&tale, 7)->site)->path, 5);
	assert_int_equal(tale.totals->tasks_seen, 2);
	assert_int_equal(tale.totals->tasks_live, 2);
	assert_int_equal(tale.totals->events, 0); // nothing the kernel said
	tell(&tale, "+0 task_seen task=7 creator=1 created=5\n"); // again: the same
	assert_int_equal(tale.totals->tasks_seen, 2);
	tell(&tale, "+0 task_end task=7\n");
	assert_null(task_of(&tale, 7));
	assert_int_equal(tale.totals->tasks_live, 1);
	tell(&tale, "+0 task_seen task=8 flags=gone\n+0 task_seen task=99 flags=gone\n");
	assert_int_equal(tale.totals->tasks_live, 0);
	assert_int_equal(tale.totals->tasks_seen, 2);
	tale_end(&tale);
}

/* Its start was on its way when memory was read; and one that was seen at work gets what memory knows. */
static void the_stream_knows_better(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+1s task_seen task=7 creator=2 created=5\n+0 task_start task=7 creator=3 path=4\n");
	assert_true(task_of(&tale, 7)->is_started && !task_of(&tale, 7)->is_adopted);
	assert_int_equal(task_of(&tale, 7)->creator, 3);
	assert_int_equal(tale.totals->tasks_seen, 1);
	tell(&tale, "+0 task_seen task=7 creator=9\n");
	assert_int_equal(task_of(&tale, 7)->creator, 3);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background task=8\n");
	assert_true(task_of(&tale, 8) && !task_of(&tale, 8)->creator);
	tell(&tale, "+0 task_seen task=8 creator=4 created=5\n");
	assert_int_equal(task_of(&tale, 8)->creator, 4);
	assert_int_equal(tale.totals->tasks_seen, 2);
	tell(&tale, "+0 task_seen task=8 flags=gone\n");
	assert_true(tale_find(&tale, 0x10)->state & CT_CONTEXT_MAKER_GONE);
	tale_end(&tale);
}

static void the_runtimes_own_are_not_counted(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+0 task_start task=2 flags=system\n+0 task_seen task=3 flags=system\n");
	assert_int_equal(tale.totals->tasks_seen, 0);
	assert_int_equal(tale.totals->tasks_live, 0);
	assert_true(task_of(&tale, 2)->is_system && task_of(&tale, 3)->is_system);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background task=4\n"); // seen at work before its start
	assert_int_equal(tale.totals->tasks_live, 1);
	tell(&tale, "+0 task_start task=4 flags=system\n");
	assert_int_equal(tale.totals->tasks_live, 0);
	tell(&tale, "+0 task_end task=2\n+0 task_end task=4\n+0 task_seen task=3 flags=gone\n");
	assert_int_equal(tale.totals->tasks_live, 0);
	assert_int_equal(ct_tree_is_task_live(tale.tree, 2), false);
	tale_end(&tale);
}

static void the_cap_holds_for_them_too(void **state)
{
	const struct ct_tree_options caps = { .max_tasks = 2 };
	struct tale tale;

	(void)state;
	tale_begin(&tale, &caps);
	tell(&tale, "+0 task_seen task=1\n+0 task_seen task=2\n");
	assert_int_equal(tell_rc(&tale, "+0 task_seen task=3\n"), -ENOSPC);
	assert_int_equal(tale.totals->refused_tasks, 1);
	tell(&tale, "+0 task_seen task=1 flags=gone\n+0 task_seen task=3\n");
	assert_int_equal(tale.totals->tasks_live, 2);
	tale_end(&tale);
}

/* What the creator of an old goroutine made last is no old goroutine's request, nor does what it derives make it one. */
static void old_ones_serve_nothing(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+0 task_start task=1\n+0 create context=0x10 parent_kind=background kind=cancel task=1 path=1\n"
		    "+0 task_seen task=7 creator=1 created=3\n"
		    "+0 create context=0x20 parent=0x10 parent_kind=cancel kind=cancel task=7 path=4\n");
	assert_int_equal(ct_tree_request(tale.tree, 0)->task, 0);
	assert_int_equal(task_of(&tale, 7)->request, CT_INDEX_NONE);
	tell(&tale, "+0 task_start task=8 creator=1 path=3\n"); // this one does
	assert_int_equal(ct_tree_request(tale.tree, 0)->task, 8);
	tale_end(&tale);
}

/* A worker of a pool serves it, and nobody knows which: that the client went away does not mean that the handler returned. */
static void a_server_nobody_knows_may_go_on(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+0 task_start task=1\n+0 create context=0x10 parent_kind=background kind=cancel task=1 path=1\n"
		    "+0 task_start task=9 creator=7 context=0x10 path=5\n"
		    "+1s cancel context=0x10 reason=explicit path=6\n");
	assert_true(ct_tree_request(tale.tree, 0)->flags & CT_REQUEST_IS_GUESSED_OVER);
	assert_int_equal(tale.totals->requests_live, 0);
	tell(&tale, "+1s cancel_call context=0x10 path=4\n"); // anybody's
	assert_true(ct_tree_request(tale.tree, 0)->flags & CT_REQUEST_IS_GUESSED_OVER);
	tell(&tale, "+1s cancel_call context=0x10 path=2\n"); // now it has
	assert_false(ct_tree_request(tale.tree, 0)->flags & CT_REQUEST_IS_GUESSED_OVER);
	assert_int_equal(ct_tree_request(tale.tree, 0)->over_ns, tale.now_ns);
	tell(&tale, "+0 create context=0x10 parent_kind=background kind=cancel task=1 path=1\n"
		    "+0 task_start task=10 creator=7 context=0x10 path=5\n"
		    "+1s cancel context=0x10 reason=explicit path=2\n"); // by the server: no guess
	assert_int_equal(ct_tree_request(tale.tree, 1)->flags, 0);
	assert_int_equal(ct_tree_request(tale.tree, 1)->over_ns, tale.now_ns);
	tale_end(&tale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(older_ones_are_adopted),
		cmocka_unit_test(the_stream_knows_better),
		cmocka_unit_test(the_runtimes_own_are_not_counted),
		cmocka_unit_test(the_cap_holds_for_them_too),
		cmocka_unit_test(old_ones_serve_nothing),
		cmocka_unit_test(a_server_nobody_knows_may_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
