// SPDX-License-Identifier: Apache-2.0
/* Why contexts ended: causes and where they began, shares of deadlines, and the bounds of what is kept of both. */
#include "tree_story.h"

static const struct ct_cancel_group *group_of(const struct tale *tale, uint32_t path, uint8_t reason)
{
	size_t count;
	const struct ct_cancel_group *groups = ct_tree_cancels(tale->tree, &count);

	for (size_t i = 0; i < count; i++)
		if (ct_tree_site(tale->tree, groups[i].site)->path == path && groups[i].reason == reason)
			return &groups[i];
	fail_msg("nothing made at path %u ended so", path);
	return NULL;
}

static const char *text_of(const struct tale *tale, const struct ct_cancel_group *group, unsigned int which)
{
	const struct ct_cause *cause = ct_tree_cause(tale->tree, group->causes[which].cause);

	return cause ? cause->text : "";
}

static const struct ct_deadline *deadline_at(const struct tale *tale, uint32_t path)
{
	size_t count;
	uint64_t untold;
	const struct ct_deadline *const *all = ct_tree_deadlines(tale->tree, &count, &untold);

	for (size_t i = 0; i < count; i++)
		if (ct_tree_site(tale->tree, all[i]->site)->path == path)
			return all[i];
	fail_msg("no deadline of path %u fired", path);
	return NULL;
}

static void a_cause_is_of_the_next_end_of_its_context(void **state)
{
	const struct ct_cause *cause;
	struct ct_end_facts facts;
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background path=1\n"
		    "+0 create context=0x20 kind=cancel parent_kind=background path=2\n"
		    "+0 cause context=0x10 type=*t text=why\n");
	cause = ct_tree_cause_to_come(tale.tree, 0x10);
	assert_non_null(cause);
	assert_string_equal(cause->text, "why");
	assert_string_equal(cause->type, "*t");
	assert_null(ct_tree_cause_to_come(tale.tree, 0x20));
	assert_null(ct_tree_cause_to_come(tale.tree, 0));
	tell(&tale, "+1s cancel context=0x10 reason=explicit path=3\n+0 cancel context=0x20 reason=explicit path=3\n");
	assert_null(ct_tree_cause_to_come(tale.tree, 0x10));
	assert_string_equal(text_of(&tale, group_of(&tale, 1, CT_REASON_EXPLICIT), 0), "why");
	assert_int_equal(group_of(&tale, 2, CT_REASON_EXPLICIT)->causes[0].count, 0);
	assert_true(ct_tree_end_facts(tale.tree, 0x10, &facts));
	assert_int_equal(facts.reason, CT_REASON_EXPLICIT);
	assert_int_equal(facts.time_ns, tale.now_ns);
	assert_string_equal(ct_tree_cause(tale.tree, facts.cause)->text, "why");
	assert_int_equal(ct_tree_site(tale.tree, facts.by)->path, 3);
	assert_false(ct_tree_end_facts(tale.tree, 0x30, &facts));
	tell(&tale, "+3ms cancel_call context=0x10 path=4\n+1ms cancel_call context=0x10 path=4\n");
	assert_int_equal(group_of(&tale, 1, CT_REASON_EXPLICIT)->late, 2);
	assert_int_equal(group_of(&tale, 1, CT_REASON_EXPLICIT)->late_ns, 4 * CT_NSEC_PER_MSEC);
	tale_end(&tale);
}

/* However many are ended by it, and however many others end in between. */
static void a_cascade_has_the_cause_of_its_origin(void **state)
{
	const unsigned int children = 3 * CT_CHAIN_DEEP * CT_CHAIN_DEEP;
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tale.is_unchecked = true;
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background path=1\n");
	for (unsigned int i = 0; i < children; i++) {
		tellf(&tale, "+0 create context=0x%x parent=0x10 kind=cancel parent_kind=cancel path=2", 0x10000 + 32 * i);
		tellf(&tale, "+0 create context=0x%x parent=0x%x kind=cancel parent_kind=cancel path=3",
		      0x10010 + 32 * i, 0x10000 + 32 * i);
	}
	tell(&tale, "+0 cause context=0x10 text=stop\n+0 cancel context=0x10 reason=explicit path=9\n");
	for (unsigned int i = 0; i < children; i++) {
		tellf(&tale, "+0 cancel context=0x%x reason=parent", 0x10000 + 32 * i);
		tellf(&tale, "+0 cancel context=0x%x reason=parent", 0x10010 + 32 * i);
	}
	for (uint32_t path = 2; path <= 3; path++) {
		assert_int_equal(group_of(&tale, path, CT_REASON_PARENT)->causes[0].count, children);
		assert_string_equal(text_of(&tale, group_of(&tale, path, CT_REASON_PARENT), 0), "stop");
	}
	// One that is made below the dead one later is told with its own event.
	tell(&tale, "+0 create context=0x50 parent=0x10 kind=cancel parent_kind=cancel path=4\n"
		    "+0 cause context=0x50 text=stop\n+0 cancel context=0x50 reason=parent flags=born\n");
	assert_string_equal(text_of(&tale, group_of(&tale, 4, CT_REASON_PARENT), 0), "stop");
	tale_end(&tale);
}

