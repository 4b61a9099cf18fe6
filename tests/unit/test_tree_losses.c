// SPDX-License-Identifier: Apache-2.0
/* Proven losses that end: which ends count, as what, from which age, and what takes one back. */
#include "tree_story.h"

#define MIN_AGE_NS (10 * CT_NSEC_PER_SEC)

_Static_assert(sizeof(struct ct_losses) <= 24, "a site stays small: no second histogram");

/* A root, and below it 0x20 (cancel) and 0x30 (deadline in an hour), of one site. */
static void begin(struct tale *tale)
{
	const struct ct_tree_options options = {.lost_age_ns = MIN_AGE_NS};

	tale_begin(tale, &options);
	tell(tale, "+0 create context=0x10 kind=cancel parent_kind=background path=1\n"
		   "+0 create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=2\n"
		   "+0 create context=0x30 parent=0x10 kind=deadline parent_kind=cancel deadline=+1h path=2\n");
}

/* One reading of the memory finds both lost. */
static void scan(struct tale *tale, unsigned int number)
{
	tellf(tale, "+1s scan_begin scan=%u began=-10ms flags=complete", number);
	tellf(tale, "+0 observed context=0x20 parent=0x10 scan=%u kind=cancel parent_kind=cancel state=lost "
		    "retained=parent", number);
	tellf(tale, "+0 observed context=0x30 parent=0x10 scan=%u kind=deadline parent_kind=cancel state=lost "
		    "retained=parent|timer", number);
	tellf(tale, "+0 scan_end scan=%u began=-10ms flags=complete", number);
}

/* Two readings, and ten seconds of age in all. */
static void lose(struct tale *tale)
{
	begin(tale);
	scan(tale, 1);
	scan(tale, 2);
	tell(tale, "+8s tick");
}

static const struct ct_losses *losses(const struct tale *tale, enum ct_loss loss)
{
	return &tale_site(tale, 2)->losses[loss];
}

static void expect_losses(const struct tale *tale, uint64_t cancels, uint64_t timers)
{
	assert_int_equal(losses(tale, CT_LOSS_CANCEL)->count, cancels);
	assert_int_equal(losses(tale, CT_LOSS_TIMER)->count, timers);
}

static void the_parent_ends_them(void **state)
{
	struct tale tale;

	(void)state;
	lose(&tale);
	expect_losses(&tale, 0, 0); // they live
	tell(&tale, "+0 cancel context=0x10 reason=explicit\n"
		    "+0 cancel context=0x20 reason=parent\n"
		    "+1s cancel context=0x30 reason=parent\n");
	expect_losses(&tale, 1, 1);
	assert_int_equal(losses(&tale, CT_LOSS_CANCEL)->longest_ns, MIN_AGE_NS);
	assert_int_equal(losses(&tale, CT_LOSS_CANCEL)->retained_by, CT_RETAINED_PARENT);
	assert_int_equal(losses(&tale, CT_LOSS_CANCEL)->reasons, 1 << CT_REASON_PARENT);
	assert_int_equal(losses(&tale, CT_LOSS_TIMER)->longest_ns, MIN_AGE_NS + CT_NSEC_PER_SEC);
	assert_int_equal(losses(&tale, CT_LOSS_TIMER)->retained_by, CT_RETAINED_PARENT | CT_RETAINED_TIMER);
	assert_int_equal(tale_site(&tale, 1)->losses[CT_LOSS_CANCEL].count, 0); // the root was its owner's to cancel
	tale_end(&tale);
}

/* From which age on is said by the stream, so that a replay counts the same. */
static void the_stream_tells_the_age(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+0 rules min_age_ns=1000000000 grace_ns=1000000000\n");
	scan(&tale, 1);
	scan(&tale, 2);
	tell(&tale, "+0 cancel context=0x20 reason=parent\n"
		    "+0 rules min_age_ns=3000000000 grace_ns=1000000000\n"
		    "+0 cancel context=0x30 reason=parent\n");
	expect_losses(&tale, 1, 0); // two seconds old: told in the first window, too young in the second
	tale_end(&tale);
}

static void timer_or_garbage_ends_them(void **state)
{
	struct tale tale;

	(void)state;
	lose(&tale);
	tell(&tale, "+0 cancel context=0x30 reason=deadline\n"
		    "+0 free context=0x20\n");
	expect_losses(&tale, 1, 1);
	assert_int_equal(losses(&tale, CT_LOSS_TIMER)->reasons, 1 << CT_REASON_DEADLINE);
	assert_int_equal(losses(&tale, CT_LOSS_CANCEL)->reasons, 1 << CT_REASON_FREED);
	tale_end(&tale);
	lose(&tale);
	tell(&tale, "+2h cancel context=0x30 reason=parent\n"); // its timer was to fire an hour ago
	expect_losses(&tale, 1, 0);
	tale_end(&tale);
}

