// SPDX-License-Identifier: Apache-2.0
/* Memory's word: what two scans agree on, what one takes back, and what follows from silence. */
#include "tree_story.h"

#define ANSWERS (CT_CONTEXT_LOST | CT_CONTEXT_LOST_ONCE | CT_CONTEXT_HELD | CT_CONTEXT_UNRETAINED)

/* A scan with one word about 0x20, or silence. The heap has begun `collections` collections. */
static void scan(struct tale *tale, unsigned int number, unsigned int collections, const char *said)
{
	tellf(tale, "+1s scan_begin scan=%u began=-10ms collections=%u flags=complete", number, collections);
	if (*said)
		tellf(tale, "+0 observed context=0x20 parent=0x10 scan=%u kind=cancel parent_kind=cancel %s", number,
		      said);
	tellf(tale, "+0 scan_end scan=%u began=-10ms collections=%u flags=complete", number, collections);
}

static void begin(struct tale *tale)
{
	tale_begin(tale, NULL);
	tell(tale, "+0 create context=0x10 kind=cancel parent_kind=background\n"
		   "+0 create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=1 task=7\n");
}

static uint16_t answer(const struct tale *tale)
{
	return tale_find(tale, 0x20)->state & ANSWERS;
}

static void lost_takes_two_scans(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	scan(&tale, 1, 2, "state=lost retained=parent");
	assert_int_equal(answer(&tale), CT_CONTEXT_LOST_ONCE);
	scan(&tale, 2, 2, "state=lost retained=parent|timer");
	assert_int_equal(answer(&tale), CT_CONTEXT_LOST);
	assert_int_equal(tale_find(&tale, 0x20)->retained_by, CT_RETAINED_PARENT | CT_RETAINED_TIMER);
	assert_int_equal(tale.totals->scans, 2);
	assert_int_equal(ct_tree_window(tale.tree)->last_scan_ns, 3 * CT_NSEC_PER_SEC - 10 * CT_NSEC_PER_MSEC);
	scan(&tale, 3, 2, ""); // only what differs is told: it stays lost
	assert_int_equal(answer(&tale), CT_CONTEXT_LOST);
	tale_end(&tale);
}

/* Whoever is in the middle of making a context is so in both. */
static void hasty_scans_are_one(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	scan(&tale, 1, 2, "state=lost retained=parent");
	tell(&tale, "+999ms scan_begin scan=2 began=-10ms flags=complete\n"
		    "+0 observed context=0x20 parent=0x10 scan=2 kind=cancel parent_kind=cancel state=lost\n"
		    "+0 scan_end scan=2 began=-10ms flags=complete\n");
	assert_int_equal(answer(&tale), CT_CONTEXT_LOST_ONCE);
	scan(&tale, 3, 2, "state=lost retained=parent");
	assert_int_equal(answer(&tale), CT_CONTEXT_LOST);
	tale_end(&tale);
}

/* One reading of an adopted context; deadlines are relative to the event, which is a second later each time. */
static uint16_t adopted_lost(struct tale *tale, unsigned int number, unsigned int deadline_s)
{
	tellf(tale, "+1s scan_begin scan=%u began=-10ms flags=complete", number);
	tellf(tale, "+0 observed context=0x20 parent=0x10 scan=%u kind=deadline deadline=+%us parent_kind=cancel state=lost",
	      number, deadline_s - number);
	tellf(tale, "+0 scan_end scan=%u began=-10ms flags=complete", number);
	return answer(tale);
}

/* Without a create only the deadline tells that the address has got another context, whose proof begins anew. */
static void another_deadline_is_another_context(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	assert_int_equal(adopted_lost(&tale, 1, 100), CT_CONTEXT_LOST_ONCE);
	assert_int_equal(adopted_lost(&tale, 2, 200), CT_CONTEXT_LOST_ONCE);
	assert_int_equal(adopted_lost(&tale, 3, 200), CT_CONTEXT_LOST);
	assert_int_equal(adopted_lost(&tale, 4, 300), CT_CONTEXT_LOST_ONCE);
	tale_end(&tale);
}

