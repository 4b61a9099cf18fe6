// SPDX-License-Identifier: Apache-2.0
/* What is seen from beginning to end: contexts, who cancelled them, tasks, requests, sites, the window. */
#include "tree_story.h"

static void contexts_are_made_and_cancelled(void **state)
{
	struct tale tale;
	const struct ct_context *child;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale,
	     "+0 create context=0x10 kind=cancel parent_kind=background task=7\n"
	     "+5ms create context=0x20 parent=0x10 kind=deadline parent_kind=cancel deadline=+1s task=8 path=3\n");
	child = tale_find(&tale, 0x20);
	assert_ptr_equal(child, tale.told);
	assert_int_equal(child->id, 2);
	assert_int_equal(child->created_ns, CT_NSEC_PER_SEC + 5 * CT_NSEC_PER_MSEC);
	assert_int_equal(child->deadline_ns, child->created_ns + CT_NSEC_PER_SEC);
	assert_int_equal(child->task, 8);
	assert_int_equal(child->kind, CT_KIND_DEADLINE);
	assert_ptr_equal(ct_tree_parent(tale.tree, child), tale_find(&tale, 0x10));
	assert_int_equal(tale_find(&tale, 0x10)->children, 1);
	assert_int_equal(tale.totals->live, 2);

	tell(&tale, "+1s cancel context=0x20 reason=deadline\n");
	assert_null(ct_tree_find(tale.tree, 0x20));
	assert_int_equal(tale.told->id, 2); // as it was when it ended, though forgotten
	assert_int_equal(tale.told->reason, CT_REASON_DEADLINE);
	assert_int_equal(tale_find(&tale, 0x10)->children, 0);
	tell(&tale, "+0 cancel context=0x10 reason=explicit\n");
	assert_int_equal(tale.totals->live, 0);
	assert_int_equal(tale.totals->peak_live, 2);
	assert_int_equal(tale.totals->created, 2);
	assert_int_equal(tale.totals->ended[CT_REASON_DEADLINE], 1);
	assert_int_equal(tale.totals->ended[CT_REASON_EXPLICIT], 1);
	assert_int_equal(tale.totals->events, 4);
	tale_end(&tale);
}

/* Roots, values and detached links are walked over in the kernel; should one come, it is no context to keep. */
static void only_what_can_be_cancelled_is_kept(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x10 kind=background\n"
		    "+0 create context=0x20 kind=todo\n"
		    "+0 create context=0x30 kind=value\n"
		    "+0 create context=0x40 kind=detached\n"
		    "+0 create context=0x50 kind=foreign\n");
	assert_int_equal(tale.totals->created, 0);
	assert_int_equal(ct_tree_end(tale.tree), 0);
	tell(&tale, "+0 create context=0x60 kind=unknown\n"); // could not be read: treated as one that can
	assert_int_equal(tale.totals->created, 1);
	assert_int_equal(tell_rc(&tale, "+0 create context=0x70 parent=0x70 kind=cancel parent_kind=cancel\n"),
			 -EPROTO);
	assert_int_equal(tale.totals->created, 1);
	tale_end(&tale);
}

static void ended_ones_are_kept_for_their_descendants(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background\n"
		    "+0 create context=0x20 parent=0x10 kind=cancel parent_kind=cancel\n"
		    "+0 create context=0x30 parent=0x20 kind=cancel parent_kind=cancel flags=detached\n"
		    "+0 cancel context=0x10 reason=explicit\n"
		    "+0 cancel context=0x20 reason=parent\n");
	assert_int_equal(tale.totals->live, 1);
	assert_true(tale_find(&tale, 0x30)->state & CT_CONTEXT_DETACHED);
	assert_int_equal(ct_tree_parent(tale.tree, tale_find(&tale, 0x30))->reason, CT_REASON_PARENT);
	assert_int_equal(ct_tree_context(tale.tree, 0)->address, 0x10); // still there, though nobody finds it
	tell(&tale, "+0 cancel context=0x30 reason=explicit\n");
	for (uint32_t i = 0; i < ct_tree_end(tale.tree); i++)
		assert_null(ct_tree_context(tale.tree, i));
	tale_end(&tale);
}

