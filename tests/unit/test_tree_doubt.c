// SPDX-License-Identifier: Apache-2.0
/* What the tree makes of things it did not see: contexts older than the attach, gaps, late events, lies, caps. */
#include "tree_story.h"

static void parents_older_than_the_attach_are_adopted(void **state)
{
	struct tale tale;
	const struct ct_context *parent;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+5s create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=1\n");
	parent = tale_find(&tale, 0x10);
	assert_true(parent->state & CT_CONTEXT_ADOPTED);
	assert_int_equal(parent->created_ns, 6 * CT_NSEC_PER_SEC); // a lower bound of its age
	assert_int_equal(parent->site, CT_SITE_UNKNOWN);
	assert_int_equal(parent->children, 1);
	assert_int_equal(tale.totals->adopted, 1);
	assert_int_equal(tale.totals->created, 1);
	assert_int_equal(tale.totals->live, 2);
	tell(&tale, "+0 cancel context=0x10 reason=explicit\n+0 cancel context=0x20 reason=parent\n");
	assert_int_equal(tale.totals->adopted_ended, 1);
	assert_int_equal(tale.totals->ended[CT_REASON_EXPLICIT], 0); // it was none of the created
	assert_int_equal(tale.totals->unmatched, 0);
	tale_end(&tale);
}

/* No event ever ends a parent of foreign type, so it goes with its last child. */
static void foreign_parents_go_with_their_children(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x20 parent=0x10 kind=cancel parent_kind=foreign flags=watched\n"
		    "+0 create context=0x30 parent=0x10 kind=cancel parent_kind=foreign flags=watched\n"
		    "+0 cancel context=0x20 reason=explicit\n");
	assert_int_equal(tale_find(&tale, 0x10)->kind, CT_KIND_FOREIGN);
	tell(&tale, "+0 cancel context=0x30 reason=explicit\n");
	assert_null(ct_tree_find(tale.tree, 0x10));
	assert_int_equal(tale.totals->live, 0);
	tale_end(&tale);
}

static void ends_of_unknown_ones_are_unmatched(void **state)
{
	struct tale tale;
	size_t count;
	const struct ct_cancel_group *groups;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 cancel context=0x10 reason=explicit path=3\n+0 cancel context=0x10 reason=explicit path=3\n");
	assert_int_equal(tale.totals->unmatched, 2);
	assert_int_equal(tale.totals->adopted, 2);
	assert_int_equal(tale.totals->adopted_ended, 2);
	groups = ct_tree_cancels(tale.tree, &count);
	assert_int_equal(count, 1);
	assert_int_equal(groups[0].count, 2);
	assert_int_equal(ct_tree_site(tale.tree, groups[0].by)->path, 3);
	tale_end(&tale);
}

/* An address is an alias: a create where one is known to live proves that the old one was freed. */
static void address_reuse_proves_that_the_old_one_was_freed(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background path=1\n"
		    "+0 create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=2\n"
		    "+1s create context=0x10 kind=cancel parent_kind=background path=3\n");
	assert_int_equal(tale.totals->ended[CT_REASON_FREED], 1);
	assert_int_equal(tale_find(&tale, 0x10)->id, 3);
	assert_int_equal(tale_find(&tale, 0x10)->children, 0);
	assert_int_equal(ct_tree_parent(tale.tree, tale_find(&tale, 0x20))->id, 1); // not the new one
	tell(&tale, "+0 cancel context=0x10 reason=explicit\n");
	assert_int_equal(tale.totals->ended[CT_REASON_EXPLICIT], 1);
	assert_int_equal(tale_site(&tale, 3)->ended[CT_REASON_EXPLICIT], 1);
	assert_int_equal(tale_site(&tale, 1)->lifetime.max_ns, 0); // when it was freed nobody knows
	tale_end(&tale);
}