static void once_in_one_scan_is_once(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+1s scan_begin scan=1 began=-10ms flags=complete\n"
		    "+0 observed context=0x20 parent=0x10 scan=1 kind=cancel parent_kind=cancel state=lost\n"
		    "+0 observed context=0x20 parent=0x10 scan=1 kind=cancel parent_kind=cancel state=lost\n"
		    "+0 scan_end scan=1 began=-10ms flags=complete\n");
	assert_int_equal(answer(&tale), CT_CONTEXT_LOST_ONCE);
	tale_end(&tale);
}

static void a_second_look_takes_it_back(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	scan(&tale, 1, 2, "state=lost");
	scan(&tale, 2, 2, "state=held");
	assert_int_equal(answer(&tale), 0);
	scan(&tale, 3, 2, "state=lost");
	assert_int_equal(answer(&tale), CT_CONTEXT_LOST_ONCE); // begins anew
	scan(&tale, 4, 2, "state=unretained");
	assert_int_equal(answer(&tale), CT_CONTEXT_UNRETAINED);
	scan(&tale, 5, 2, "state=lost");
	assert_int_equal(answer(&tale), CT_CONTEXT_LOST_ONCE);
	tale_end(&tale);
}

static void undecided_holds_for_one_scan(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	scan(&tale, 1, 2, "");
	scan(&tale, 2, 4, "state=undecided");
	assert_int_equal(answer(&tale), 0);
	scan(&tale, 3, 4, ""); // silence: held, and it was made before a whole collection
	assert_int_equal(answer(&tale), CT_CONTEXT_HELD);
	tale_end(&tale);
}

/* Silence means held only for what is older than a whole collection: until then a dropped function still exists. */
static void held_needs_a_whole_collection(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	scan(&tale, 1, 5, "");
	assert_int_equal(answer(&tale), 0);
	scan(&tale, 2, 6, ""); // one more has begun; the one before may have begun before the context
	assert_int_equal(answer(&tale), 0);
	scan(&tale, 3, 7, "");
	assert_int_equal(answer(&tale), CT_CONTEXT_HELD);
	tell(&tale, "+0 create context=0x30 parent=0x10 kind=cancel parent_kind=cancel\n");
	assert_false(tale_find(&tale, 0x30)->state & CT_CONTEXT_HELD);
	scan(&tale, 4, 1, ""); // not the count of the same heap: nothing is concluded
	assert_false(tale_find(&tale, 0x30)->state & CT_CONTEXT_HELD);
	tale_end(&tale);
}

static void missed_ends_are_learned(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	scan(&tale, 1, 2, "state=cancelled");
	assert_null(ct_tree_find(tale.tree, 0x20));
	assert_int_equal(tale.totals->ended[CT_REASON_EXPLICIT], 1);
	tell(&tale, "+0 create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=2\n");
	scan(&tale, 2, 2, "state=freed");
	assert_null(ct_tree_find(tale.tree, 0x20));
	assert_int_equal(tale.totals->ended[CT_REASON_FREED], 1);
	scan(&tale, 3, 2, "state=freed"); // of one nobody knows: nothing to adopt
	assert_int_equal(tale.totals->adopted, 0);
	assert_int_equal(tale.totals->live, 1);
	tale_end(&tale);
}

static void contexts_made_after_the_reading_are_not_judged(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+1s scan_begin scan=1 began=-500ms flags=complete\n"
		    "-100ms create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=2\n"
		    "+100ms observed context=0x20 parent=0x10 scan=1 kind=cancel parent_kind=cancel state=freed\n");
	assert_int_equal(tale_find(&tale, 0x20)->id, 3); // memory showed the one before it
	tale_end(&tale);
}