/* The group of these, or NULL. */
static const struct ct_cancel_group *group_of(const struct tale *tale, uint32_t path, uint8_t reason)
{
	size_t count;
	const struct ct_cancel_group *groups = ct_tree_cancels(tale->tree, &count);

	for (size_t i = 0; i < count; i++)
		if (ct_tree_site(tale->tree, groups[i].site)->path == path && groups[i].reason == reason)
			return &groups[i];
	return NULL;
}

static void who_cancelled_what_is_told(void **state)
{
	struct tale tale;
	const struct ct_cancel_group *group;

	(void)state;
	tale_begin(&tale, NULL);
	for (int round = 0; round < 3; round++)
		tell(&tale, "+0 create context=0x10 kind=deadline parent_kind=background path=1\n"
			    "+0 create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=2\n"
			    "+0 create context=0x30 parent=0x20 kind=cancel parent_kind=cancel path=3\n"
			    "+0 create context=0x40 parent=0x30 kind=cancel parent_kind=cancel path=4\n"
			    "+0 cancel context=0x40 reason=explicit path=9\n"
			    "+1s cancel context=0x10 reason=deadline\n"
			    "+0 cancel context=0x20 reason=parent\n"
			    "+0 cancel context=0x30 reason=parent\n");
	group = group_of(&tale, 3, CT_REASON_PARENT); // two up, where it began
	assert_non_null(group);
	assert_int_equal(group->count, 3);
	assert_int_equal(ct_tree_site(tale.tree, group->origin_site)->path, 1);
	assert_int_equal(group->origin_reason, CT_REASON_DEADLINE);
	group = group_of(&tale, 4, CT_REASON_EXPLICIT);
	assert_int_equal(ct_tree_site(tale.tree, group->by)->path, 9);
	assert_int_equal(group->origin_site, CT_INDEX_NONE);
	assert_int_equal(group_of(&tale, 1, CT_REASON_DEADLINE)->by, CT_SITE_UNKNOWN);
	tale_end(&tale);
}

static void late_cancel_calls_are_counted_apart(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x10 kind=deadline parent_kind=background path=1\n"
		    "+1s cancel context=0x10 reason=deadline\n"
		    "+0 cancel_call context=0x10 path=2\n"
		    "+0 cancel_call context=0x10 path=2\n"
		    "+0 cancel_call context=0x99 path=2\n"); // of one nobody knows
	assert_int_equal(tale.totals->cancel_called, 3);
	assert_int_equal(tale_site(&tale, 1)->cancel_called, 2);
	assert_int_equal(group_of(&tale, 1, CT_REASON_DEADLINE)->late, 2);
	assert_int_equal(tale.totals->ended[CT_REASON_EXPLICIT], 0); // no cancellation
	tale_end(&tale);
}

static void freeing_a_live_one_ends_it(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background path=1\n"
		    "+0 free context=0x10\n"
		    "+0 free context=0x10\n"); // and once more is nothing
	assert_int_equal(tale.totals->ended[CT_REASON_FREED], 1);
	tell(&tale, "+0 create context=0x20 kind=cancel parent_kind=background path=1\n"
		    "+0 cancel context=0x20 reason=explicit\n"
		    "+0 free context=0x20\n");
	assert_int_equal(tale.totals->ended[CT_REASON_FREED], 1); // after the end it is the normal course
	assert_null(group_of(&tale, 1, CT_REASON_FREED));
	tale_end(&tale);
}