static void a_parent_that_is_its_own_descendant_is_refused(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	// 0x10 is adopted as the parent of 0x20; then somebody claims that it was made below 0x30, its grandchild
	tell(&tale, "+5s create context=0x20 parent=0x10 kind=cancel parent_kind=cancel\n"
		    "+0 create context=0x30 parent=0x20 kind=cancel parent_kind=cancel\n"
		    "-1s create context=0x10 parent=0x30 kind=cancel parent_kind=cancel\n");
	assert_int_equal(tale_find(&tale, 0x10)->parent, CT_INDEX_NONE);
	assert_false(tale_find(&tale, 0x10)->state & CT_CONTEXT_ADOPTED); // the rest of it is believed
	assert_int_equal(tale_find(&tale, 0x30)->children, 0);
	assert_int_equal(tell_rc(&tale, "+9s create context=0x40 parent=0x40 kind=cancel parent_kind=cancel\n"),
			 -EPROTO);
	assert_null(ct_tree_find(tale.tree, 0x40));
	tale_end(&tale);
}

/* The same lie by the target's memory. */
static void memory_cannot_make_a_cycle_either(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+5s create context=0x20 parent=0x10 kind=cancel parent_kind=cancel\n"
		    "+1s scan_begin scan=1 began=-1ms flags=complete\n"
		    "+0 observed context=0x10 parent=0x20 scan=1 kind=cancel parent_kind=cancel state=held\n");
	assert_int_equal(tale_find(&tale, 0x10)->parent, CT_INDEX_NONE);
	assert_int_equal(
		tell_rc(&tale,
			"+0 observed context=0x10 parent=0x10 scan=1 kind=cancel parent_kind=cancel state=held\n"),
		-EPROTO);
	tale_end(&tale);
}

static void late_creates_fill_in_what_was_adopted(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x5 kind=cancel parent_kind=background\n"
		    "+5s create context=0x20 parent=0x10 kind=cancel parent_kind=cancel\n"
		    "-2s create context=0x10 parent=0x5 kind=deadline parent_kind=cancel path=4 task=9\n");
	assert_int_equal(tale.totals->adopted, 0);
	assert_int_equal(tale.totals->created, 3);
	assert_int_equal(tale.totals->late, 1);
	assert_int_equal(tale_find(&tale, 0x10)->kind, CT_KIND_DEADLINE);
	assert_int_equal(tale_find(&tale, 0x10)->created_ns, 4 * CT_NSEC_PER_SEC);
	assert_ptr_equal(ct_tree_parent(tale.tree, tale_find(&tale, 0x10)), tale_find(&tale, 0x5));
	assert_int_equal(tale_site(&tale, 4)->live, 1);
	tale_end(&tale);
}

/* An event older than the context at its address is about an earlier one there. */
static void late_events_are_about_earlier_contexts(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+5s create context=0x10 kind=cancel parent_kind=background\n"
		    "-1s cancel context=0x10 reason=explicit\n");
	assert_int_equal(tale.totals->live, 1);
	tell(&tale, "+0 free context=0x10\n+0 cancel_call context=0x10\n+0 abandon context=0x10\n"
		    "+0 request context=0x10\n+0 create context=0x10 kind=deadline parent_kind=background\n");
	assert_int_equal(tale.totals->late, 6);
	assert_int_equal(tale.totals->live, 1);
	assert_int_equal(tale_find(&tale, 0x10)->kind, CT_KIND_CANCEL);
	assert_false(tale_find(&tale, 0x10)->state & (CT_CONTEXT_ABANDONED | CT_CONTEXT_REQUEST));
	assert_int_equal(ct_tree_window(tale.tree)->now_ns, 6 * CT_NSEC_PER_SEC); // time does not go back
	tale_end(&tale);
}