static void memory_adopts_what_is_older_than_the_attach(void **state)
{
	struct tale tale;
	const struct ct_context *context;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+1s scan_begin scan=1 began=-10ms flags=complete\n"
		    "+0 observed context=0x20 parent=0x10 scan=1 kind=deadline deadline=+1h parent_kind=cancel "
		    "state=lost retained=timer\n"
		    "+0 observed context=0x30 scan=1 kind=cancel parent_kind=background state=held\n"
		    "+0 observed context=0x40 scan=1 kind=cancel parent_kind=background state=undecided\n");
	context = tale_find(&tale, 0x20);
	assert_int_equal(context->state, CT_CONTEXT_ADOPTED | CT_CONTEXT_LOST_ONCE | (context->state & 0xe000));
	assert_int_equal(context->kind, CT_KIND_DEADLINE);
	assert_true(context->deadline_ns);
	assert_true(tale_find(&tale, 0x10)->state & CT_CONTEXT_ADOPTED); // and its parent with it
	assert_non_null(ct_tree_find(tale.tree, 0x30));
	assert_null(ct_tree_find(tale.tree, 0x40)); // nothing is known about a live one
	assert_int_equal(tale.totals->adopted, 3);
	tell(&tale, "+0 scan_end scan=1 began=-10ms flags=complete\n");
	tale_end(&tale);
}

static void memory_completes_what_was_adopted(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x5 kind=cancel parent_kind=background\n"
		    "+0 abandon context=0x20\n");
	assert_int_equal(tale_find(&tale, 0x20)->kind, CT_KIND_UNKNOWN);
	tell(&tale,
	     "+1s scan_begin scan=1 began=-10ms flags=complete\n"
	     "+0 observed context=0x20 parent=0x5 scan=1 kind=deadline deadline=+1h parent_kind=cancel state=held\n"
	     "+0 scan_end scan=1 flags=complete\n");
	assert_int_equal(tale_find(&tale, 0x20)->kind, CT_KIND_DEADLINE);
	assert_ptr_equal(ct_tree_parent(tale.tree, tale_find(&tale, 0x20)), tale_find(&tale, 0x5));
	tale_end(&tale);
}

/* Memory lists by address, so a child may come before its parent and that before its own: all links are there. */
static void memory_adopts_whole_branches_in_any_order(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+1s scan_begin scan=1 began=-10ms flags=complete\n"
		    "+0 observed context=0x10 parent=0x20 scan=1 kind=cancel parent_kind=deadline state=held\n"
		    "+0 observed context=0x20 parent=0x30 scan=1 kind=deadline deadline=+1h parent_kind=cancel "
		    "state=held retained=timer\n"
		    "+0 observed context=0x30 scan=1 kind=cancel parent_kind=todo state=held\n"
		    "+0 scan_end scan=1 began=-10ms flags=complete\n");
	assert_ptr_equal(ct_tree_parent(tale.tree, tale_find(&tale, 0x10)), tale_find(&tale, 0x20));
	assert_ptr_equal(ct_tree_parent(tale.tree, tale_find(&tale, 0x20)), tale_find(&tale, 0x30));
	assert_int_equal(tale_find(&tale, 0x30)->parent_kind, CT_KIND_TODO);
	assert_true(tale_find(&tale, 0x20)->deadline_ns);
	assert_int_equal(tale_find(&tale, 0x20)->retained_by, CT_RETAINED_TIMER);
	assert_int_equal(tale.totals->adopted, 3);
	tell(&tale, "+1s cancel context=0x20 reason=explicit\n+0 cancel context=0x10 reason=parent\n");
	assert_int_equal(tale.totals->unmatched, 0);
	assert_int_equal(tale.totals->live, 1);
	tale_end(&tale);
}

/* What ended while memory was being read, or less than a second before, may be listed. What ended earlier left its
 * address to another. */