static void abandoning_is_remembered(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background\n"
		    "+0 abandon context=0x10\n");
	assert_true(tale_find(&tale, 0x10)->state & CT_CONTEXT_ABANDONED);
	assert_int_equal(tale.totals->live, 1);
	tell(&tale, "+0 cancel context=0x10 reason=parent\n+0 abandon context=0x10\n"); // too late to matter
	assert_int_equal(tale.totals->live, 0);
	tell(&tale, "+0 abandon context=0x20\n"); // first seen so: lives, and is proven lost
	assert_int_equal(tale_find(&tale, 0x20)->state, CT_CONTEXT_ADOPTED | CT_CONTEXT_ABANDONED);
	tale_end(&tale);
}

static void tasks_outlive_or_not(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background task=5\n");
	assert_false(ct_tree_is_task_live(tale.tree, 5)); // nobody tells about tasks yet
	tell(&tale, "+0 task_start task=7 creator=1\n"
		    "+1ms create context=0x20 kind=cancel parent_kind=background task=7\n"
		    "+0 create context=0x30 kind=cancel parent_kind=background task=8\n"); // first seen at work
	assert_true(ct_tree_is_task_live(tale.tree, 7));
	assert_true(ct_tree_is_task_live(tale.tree, 8));
	assert_int_equal(tale.totals->tasks_seen, 2);
	tell(&tale, "+0 task_end task=7\n+0 task_end task=99\n");
	assert_true(tale_find(&tale, 0x20)->state & CT_CONTEXT_MAKER_GONE);
	assert_false(tale_find(&tale, 0x30)->state & CT_CONTEXT_MAKER_GONE);
	assert_false(tale_find(&tale, 0x10)->state & CT_CONTEXT_MAKER_GONE); // nobody knows
	assert_int_equal(tale.totals->tasks_live, 1);
	tell(&tale, "+1s task_start task=7\n"); // a thread id comes again: its contexts do not come back to life
	assert_true(tale_find(&tale, 0x20)->state & CT_CONTEXT_MAKER_GONE);
	assert_int_equal(tale.totals->tasks_seen, 3);
	tell(&tale, "+1s task_start task=7\n"); // and again, though its end was missed
	assert_int_equal(tale.totals->tasks_seen, 4);
	assert_int_equal(tale.totals->tasks_live, 2);
	tell(&tale, "+0 exit\n");
	assert_int_equal(tale.totals->tasks_live, 2); // up to the exit
	assert_true(tale_find(&tale, 0x30)->state & CT_CONTEXT_MAKER_GONE);
	tale_end(&tale);
}

static void requests_begin_and_end(void **state)
{
	const uint16_t both = CT_CONTEXT_REQUEST | CT_CONTEXT_REQUEST_OVER;
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background\n"
		    "+0 request context=0x10 task=7\n");
	assert_int_equal(tale_find(&tale, 0x10)->state & both, CT_CONTEXT_REQUEST);
	assert_int_equal(tale.totals->requests_live, 1);
	tell(&tale, "+0 request context=0x10 flags=end\n+0 request context=0x10 flags=end\n");
	assert_int_equal(tale_find(&tale, 0x10)->state & both, both);
	assert_int_equal(tale.totals->requests_live, 0);
	tell(&tale, "+0 request context=0x10\n"); // the next one on a connection's context
	assert_int_equal(tale.totals->requests_started, 2);
	assert_int_equal(tale.totals->requests_live, 1);
	tell(&tale, "+0 cancel context=0x10 reason=explicit\n");
	assert_int_equal(tale.totals->requests_live, 1); // its handler may go on
	tell(&tale, "+0 free context=0x10\n");
	assert_int_equal(tale.totals->requests_live, 0);
	tell(&tale, "+0 request context=0x77 flags=end\n"); // began before the attach: nothing to adopt
	assert_null(ct_tree_find(tale.tree, 0x77));
	tell(&tale, "+0 request context=0x88\n");
	assert_int_equal(tale_find(&tale, 0x88)->state & both, CT_CONTEXT_REQUEST);
	assert_int_equal(tale.totals->requests_live, 1);
	tale_end(&tale);
}

