// SPDX-License-Identifier: Apache-2.0
/*
 * When a layout counts as verified: what a known release may show, what one that is not known has to show, and the
 * sentence that says what does not fit. The live counterpart is tests/e2e/test_layouts.py.
 */
#include "memory/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct fixture {
	struct ct_census *census;
	struct ct_scan scan;
	char reason[160];
};

/* A reading in which everything fits. */
static void begin(struct fixture *fixture, uint64_t minor)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture->census = calloc(1, sizeof(*fixture->census));
	assert_non_null(fixture->census);
	fixture->census->facts.minor = minor;
	assert_int_equal(ct_go_layout_try(minor, &fixture->census->layout), 0);
	fixture->census->heap.sound_spans = 100;
	fixture->scan = (struct ct_scan){ .census = fixture->census,
					  .evidence = { .goroutines = 10,
							.whole_goroutines = 10,
							.waiting = 8,
							.counted = 50,
							.keys = 20,
							.linked = { { .sound = 20 }, { .sound = 900 } },
							.owned = { { .sound = 900 }, { .sound = 20 } },
							.owners = 5 } };
}

static bool is_verified(struct fixture *fixture)
{
	return ct_scan_verify(&fixture->scan, fixture->reason, sizeof(fixture->reason));
}

static void expect_refused(struct fixture *fixture, const char *why)
{
	assert_false(is_verified(fixture));
	if (!strstr(fixture->reason, why))
		fail_msg("\"%s\" does not say \"%s\"", fixture->reason, why);
}

static void what_fits_is_verified(void **state)
{
	struct fixture fixture;

	(void)state;
	for (uint64_t minor = CT_GO_MINOR_OLDEST; minor <= CT_GO_MINOR_NEWEST + 2; minor++) {
		begin(&fixture, minor);
		assert_true(is_verified(&fixture));
		free(fixture.census);
	}
	assert_int_not_equal(ct_go_layout_try(CT_GO_MINOR_OLDEST - 1, &(struct ct_go_layout){ 0 }), 0);
}

static void most_has_to_fit(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture, 26);
	fixture.census->heap.odd_spans = 101;
	expect_refused(&fixture, "101 of 201 spans of its heap do not fit together");
	fixture.census->heap.odd_spans = 100; // a running program has some
	assert_true(is_verified(&fixture));
	fixture.scan.evidence.odd_counted = 51;
	expect_refused(&fixture, "51 of 101 spans have another number of live elements");
	fixture.scan.evidence.odd_counted = 0;
	fixture.scan.evidence.odd_goroutines = 11;
	expect_refused(&fixture, "11 of 21 goroutines do not fit together");
	fixture.scan.evidence.odd_goroutines = 0;
	fixture.scan.evidence.odd_waiting = 9;
	expect_refused(&fixture, "9 of 17 goroutines that wait have no frame");
	fixture.scan.evidence.odd_waiting = 0;
	fixture.scan.evidence.odd_keys = 21;
	expect_refused(&fixture, "21 of 41 children of contexts are no contexts");
	fixture.scan.evidence.odd_keys = 0;
	fixture.scan.evidence.linked[0].odd = 21; // many of the other size do not outweigh them
	expect_refused(&fixture, "21 of 41 contexts have another size");
	fixture.scan.evidence.linked[0].odd = 0;
	fixture.scan.evidence.owned[1].odd = 21;
	expect_refused(&fixture, "21 of 41 contexts have another size");
	free(fixture.census);
}

static void a_known_release_needs_no_context(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture, 26);
	fixture.scan.evidence = (struct ct_evidence){ .goroutines = 1 };
	assert_true(is_verified(&fixture));
	fixture.scan.evidence.has_odd_main = true;
	expect_refused(&fixture, "its first goroutine is not that of main");
	fixture.scan.evidence.has_odd_main = false;
	fixture.census->heap.sound_spans = 3; // no program is so small
	expect_refused(&fixture, "no more than 3 spans");
	free(fixture.census);
}

static void an_unknown_release_has_to_show_all(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture, CT_GO_MINOR_NEWEST + 1);
	fixture.scan.evidence.keys = 0;
	expect_refused(&fixture, "no context below another one");
	fixture.scan.evidence.keys = 20;
	fixture.scan.evidence.owners = 0;
	expect_refused(&fixture, "no cancel function");
	fixture.scan.evidence.owners = 1;
	fixture.scan.evidence.whole_goroutines = 4;
	expect_refused(&fixture, "6 of 10 goroutines have no entry");
	fixture.scan.evidence.goroutines = fixture.scan.evidence.whole_goroutines = 0;
	expect_refused(&fixture, "its goroutines were not found");
	free(fixture.census);
}

static void an_unknown_release_is_judged_more_strictly(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture, CT_GO_MINOR_NEWEST + 1);
	fixture.census->heap.odd_spans = 20;
	expect_refused(&fixture, "20 of 120 spans");
	fixture.census->facts.minor = CT_GO_MINOR_NEWEST;
	assert_true(is_verified(&fixture));
	free(fixture.census);
}

/* A lost context with a deadline that has not come has its timer. */
static void the_lost_are_armed(void **state)
{
	struct ct_candidate candidates[10] = { 0 };
	struct fixture fixture;

	(void)state;
	begin(&fixture, 26);
	for (size_t i = 0; i < 10; i++)
		candidates[i] = (struct ct_candidate){ .seen = { .state = CT_OBSERVED_LOST }, .flags = CT_SEEN_TIMER };
	fixture.scan.candidates = candidates;
	fixture.scan.count = 10;
	expect_refused(&fixture, "10 of 10 contexts with a deadline have no timer");
	for (size_t i = 0; i < 5; i++)
		candidates[i].is_armed = true;
	assert_true(is_verified(&fixture));
	for (size_t i = 0; i < 10; i++) { // being made, or ending
		candidates[i].is_armed = false;
		candidates[i].seen.state = CT_OBSERVED_HELD;
	}
	assert_true(is_verified(&fixture));
	free(fixture.census);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_is_verified),
		cmocka_unit_test(most_has_to_fit),
		cmocka_unit_test(a_known_release_needs_no_context),
		cmocka_unit_test(an_unknown_release_has_to_show_all),
		cmocka_unit_test(an_unknown_release_is_judged_more_strictly),
		cmocka_unit_test(the_lost_are_armed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