static void what_ended_meanwhile_is_not_adopted(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+1s cancel context=0x50 reason=explicit\n" // older than the attach, and than the reading
		    "+1100ms cancel context=0x30 reason=explicit\n" // older than the attach
		    "+0 create context=0x40 kind=cancel parent_kind=background\n"
		    "+0 cancel context=0x40 reason=explicit\n"
		    "+60ms scan_begin scan=1 began=-10ms flags=complete\n"
		    "+0 observed context=0x30 scan=1 kind=cancel parent_kind=background state=held\n"
		    "+0 observed context=0x40 scan=1 kind=cancel parent_kind=background state=lost\n"
		    "+0 observed context=0x50 scan=1 kind=cancel parent_kind=background state=held\n"
		    "+0 scan_end scan=1 began=-50ms flags=complete\n");
	assert_null(ct_tree_find(tale.tree, 0x30));
	assert_null(ct_tree_find(tale.tree, 0x40));
	assert_non_null(ct_tree_find(tale.tree, 0x50));
	assert_int_equal(tale.totals->live, 1);
	tale_end(&tale);
}

/* A parent for which there is no room is counted as refused, once, and the context stays as a root. */
static void adopted_parents_keep_to_the_cap(void **state)
{
	const struct ct_tree_options options = { .max_contexts = 2 };
	struct tale tale;

	(void)state;
	tale_begin(&tale, &options);
	tell(&tale, "+1s scan_begin scan=1 began=-10ms flags=complete\n"
		    "+0 observed context=0x10 parent=0x20 scan=1 kind=cancel parent_kind=cancel state=held\n"
		    "+0 observed context=0x20 parent=0x30 scan=1 kind=cancel parent_kind=cancel state=held\n");
	assert_int_equal(tale.totals->refused_contexts, 1);
	assert_null(ct_tree_parent(tale.tree, tale_find(&tale, 0x20)));
	assert_int_equal(tell_rc(&tale, "+0 observed context=0x30 scan=1 kind=cancel parent_kind=background "
					"state=held\n"),
			 -ENOSPC);
	assert_int_equal(tale.totals->live, 2);
	tell(&tale, "+0 scan_end scan=1 began=-10ms flags=complete\n");
	tale_end(&tale);
}

/* After a loss memory ends what has ended and adopts what was made, and both are known from then on. */
static void a_reading_after_a_gap_reconciles(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+1s gap from=-500ms to=-100ms lost=9\n"
		    "+1s scan_begin scan=1 began=-10ms flags=complete\n"
		    "+0 observed context=0x20 scan=1 kind=cancel state=cancelled\n"
		    "+0 observed context=0x60 parent=0x10 scan=1 kind=cancel parent_kind=cancel state=held\n"
		    "+0 scan_end scan=1 began=-10ms flags=complete\n");
	assert_null(ct_tree_find(tale.tree, 0x20));
	assert_true(tale_find(&tale, 0x10)->state & CT_CONTEXT_GAP);
	assert_false(tale_find(&tale, 0x60)->state & CT_CONTEXT_GAP); // seen only after it
	tell(&tale, "+1s cancel context=0x60 reason=explicit\n");
	assert_int_equal(tale.totals->unmatched, 0);
	assert_int_equal(tale.totals->live, 1);
	tale_end(&tale);
}

static void deferred_functions_belong_to_a_goroutine(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	scan(&tale, 1, 2, "state=held flags=deferred task=33");
	assert_true(tale_find(&tale, 0x20)->state & CT_CONTEXT_DEFERRED);
	assert_int_equal(tale_find(&tale, 0x20)->task, 33);
	scan(&tale, 2, 2, "state=held");
	assert_false(tale_find(&tale, 0x20)->state & CT_CONTEXT_DEFERRED);
	tale_end(&tale);
}

static uint16_t maker_gone(const struct tale *tale)
{
	return tale_find(tale, 0x20)->state & CT_CONTEXT_MAKER_GONE;
}

/* Its maker's end says nothing once another goroutine defers the call, and that one began after the create. */
static void in_other_hands_no_maker_is_gone(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 task_start task=7\n"
		    "+0 create context=0x10 kind=cancel parent_kind=background\n"
		    "+0 create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=1 task=7\n"
		    "+1ms task_start task=33\n");
	scan(&tale, 1, 2, "state=held flags=deferred task=33");
	assert_int_equal(tale_find(&tale, 0x20)->task, 33);
	assert_int_equal(maker_gone(&tale), 0);
	tell(&tale, "+0 task_end task=7");
	assert_int_equal(maker_gone(&tale), 0);
	scan(&tale, 2, 2, "state=held");
	tell(&tale, "+0 task_end task=33");
	assert_int_equal(maker_gone(&tale), 0);
	tale_end(&tale);
}