static void sites_get_their_names(void **state)
{
	struct tale tale;
	struct ct_frame frame;
	uint32_t cursor = 0;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=todo path=5\n"); // before its names
	assert_int_equal(tale_site(&tale, 5)->frames, 0);
	assert_false(ct_frame_next(tale_site(&tale, 5), &cursor, &frame));
	tell(&tale, "+0 site path=5 frame=main.run|main.go|12|inlined frame=main.main||0\n"
		    "+0 site path=5 frame=other|other.go|1\n" // a path keeps the names it got first
		    "+0 create context=0x20 parent=0x10 kind=deadline parent_kind=cancel path=5\n");
	assert_true(ct_frame_next(tale_site(&tale, 5), &cursor, &frame));
	assert_string_equal(frame.function, "main.run");
	assert_string_equal(frame.file, "main.go");
	assert_int_equal(frame.line, 12);
	assert_int_equal(frame.flags, CT_FRAME_INLINED);
	assert_true(ct_frame_next(tale_site(&tale, 5), &cursor, &frame));
	assert_string_equal(frame.file, "");
	assert_false(ct_frame_next(tale_site(&tale, 5), &cursor, &frame));
	assert_int_equal(tale_site(&tale, 5)->created, 2);
	assert_int_equal(tale_site(&tale, 5)->todo_rooted, 2); // the child's root is TODO too
	assert_true(tale_site(&tale, 5)->is_todo_root);
	assert_int_equal(ct_tree_site(tale.tree, CT_SITE_UNKNOWN)->created, 0);
	assert_null(ct_tree_site(tale.tree, ct_tree_sites(tale.tree)));
	tale_end(&tale);
}

/* A value is known to within 19%, from a microsecond to a day; the longest exactly. */
static void lifetimes_are_known_within_a_quarter_doubling(void **state)
{
	struct tale tale;
	uint32_t path = 1;

	(void)state;
	tale_begin(&tale, NULL);
	tale.is_unchecked = true;
	for (uint64_t ns = 1000; ns < 86400 * CT_NSEC_PER_SEC; ns += ns / 3, path++) {
		const struct ct_site *site;

		tellf(&tale, "+0 create context=0x10 kind=cancel path=%u", path);
		tellf(&tale, "+%lluns cancel context=0x10 reason=explicit", (unsigned long long)ns);
		tellf(&tale, "+0 create context=0x10 kind=cancel path=%u", path);
		tellf(&tale, "+%lluns cancel context=0x10 reason=explicit", (unsigned long long)(4 * ns));
		site = tale_site(&tale, path);
		assert_int_equal(site->lifetime.max_ns, 4 * ns);
		assert_true(ct_site_lifetime(site, 0.5) >= ns);
		assert_true(ct_site_lifetime(site, 0.5) <= ns + ns / 5);
		assert_int_equal(ct_site_lifetime(site, 1), 4 * ns);
	}
	assert_int_equal(ct_site_lifetime(ct_tree_site(tale.tree, CT_SITE_UNKNOWN), 0.5), 0);
	tell(&tale, "+0 create context=0x10 kind=cancel path=70000\n+500h cancel context=0x10 reason=explicit\n"
		    "+0 create context=0x20 kind=cancel path=70000\n+0 cancel context=0x20 reason=explicit\n");
	assert_int_equal(ct_site_lifetime(tale_site(&tale, 70000), 1), 500 * 3600 * CT_NSEC_PER_SEC);
	assert_true(ct_site_lifetime(tale_site(&tale, 70000), 0.5) <= 2 * CT_NSEC_PER_USEC);
	tale_end(&tale);
}