static void a_late_cancel_call_proves_a_missed_end(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background path=1\n"
		    "+0 create context=0x20 kind=deadline parent_kind=background deadline=+1s path=2\n"
		    "+2s cancel_call context=0x10\n+0 cancel_call context=0x20\n");
	assert_int_equal(tale.totals->ended[CT_REASON_EXPLICIT], 1);
	assert_int_equal(tale.totals->ended[CT_REASON_DEADLINE], 1);
	assert_int_equal(tale_site(&tale, 1)->lifetime.max_ns, 0); // concluded, not seen
	tell(&tale, "+0 cancel context=0x10 reason=explicit\n");   // the end itself, late: not a second one
	assert_int_equal(tale.totals->unmatched, 0);
	assert_int_equal(tale.totals->late, 1);
	assert_int_equal(tale.totals->ended[CT_REASON_EXPLICIT], 1);
	tale_end(&tale);
}

static void born_of_a_dead_parent_ends_an_adopted_one(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x20 parent=0x10 kind=cancel parent_kind=cancel\n"
		    "+0 cancel context=0x20 reason=parent flags=born\n");
	assert_null(ct_tree_find(tale.tree, 0x10)); // it had ended before anybody watched
	assert_int_equal(tale.totals->live, 0);
	assert_int_equal(tale.totals->ended[CT_REASON_PARENT], 1);
	tale_end(&tale);
}

/* A child of one that ended a moment ago: it is recalled, so that the child's end can be explained. */
static void parents_that_ended_a_moment_ago_are_recalled(void **state)
{
	struct tale tale;
	size_t count;
	const struct ct_cancel_group *groups;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x10 kind=deadline parent_kind=background path=1\n"
		    "+1s cancel context=0x10 reason=deadline\n"
		    "+0 create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=2\n"
		    "+0 cancel context=0x20 reason=parent flags=born\n");
	groups = ct_tree_cancels(tale.tree, &count);
	assert_int_equal(count, 2);
	assert_int_equal(ct_tree_site(tale.tree, groups[1].origin_site)->path, 1);
	assert_int_equal(groups[1].origin_reason, CT_REASON_DEADLINE);
	assert_int_equal(tale.totals->adopted, 0);
	assert_int_equal(tale.totals->live, 0);
	tale_end(&tale);
}

static void gaps_mark_what_lived_across_them(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background path=1\n");
	assert_false(ct_tree_is_incomplete(tale.tree));
	tell(&tale, "+1s gap from=-500ms to=+0 lost=12\n"
		    "+1s create context=0x20 kind=cancel parent_kind=background\n");
	assert_true(tale_find(&tale, 0x10)->state & CT_CONTEXT_GAP);
	assert_false(tale_find(&tale, 0x20)->state & CT_CONTEXT_GAP);
	assert_int_equal(tale.totals->gaps, 1);
	assert_int_equal(tale.totals->lost_events, 12);
	assert_true(ct_tree_is_incomplete(tale.tree));
	tell(&tale, "+0 gap from=-2s to=-1900ms lost=1\n"); // an older one, told late, does not move the mark back
	assert_true(tale_find(&tale, 0x10)->state & CT_CONTEXT_GAP);
	tale_end(&tale);
}

/* A create at the address of an ended one may be among the lost: its cancel call is nobody's then. */
static void gaps_end_the_memory_of_ended_ones(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background path=1\n"
		    "+0 cancel context=0x10 reason=explicit\n"
		    "+1s gap from=-500ms to=+0 lost=1\n"
		    "+0 cancel_call context=0x10\n");
	assert_int_equal(tale_site(&tale, 1)->cancel_called, 0);
	assert_int_equal(tale.totals->cancel_called, 1);
	tale_end(&tale);
}