static void its_maker_defers_it(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 task_start task=7\n"
		    "+0 create context=0x10 kind=cancel parent_kind=background\n"
		    "+0 create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=1 task=7\n");
	scan(&tale, 1, 2, "state=held flags=deferred task=7");
	assert_int_equal(maker_gone(&tale), 0);
	tell(&tale, "+0 task_end task=7");
	assert_int_equal(maker_gone(&tale), CT_CONTEXT_MAKER_GONE);
	tale_end(&tale);
}

/* A scan that could not read everything tells what it saw and takes nothing back. */
static void incomplete_scans_conclude_nothing(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	scan(&tale, 1, 5, "state=lost");
	tell(&tale, "+1s scan_begin scan=2 began=-10ms collections=9\n+0 scan_end scan=2 began=-10ms collections=9\n");
	assert_int_equal(tale.totals->failed_scans, 1);
	assert_int_equal(tale.totals->scans, 1);
	assert_int_equal(answer(&tale), CT_CONTEXT_LOST_ONCE);
	assert_int_equal(ct_tree_window(tale.tree)->collected_before_ns, 0);
	tale_end(&tale);
}

static void words_outside_a_scan_are_refused(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	assert_int_equal(tell_rc(&tale, "+1s observed context=0x20 parent=0x10 scan=1 state=lost\n"), -EPROTO);
	assert_int_equal(tell_rc(&tale, "+0 scan_end scan=1 flags=complete\n"), -EPROTO);
	tell(&tale, "+0 scan_begin scan=2 flags=complete\n");
	assert_int_equal(tell_rc(&tale, "+0 observed context=0x20 parent=0x10 scan=1 state=lost\n"), -EPROTO);
	assert_int_equal(tell_rc(&tale, "+0 scan_end scan=1 flags=complete\n"), -EPROTO);
	assert_int_equal(answer(&tale), 0);
	tale_end(&tale);
}

/* Thousands told once, all taken back by the next scan. */
static void many_words_are_taken_back(void **state)
{
	const unsigned int many = 5000;
	struct tale tale;

	(void)state;
	begin(&tale);
	tale.is_unchecked = true;
	for (unsigned int i = 0; i < many; i++)
		tellf(&tale, "+0 create context=0x%x parent=0x10 kind=cancel parent_kind=cancel", 0x1000 + 16 * i);
	for (unsigned int number = 1; number <= 3; number++) {
		tellf(&tale, "+1s scan_begin scan=%u began=-10ms collections=%u flags=complete", number, 2 * number);
		for (unsigned int i = 0; i < many && number == 2; i++)
			tellf(&tale, "+0 observed context=0x%x parent=0x10 scan=2 kind=cancel state=undecided",
			      0x1000 + 16 * i);
		tellf(&tale, "+0 scan_end scan=%u began=-10ms collections=%u flags=complete", number, 2 * number);
		for (unsigned int i = 0; i < many; i++)
			assert_int_equal(tale_find(&tale, 0x1000 + 16 * i)->state & ANSWERS,
					 number == 3 ? CT_CONTEXT_HELD : 0);
	}
	assert_null(tree_check(tale.tree));
	tale_end(&tale);
}

/* The same for a target that stood still. */
static void scan_stopped(struct tale *tale, unsigned int number, const char *said)
{
	tellf(tale, "+1ms scan_begin scan=%u began=-1us collections=0 flags=complete|stopped", number);
	if (*said)
		tellf(tale, "+0 observed context=0x20 parent=0x10 scan=%u kind=cancel parent_kind=cancel %s", number,
		      said);
	tellf(tale, "+0 scan_end scan=%u began=-1us collections=0 paused_ns=2500 flags=complete|stopped", number);
}