static void few_causes_are_kept_of_a_group(void **state)
{
	const struct ct_cancel_group *group;
	size_t bytes = 0;
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tale.is_unchecked = true;
	for (unsigned int i = 0; i < 10000; i++) {
		tellf(&tale, "+0 create context=0x10 kind=cancel parent_kind=background path=1");
		tellf(&tale, "+0 cause context=0x10 text=%u", i < 8 ? i / 2 : i);
		tellf(&tale, "+0 cancel context=0x10 reason=explicit path=3");
		if (i == 100)
			bytes = tale.meter.bytes;
	}
	assert_int_equal(tale.meter.bytes, bytes);
	group = group_of(&tale, 1, CT_REASON_EXPLICIT);
	for (unsigned int i = 0; i < CT_GROUP_CAUSES; i++)
		assert_int_equal(group->causes[i].count, 2);
	assert_int_equal(group->other_causes, 10000 - 2 * CT_GROUP_CAUSES);
	tale_end(&tale);
}

static void expect_child(const struct ct_deadline_child *child, uint64_t finished, uint64_t cancelled, int p50, int max)
{
	assert_int_equal(child->finished, finished);
	assert_int_equal(child->cancelled, cancelled);
	assert_int_equal(ct_deadline_child_used(child, 0.5), p50);
	assert_int_equal(ct_deadline_child_used(child, 1), max);
}

static void shares_are_counted_when_it_fires(void **state)
{
	const struct ct_deadline *deadline;
	struct tale tale;
	size_t count;
	uint64_t untold;

	(void)state;
	tale_begin(&tale, NULL);
	for (unsigned int i = 0; i < 2; i++) {
		tell(&tale, "+0 create context=0x10 kind=deadline parent_kind=background path=1 deadline=+1s\n"
			    "+100ms create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=2\n"
			    "+0 create context=0x30 parent=0x10 kind=cancel parent_kind=cancel path=3 flags=asked_later\n"
			    "+100ms cancel context=0x20 reason=explicit path=9\n");
		if (!i) { // it ends in time: what was below does not count
			tell(&tale, "+0 cancel context=0x10 reason=explicit path=9\n+0 cancel context=0x30 reason=parent\n");
			ct_tree_deadlines(tale.tree, &count, &untold);
			assert_int_equal(count, 0);
		}
	}
	tell(&tale, "+801ms cancel context=0x10 reason=deadline\n+1ms cancel context=0x30 reason=parent\n");
	deadline = deadline_at(&tale, 1);
	assert_int_equal(deadline->fired, 1);
	assert_int_equal(deadline->shortest_ns, CT_NSEC_PER_SEC);
	assert_int_equal(deadline->longest_ns, CT_NSEC_PER_SEC);
	assert_int_equal(deadline->children_count, 2);
	expect_child(&deadline->children[0], 1, 0, 10, 10);
	expect_child(&deadline->children[1], 0, 1, 90, 90); // late as the timer was, not more than was left
	assert_int_equal(deadline->children[1].asked_later, 1);
	assert_int_equal(tale_site(&tale, 3)->asked_later, 2);
	assert_int_equal(deadline->untold, 0);
	tale_end(&tale);
}

