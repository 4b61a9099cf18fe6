// SPDX-License-Identifier: Apache-2.0
/* What a census knows of a program, as events and back; and what somebody else may have written there. */
#include "memory/facts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static unsigned int told; /* events */

static int take(void *opaque, const struct ct_event *event)
{
	struct ct_event checked;

	assert_int_equal(ct_event_decode(event->header, event->bytes, &checked), 0);
	told++;
	return ct_census_facts_take(opaque, event->facts);
}

static void facts_come_back(void **state)
{
	struct ct_census_facts facts = { .minor = 26, .mheap = 1, .allgs = 2, .types = 3, .etypes = 4, .text = 5,
					 .etext = 6, .image_start = 7, .image_end = 8, .todo = 9, .time_base_ns = 10,
					 .has_inlined_creators = 1 };
	struct ct_census_facts again = { 0 };

	(void)state;
	told = 0;
	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(ct_census_facts_guess_allgs(&facts, 8 * i), 0);
	for (uint64_t i = 1; i <= 5000; i++) {
		assert_int_equal(ct_closures_add(&facts.closures, 0x400000 + 32 * i, CT_CLOSURE_TIMER), 0);
		assert_int_equal(ct_closures_add_call(&facts.closures, 0x400000 + 32 * i, 0x400000 + 32 * i + 16), 0);
	}
	assert_int_equal(ct_census_facts_tell(&facts, 1, take, &again), 0);
	assert_true(told > 2);
	assert_memory_equal(&again, &facts, offsetof(struct ct_census_facts, allgs_guesses));
	assert_int_equal(again.has_inlined_creators, 1);
	assert_int_equal(again.time_base_ns, 10);
	assert_int_equal(again.image_end, 8);
	assert_int_equal(again.allgs_guess_count, 10);
	assert_memory_equal(again.allgs_guesses, facts.allgs_guesses, 10 * sizeof(*facts.allgs_guesses));
	assert_int_equal(again.closures.count, 5000);
	assert_int_equal(ct_closures_look(&again.closures, 0x400020), CT_CLOSURE_TIMER);
	assert_true(ct_closures_is_call(&again.closures, 0x400000 + 32 * 5000 + 3));
	assert_int_equal(again.closures.calls_count, 5000);
	ct_census_facts_done(&facts);
	ct_census_facts_done(&again);
}

static int take_one(struct ct_census_facts *facts, uint32_t name, uint64_t first, uint64_t second)
{
	struct {
		struct ct_event_facts event;
		struct ct_fact fact;
	} block = { { .header = { .type = CT_EVENT_FACTS }, .count = 1 }, { name, 0, first, second } };

	return ct_census_facts_take(facts, &block.event);
}

static void forged_facts_are_refused(void **state)
{
	struct ct_census_facts facts = { 0 };
	int rc = 0;

	(void)state;
	assert_int_equal(take_one(&facts, 999, 1, 2), 0); // of a newer version
	assert_int_equal(take_one(&facts, CT_FACT_CLOSURE, 0x1000, CT_CLOSURE_WATCHER + 1), -EPROTO);
	assert_int_equal(take_one(&facts, CT_FACT_CLOSURE, 0x1000, UINT64_MAX), -EPROTO);
	assert_int_equal(take_one(&facts, CT_FACT_CALL, 0x2000, 0x3000), 0);
	assert_int_equal(take_one(&facts, CT_FACT_CALL, 0x1000, 0x3000), -EPROTO);
	for (uint64_t i = 0; i < 1000 && !rc; i++)
		rc = take_one(&facts, CT_FACT_ALLGS_GUESS, 8 * i, 0);
	assert_int_equal(rc, -EPROTO);
	for (uint64_t i = rc = 0; i < 100000 && !rc; i++)
		rc = take_one(&facts, CT_FACT_CLOSURE, 16 + i, 1);
	assert_int_equal(rc, -EPROTO);
	ct_census_facts_done(&facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_come_back),
		cmocka_unit_test(forged_facts_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