static void the_owner_refutes_the_proof(void **state)
{
	struct tale tale;

	(void)state;
	lose(&tale);
	tell(&tale, "+0 cancel context=0x20 reason=explicit\n"
		    "+0 cancel_call context=0x30\n"); // its end was missed
	expect_losses(&tale, 0, 0);
	tale_end(&tale);
	lose(&tale);
	tell(&tale, "+0 cancel context=0x10 reason=explicit\n"
		    "+0 cancel context=0x20 reason=parent\n"
		    "+0 cancel context=0x30 reason=parent\n"
		    "+1s cancel_call context=0x20\n"
		    "+0 cancel_call context=0x20\n"); // a second call is no second context
	expect_losses(&tale, 0, 1);
	assert_int_equal(losses(&tale, CT_LOSS_CANCEL)->longest_ns, 0);
	tale_end(&tale);
}

static void proof_takes_two_readings(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	scan(&tale, 1);
	tell(&tale, "+10s cancel context=0x20 reason=parent");
	expect_losses(&tale, 0, 0);
	tale_end(&tale);
	lose(&tale); // a third one takes it back
	tell(&tale, "+0 scan_begin scan=3 began=-10ms flags=complete\n"
		    "+0 observed context=0x20 parent=0x10 scan=3 kind=cancel parent_kind=cancel state=held "
		    "retained=parent\n"
		    "+0 observed context=0x30 parent=0x10 scan=3 kind=deadline parent_kind=cancel state=unretained\n"
		    "+0 scan_end scan=3 began=-10ms flags=complete\n"
		    "+1s cancel context=0x20 reason=parent\n"
		    "+0 free context=0x30\n");
	expect_losses(&tale, 0, 0);
	tale_end(&tale);
}

static void young_ones_do_not_count(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	scan(&tale, 1);
	scan(&tale, 2);
	tell(&tale, "+7999ms cancel context=0x20 reason=parent\n"
		    "+1ms cancel context=0x30 reason=parent\n");
	expect_losses(&tale, 0, 1);
	tale_end(&tale);
}

static void an_exec_ends_nothing_that_counts(void **state)
{
	struct tale tale;

	(void)state;
	lose(&tale);
	tell(&tale, "+0 exec");
	assert_int_equal(tale.totals->ended[CT_REASON_FREED], 3);
	expect_losses(&tale, 0, 0);
	tale_end(&tale);
}

static void only_known_sites_and_cancel_functions(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background path=1\n"
		    "+0 create context=0x20 parent=0x10 kind=after_func parent_kind=cancel path=2\n"
		    "+0 create context=0x30 parent=0x10 kind=cancel parent_kind=cancel\n"
		    "+0 abandon context=0x20\n"
		    "+0 abandon context=0x30\n"
		    "+0 abandon context=0x40\n" // adopted
		    "+9s cancel context=0x20 reason=parent\n"
		    "+0 cancel context=0x30 reason=parent\n"
		    "+0 cancel context=0x40 reason=parent\n");
	expect_losses(&tale, 0, 0); // and none at the unknown site: tree_check.h
	tale_end(&tale);
}

/* A C library's own word, without any reading; and what keeps the context is what the tree shows. */
static void abandoned_ones(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+0 create context=0x40 kind=cancel parent_kind=background path=2\n"
		    "+0 abandon context=0x20\n"
		    "+0 abandon context=0x30\n"
		    "+0 abandon context=0x40\n"
		    "+10s cancel context=0x20 reason=parent\n"
		    "+0 cancel context=0x30 reason=deadline\n"
		    "+0 free context=0x40\n"); // nothing kept this one
	expect_losses(&tale, 1, 1);
	assert_int_equal(losses(&tale, CT_LOSS_CANCEL)->retained_by, CT_RETAINED_PARENT);
	assert_int_equal(losses(&tale, CT_LOSS_TIMER)->retained_by, CT_RETAINED_PARENT | CT_RETAINED_TIMER);
	tale_end(&tale);
}

/* Across a gap nobody knows whether it is still the same one; memory looked again and does. */
static void a_gap_weakens_the_library_not_the_memory(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	tell(&tale, "+0 abandon context=0x20\n"
		    "+1s gap from=-5ms to=-1ms lost=3\n"
		    "+9s cancel context=0x20 reason=parent\n");
	expect_losses(&tale, 0, 0);
	tale_end(&tale);
	lose(&tale);
	tell(&tale, "+1s gap from=-5ms to=-1ms lost=3\n"
		    "+9s cancel context=0x20 reason=parent\n");
	expect_losses(&tale, 1, 0);
	tale_end(&tale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_parent_ends_them),
		cmocka_unit_test(the_stream_tells_the_age),
		cmocka_unit_test(timer_or_garbage_ends_them),
		cmocka_unit_test(the_owner_refutes_the_proof),
		cmocka_unit_test(proof_takes_two_readings),
		cmocka_unit_test(young_ones_do_not_count),
		cmocka_unit_test(an_exec_ends_nothing_that_counts),
		cmocka_unit_test(only_known_sites_and_cancel_functions),
		cmocka_unit_test(abandoned_ones),
		cmocka_unit_test(a_gap_weakens_the_library_not_the_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