/* Of one deadline, of one site, of all: a number stands for what is not kept. */
static void every_table_has_a_bound(void **state)
{
	const unsigned int sites = CT_DEADLINES_MAX + 10;
	const struct ct_deadline *const *all;
	struct tale tale;
	size_t count, bytes = 0;
	uint64_t untold, fired = 0;

	(void)state;
	tale_begin(&tale, NULL);
	tale.is_unchecked = true;
	tell(&tale, "+0 create context=0x10 kind=deadline parent_kind=background path=1 deadline=+1s\n");
	for (unsigned int i = 0; i < 1000; i++)
		tellf(&tale, "+0 create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=%u\n"
			     "+0 cancel context=0x20 reason=explicit path=9", 2 + i % (2 * CT_DEADLINE_CHILDREN_MAX));
	tell(&tale, "+1s cancel context=0x10 reason=deadline\n");
	assert_int_equal(deadline_at(&tale, 1)->children_count, CT_DEADLINE_CHILDREN_MAX);
	assert_int_equal(deadline_at(&tale, 1)->untold, 1000 - 2 * CT_DEADLINE_CHILDREN_MAX);
	for (unsigned int i = 0; i < 3 * sites; i++) {
		tellf(&tale, "+0 create context=0x10 kind=deadline parent_kind=background path=%u deadline=+%uus",
		      100 + i % sites, 1 + i);
		tellf(&tale, "+1ms cancel context=0x10 reason=deadline");
		if (i == 2 * sites)
			bytes = tale.meter.bytes;
	}
	assert_int_equal(tale.meter.bytes, bytes);
	all = ct_tree_deadlines(tale.tree, &count, &untold);
	assert_int_equal(count, CT_DEADLINES_MAX + 1);
	assert_int_equal(all[count - 1]->site, CT_SITE_UNKNOWN);
	for (size_t i = 0; i < count; i++)
		fired += all[i]->fired;
	assert_int_equal(fired, tale.totals->ended[CT_REASON_DEADLINE]);
	assert_int_equal(untold, 0);
	tale_end(&tale);
}

/* Live deadlines without end, each with a few that ended below: their records do not grow without one either. */
static void records_of_live_deadlines_have_a_bound(void **state)
{
	struct tale tale;
	size_t count;
	uint64_t untold;

	(void)state;
	tale_begin(&tale, NULL);
	tale.is_unchecked = true;
	for (unsigned int i = 0; i < 70000; i++) {
		tellf(&tale, "+0 create context=0x%x kind=deadline parent_kind=background path=1 deadline=+1h",
		      0x100000 + 16 * i);
		tellf(&tale, "+0 create context=0x20 parent=0x%x kind=cancel parent_kind=cancel path=2", 0x100000 + 16 * i);
		tell(&tale, "+0 cancel context=0x20 reason=explicit path=9\n");
	}
	ct_tree_deadlines(tale.tree, &count, &untold);
	assert_int_equal(count, 0);
	assert_int_equal(untold, 70000 - 65536);
	tellf(&tale, "+1h cancel context=0x%x reason=deadline", 0x100000 + 16 * 7);
	assert_int_equal(deadline_at(&tale, 1)->children[0].finished, 1);
	tell(&tale, "+0 exec\n");
	assert_int_equal(deadline_at(&tale, 1)->fired, 1);
	tale_end(&tale);
}

/* What is not known is not made up: from before the attach, freed, its end missed, behind WithoutCancel. */
static void what_was_not_seen_has_no_share(void **state)
{
	struct tale tale;
	size_t count;
	uint64_t untold;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 scan_begin scan=1 flags=complete\n"
		    "+0 observed context=0x10 scan=1 kind=deadline state=held deadline=+1s\n"
		    "+0 scan_end scan=1 flags=complete\n"
		    "+0 create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=2\n"
		    "+1s cancel context=0x10 reason=deadline\n+0 cancel context=0x20 reason=parent\n");
	ct_tree_deadlines(tale.tree, &count, &untold);
	assert_int_equal(count, 0);
	tell(&tale, "+0 create context=0x10 kind=deadline parent_kind=background path=1 deadline=+1s\n"
		    "+0 create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=2\n"
		    "+0 create context=0x30 parent=0x10 kind=cancel parent_kind=cancel path=2\n"
		    "+0 create context=0x40 parent=0x10 kind=cancel parent_kind=cancel path=2 flags=detached\n"
		    "+0 create context=0x50 parent=0x10 kind=cancel parent_kind=cancel path=2\n"
		    "+500ms free context=0x20\n+0 cancel_call context=0x30\n+0 cancel context=0x40 reason=explicit\n"
		    "+500ms cancel context=0x10 reason=deadline\n+0 free context=0x50\n");
	assert_int_equal(deadline_at(&tale, 1)->children_count, 0);
	assert_int_equal(deadline_at(&tale, 1)->untold, 3);
	tell(&tale, "+0 create context=0x10 kind=deadline parent_kind=background path=7 deadline=-1s\n"
		    "+0 cancel context=0x10 reason=deadline flags=born\n");
	assert_int_equal(deadline_at(&tale, 7)->born_past, 1);
	assert_int_equal(deadline_at(&tale, 7)->longest_ns, 0);
	tale_end(&tale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cause_is_of_the_next_end_of_its_context),
		cmocka_unit_test(a_cascade_has_the_cause_of_its_origin),
		cmocka_unit_test(few_causes_are_kept_of_a_group),
		cmocka_unit_test(shares_are_counted_when_it_fires),
		cmocka_unit_test(every_table_has_a_bound),
		cmocka_unit_test(records_of_live_deadlines_have_a_bound),
		cmocka_unit_test(what_was_not_seen_has_no_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