static void one_stopped_scan_is_proof(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	scan_stopped(&tale, 1, "state=lost retained=parent");
	assert_int_equal(answer(&tale), CT_CONTEXT_LOST);
	assert_int_equal(tale.totals->paused_ns, 2500);
	assert_true(ct_tree_window(tale.tree)->stopped_ns > tale_find(&tale, 0x20)->created_ns);
	tell(&tale, "+1ms cancel context=0x20 reason=explicit\n"); // it was not: whoever says so afterwards is heard
	assert_null(ct_tree_find(tale.tree, 0x20));
	tale_end(&tale);
}

/* No collection is waited for: what such a scan does not mention is held, but for what was made after it. */
static void silence_of_a_stopped_scan_is_held(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	scan(&tale, 1, 0, "");
	assert_int_equal(answer(&tale), 0);
	scan_stopped(&tale, 2, "");
	assert_int_equal(answer(&tale), CT_CONTEXT_HELD);
	tell(&tale, "+0 create context=0x30 parent=0x10 kind=cancel parent_kind=cancel\n");
	assert_false(tale_find(&tale, 0x30)->state & CT_CONTEXT_HELD);
	scan_stopped(&tale, 3, "state=unretained");
	assert_int_equal(answer(&tale), CT_CONTEXT_UNRETAINED);
	scan_stopped(&tale, 4, "state=undecided");
	assert_int_equal(answer(&tale), 0);
	scan_stopped(&tale, 5, "state=lost");
	scan(&tale, 6, 0, "state=held"); // a running reading that finds its function takes the proof back
	assert_int_equal(answer(&tale), CT_CONTEXT_HELD);
	tale_end(&tale);
}

/* What could not be read completely proves nothing, stopped or not. */
static void an_incomplete_stopped_scan_proves_nothing(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+1ms scan_begin scan=1 began=-1us flags=stopped\n"
		    "+0 scan_end scan=1 began=-1us paused_ns=7 flags=stopped\n");
	assert_int_equal(answer(&tale), 0);
	assert_int_equal(ct_tree_window(tale.tree)->stopped_ns, 0);
	assert_int_equal(tale.totals->paused_ns, 7); // it stood still all the same
	assert_int_equal(tale.totals->failed_scans, 1);
	tale_end(&tale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lost_takes_two_scans),
		cmocka_unit_test(hasty_scans_are_one),
		cmocka_unit_test(another_deadline_is_another_context),
		cmocka_unit_test(once_in_one_scan_is_once),
		cmocka_unit_test(a_second_look_takes_it_back),
		cmocka_unit_test(undecided_holds_for_one_scan),
		cmocka_unit_test(held_needs_a_whole_collection),
		cmocka_unit_test(missed_ends_are_learned),
		cmocka_unit_test(contexts_made_after_the_reading_are_not_judged),
		cmocka_unit_test(memory_adopts_what_is_older_than_the_attach),
		cmocka_unit_test(memory_completes_what_was_adopted),
		cmocka_unit_test(memory_adopts_whole_branches_in_any_order),
		cmocka_unit_test(what_ended_meanwhile_is_not_adopted),
		cmocka_unit_test(adopted_parents_keep_to_the_cap),
		cmocka_unit_test(a_reading_after_a_gap_reconciles),
		cmocka_unit_test(deferred_functions_belong_to_a_goroutine),
		cmocka_unit_test(in_other_hands_no_maker_is_gone),
		cmocka_unit_test(its_maker_defers_it),
		cmocka_unit_test(incomplete_scans_conclude_nothing),
		cmocka_unit_test(words_outside_a_scan_are_refused),
		cmocka_unit_test(many_words_are_taken_back),
		cmocka_unit_test(one_stopped_scan_is_proof),
		cmocka_unit_test(silence_of_a_stopped_scan_is_held),
		cmocka_unit_test(an_incomplete_stopped_scan_proves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