static void caps_refuse_and_count(void **state)
{
	const struct ct_tree_options caps = {.max_contexts = 3, .max_sites = 3, .max_tasks = 2};
	struct tale tale;

	(void)state;
	tale_begin(&tale, &caps);
	tell(&tale, "+0 task_start task=1\n+0 task_start task=2\n");
	assert_int_equal(tell_rc(&tale, "+0 task_start task=3\n"), -ENOSPC);
	assert_int_equal(tale.totals->refused_tasks, 1);
	assert_int_equal(tale.totals->tasks_live, 2);
	tell(&tale,
	     "+0 create context=0x10 kind=cancel parent_kind=background path=1 task=4\n"); // kept, its task is not
	assert_int_equal(tale.totals->refused_tasks, 2);
	tell(&tale, "+0 create context=0x20 kind=cancel parent_kind=background path=2\n");
	assert_int_equal(tell_rc(&tale, "+0 create context=0x30 parent=0x40 kind=cancel parent_kind=cancel path=2\n"),
			 -ENOSPC); // two at once
	assert_int_equal(tale.totals->refused_contexts, 1);
	assert_int_equal(tale.totals->live, 2);
	tell(&tale, "+0 create context=0x30 kind=cancel parent_kind=background path=3\n"); // no fourth site
	assert_int_equal(tale_find(&tale, 0x30)->site, CT_SITE_UNKNOWN);
	assert_int_equal(tale.totals->refused_sites, 1);
	assert_int_equal(tell_rc(&tale, "+0 site path=4 frame=f|f.go|1\n"), -ENOSPC);
	assert_int_equal(tell_rc(&tale, "+0 create context=0x50 kind=cancel parent_kind=background\n"), -ENOSPC);
	assert_int_equal(tell_rc(&tale, "+0 abandon context=0x60\n"), -ENOSPC);
	assert_int_equal(tell_rc(&tale, "+0 request context=0x60\n"), -ENOSPC);
	assert_int_equal(tale.totals->refused_contexts, 4);
	assert_true(ct_tree_is_incomplete(tale.tree));
	tell(&tale, "+0 cancel context=0x20 reason=explicit\n+0 create context=0x50 kind=cancel parent_kind=todo\n");
	assert_int_equal(tale.totals->live, 3); // there is room again
	tale_end(&tale);
}

/* 4,096 groups of their own, then one per reason; no cancellation goes uncounted. */
static void groups_of_cancels_are_bounded(void **state)
{
	const uint32_t many = 6000;
	struct tale tale;
	size_t count;
	const struct ct_cancel_group *groups;
	uint64_t counted = 0;

	(void)state;
	tale_begin(&tale, NULL);
	tale.is_unchecked = true;
	for (uint32_t i = 1; i <= many; i++) {
		tellf(&tale, "+0 create context=0x10 kind=cancel parent_kind=background path=%u", i);
		tellf(&tale, "+0 cancel context=0x10 reason=%s path=%u", i % 2 ? "explicit" : "deadline", i);
	}
	groups = ct_tree_cancels(tale.tree, &count);
	assert_int_equal(count, 4096 + 2);
	for (size_t i = 0; i < count; i++)
		counted += groups[i].count;
	assert_int_equal(counted, many);
	assert_null(tree_check(tale.tree));
	tale_end(&tale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parents_older_than_the_attach_are_adopted),
		cmocka_unit_test(foreign_parents_go_with_their_children),
		cmocka_unit_test(ends_of_unknown_ones_are_unmatched),
		cmocka_unit_test(address_reuse_proves_that_the_old_one_was_freed),
		cmocka_unit_test(a_parent_that_is_its_own_descendant_is_refused),
		cmocka_unit_test(memory_cannot_make_a_cycle_either),
		cmocka_unit_test(late_creates_fill_in_what_was_adopted),
		cmocka_unit_test(late_events_are_about_earlier_contexts),
		cmocka_unit_test(a_late_cancel_call_proves_a_missed_end),
		cmocka_unit_test(born_of_a_dead_parent_ends_an_adopted_one),
		cmocka_unit_test(parents_that_ended_a_moment_ago_are_recalled),
		cmocka_unit_test(gaps_mark_what_lived_across_them),
		cmocka_unit_test(gaps_end_the_memory_of_ended_ones),
		cmocka_unit_test(caps_refuse_and_count),
		cmocka_unit_test(groups_of_cancels_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