static void the_window_and_the_target_are_told(void **state)
{
	struct tale tale;
	const struct ct_window *window;

	(void)state;
	tale_begin(&tale, NULL);
	window = ct_tree_window(tale.tree);
	assert_string_equal(window->exe, "");
	assert_string_equal(window->build_id, "");
	tell(&tale, "+0 target pid=7 runtime=go exe=/old\n"
		    "+0 target pid=8 runtime=go flags=stripped exe=/bin/shop version=go1.26 build_id=abcd\n"
		    "+0 provider name=go attach_points=5\n"
		    "+0 provider name=ctxtrace-context attach_points=9\n"
		    "+0 provider name=go attach_points=6\n"
		    "+0 provider name=a-name-that-is-longer-than-there-is-room-for attach_points=1\n"
		    "+1s begin wall_clock_ns=1700000000000000000\n"
		    "+0 counters ring_full=3\n"
		    "+9s end reason=target-exit\n");
	assert_int_equal(window->pid, 8);
	assert_string_equal(window->exe, "/bin/shop");
	assert_string_equal(window->runtime_version, "go1.26");
	assert_string_equal(window->build_id, "abcd");
	assert_true(window->is_stripped);
	assert_int_equal(window->providers_count, 3);
	assert_int_equal(window->providers[0].attach_points, 6);
	assert_int_equal(strlen(window->providers[2].name), sizeof(window->providers[2].name) - 1);
	assert_int_equal(window->begin_ns, 2 * CT_NSEC_PER_SEC);
	assert_int_equal(window->end_ns, 11 * CT_NSEC_PER_SEC);
	assert_int_equal(window->end_reason, CT_END_TARGET_EXIT);
	assert_int_equal(tale.totals->counters[CT_COUNTER_RING_FULL], 3);
	assert_true(ct_tree_is_incomplete(tale.tree));
	tell(&tale, "+0 provider name=fourth\n");
	assert_int_equal(tell_rc(&tale, "+0 provider name=fifth\n"), -ENOSPC);
	assert_int_equal(tale.totals->events, 0); // none of these came from the kernel
	tale_end(&tale);
}

/* exec: nothing of the old program can be a leak, and nothing of it is mistaken for the new one's. */
static void exec_forgets_everything(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 task_start task=7\n"
		    "+0 create context=0x10 kind=cancel parent_kind=background task=7\n"
		    "+0 create context=0x20 parent=0x10 kind=cancel parent_kind=cancel\n"
		    "+0 request context=0x20\n"
		    "+0 cancel context=0x10 reason=explicit\n"
		    "+0 request context=0x30\n"
		    "+0 exec\n");
	assert_int_equal(tale.totals->live, 0);
	assert_int_equal(tale.totals->ended[CT_REASON_FREED], 1);
	assert_int_equal(tale.totals->requests_live, 0);
	assert_int_equal(tale.totals->tasks_live, 0);
	assert_null(ct_tree_find(tale.tree, 0x20));
	tell(&tale, "+0 cancel_call context=0x10\n"); // of the new program: not of the old context
	assert_int_equal(ct_tree_site(tale.tree, CT_SITE_UNKNOWN)->cancel_called, 0);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background task=7\n");
	assert_int_equal(tale.totals->live, 1);
	tale_end(&tale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contexts_are_made_and_cancelled),
		cmocka_unit_test(only_what_can_be_cancelled_is_kept),
		cmocka_unit_test(ended_ones_are_kept_for_their_descendants),
		cmocka_unit_test(who_cancelled_what_is_told),
		cmocka_unit_test(late_cancel_calls_are_counted_apart),
		cmocka_unit_test(freeing_a_live_one_ends_it),
		cmocka_unit_test(abandoning_is_remembered),
		cmocka_unit_test(tasks_outlive_or_not),
		cmocka_unit_test(requests_begin_and_end),
		cmocka_unit_test(sites_get_their_names),
		cmocka_unit_test(lifetimes_are_known_within_a_quarter_doubling),
		cmocka_unit_test(the_window_and_the_target_are_told),
		cmocka_unit_test(exec_forgets_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
