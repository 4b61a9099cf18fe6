// SPDX-License-Identifier: Apache-2.0
/* Findings that go on after their contexts: severity, figures and sentences with some, one or none alive. */
#include "detect_story.h"

#define FIRST UINT64_C(0x10000)

/* `lost` proven ones out of `made`, old enough to be told. */
static void begin(struct story *story, uint8_t kind, uint32_t made, uint32_t lost)
{
	story_begin(story, CT_RUNTIME_GO);
	story_site(story, 1, "main.main", 10, 0);
	story_site(story, 2, "main.work", 20, 0);
	story_create(story, STORY_ROOT, 0, 1, 1, CT_KIND_CANCEL);
	for (uint32_t i = 0; i < made; i++)
		story_create(story, FIRST + 16 * i, STORY_ROOT, 7, 2, kind);
	for (uint32_t i = lost; i < made; i++)
		story_cancel(story, FIRST + 16 * i, CT_REASON_EXPLICIT);
	story_lose(story, FIRST, lost,
		   kind == CT_KIND_DEADLINE ? CT_RETAINED_PARENT | CT_RETAINED_TIMER : CT_RETAINED_PARENT);
	story_wait(story, 20);
}

static void end_first(struct story *story, uint32_t count, uint8_t reason)
{
	for (uint32_t i = 0; i < count; i++)
		story_cancel(story, FIRST + 16 * i, reason);
	story_wait(story, 6);
}

static const struct ct_finding *only(const struct ct_findings *findings, enum ct_finding_kind kind)
{
	assert_int_equal(findings->count, 1);
	assert_int_equal(findings->list[0].kind, kind);
	assert_int_equal(findings->list[0].confidence, CT_CONFIDENCE_CONFIRMED);
	return &findings->list[0];
}

static void none_alive(void **state)
{
	struct story story;
	struct ct_findings findings;
	const struct ct_finding *finding;
	uint64_t fingerprint;

	(void)state;
	begin(&story, CT_KIND_DEADLINE, 5, 5);
	findings = story_detect(&story);
	fingerprint = only(&findings, CT_FINDING_LEAKED_TIMER)->fingerprint;
	ct_findings_done(&findings);
	end_first(&story, 5, CT_REASON_PARENT);
	findings = story_detect(&story);
	finding = only(&findings, CT_FINDING_LEAKED_TIMER);
	assert_int_equal(finding->severity, CT_SEVERITY_LEAK);
	assert_int_equal(finding->count, 5);
	assert_int_equal(finding->live, 0);
	assert_int_equal(finding->oldest_ns, 24 * CT_NSEC_PER_SEC);
	assert_int_equal(finding->retained_by, CT_RETAINED_PARENT | CT_RETAINED_TIMER);
	assert_int_equal(finding->retained_bytes, 0);
	assert_int_equal(finding->examples_count, 0);
	assert_int_equal(finding->rate_per_min_milli, 5 * 60 * 1000 / 20); // 30 s, the last ten too young to tell
	assert_true(finding->fingerprint == fingerprint); // announced once
	assert_string_equal(finding->evidence,
			    "none of 5 was ever cancelled by its owner and no cancel function for any of them existed "
			    "any more (memory read twice); all ended later, with their parent");
	assert_non_null(strstr(finding->advice, "call the cancel function made in main.work"));
	story_end(&story, &findings);
}

static void some_alive(void **state)
{
	struct story story;
	struct ct_findings findings;
	const struct ct_finding *finding;

	(void)state;
	begin(&story, CT_KIND_CANCEL, 5, 5);
	end_first(&story, 3, CT_REASON_PARENT);
	findings = story_detect(&story);
	finding = only(&findings, CT_FINDING_LOST_CANCEL);
	assert_int_equal(finding->count, 5);
	assert_int_equal(finding->live, 2);
	assert_int_equal(finding->oldest_ns, 30 * CT_NSEC_PER_SEC); // of the live ones
	assert_int_equal(finding->retained_bytes, 2 * 115);
	assert_int_equal(finding->examples_count, 2);
	assert_int_equal(finding->rate_per_min_milli, 5 * 60 * 1000 / 20);
	assert_non_null(strstr(finding->evidence, "none of 5 was ever cancelled by its owner"));
	assert_non_null(strstr(finding->evidence, "exists any more; 3 of them have ended since, the others are kept "));
	story_end(&story, &findings);

	begin(&story, CT_KIND_CANCEL, 2, 2);
	end_first(&story, 1, CT_REASON_PARENT);
	findings = story_detect(&story);
	finding = only(&findings, CT_FINDING_LOST_CANCEL);
	assert_int_equal(finding->severity, CT_SEVERITY_LEAK);
	assert_non_null(strstr(finding->evidence, "1 of them has ended since, the other is kept by its live parent"));
	story_end(&story, &findings);
}

/* One loss that is over is a warning even where more were made; two are a leak. */
static void severity_counts_the_losses(void **state)
{
	struct story story;
	struct ct_findings findings;
	const struct ct_finding *finding;

	(void)state;
	begin(&story, CT_KIND_CANCEL, 50, 1);
	findings = story_detect(&story);
	finding = only(&findings, CT_FINDING_LOST_CANCEL);
	assert_int_equal(finding->severity, CT_SEVERITY_LEAK); // live, and made again
	ct_findings_done(&findings);
	end_first(&story, 1, CT_REASON_PARENT);
	findings = story_detect(&story);
	finding = only(&findings, CT_FINDING_LOST_CANCEL);
	assert_int_equal(finding->severity, CT_SEVERITY_WARNING);
	assert_string_equal(finding->evidence,
			    "it was never cancelled by its owner and no cancel function for it existed any more "
			    "(memory read twice); it ended later, with its parent; it is the only one of 50 made here");
	story_end(&story, &findings);

	begin(&story, CT_KIND_CANCEL, 50, 2);
	end_first(&story, 2, CT_REASON_FREED);
	findings = story_detect(&story);
	finding = only(&findings, CT_FINDING_LOST_CANCEL);
	assert_int_equal(finding->severity, CT_SEVERITY_LEAK);
	assert_non_null(strstr(finding->evidence, "all ended later, when they were freed"));
	story_end(&story, &findings);
}

static void every_way_to_end_is_told(void **state)
{
	struct story story;
	struct ct_findings findings;

	(void)state;
	begin(&story, CT_KIND_DEADLINE, 3, 3);
	story_cancel(&story, FIRST, CT_REASON_DEADLINE);
	story_cancel(&story, FIRST + 16, CT_REASON_PARENT);
	story_cancel(&story, FIRST + 32, CT_REASON_FREED);
	findings = story_detect(&story);
	assert_non_null(strstr(only(&findings, CT_FINDING_LEAKED_TIMER)->evidence,
			       "all ended later, with their parent or at their deadline or when they were freed"));
	story_end(&story, &findings);
}

static void the_owners_cancel_is_no_finding(void **state)
{
	struct story story;
	struct ct_findings findings;

	(void)state;
	begin(&story, CT_KIND_CANCEL, 3, 3);
	end_first(&story, 3, CT_REASON_EXPLICIT);
	findings = story_detect(&story);
	assert_int_equal(findings.count, 0);
	story_end(&story, &findings);
}

/* C: two ended proven, two across a gap suspected; each keeps its own finding. */
static void weak_ones_are_not_mixed_with_them(void **state)
{
	struct story story;
	struct ct_findings findings;

	(void)state;
	story_begin(&story, CT_RUNTIME_C);
	story_site(&story, 1, "main", 10, 0);
	story_site(&story, 2, "work", 20, 0);
	story_create(&story, STORY_ROOT, 0, 1, 1, CT_KIND_CANCEL);
	for (uint32_t i = 0; i < 4; i++) {
		story_create(&story, FIRST + 16 * i, STORY_ROOT, 7, 2, CT_KIND_CANCEL);
		story_abandon(&story, FIRST + 16 * i);
	}
	story_wait(&story, 20);
	end_first(&story, 2, CT_REASON_PARENT);
	story_gap(&story);
	findings = story_detect(&story);
	assert_int_equal(findings.count, 2);
	assert_int_equal(findings.list[0].confidence, CT_CONFIDENCE_CONFIRMED);
	assert_int_equal(findings.list[0].count, 2);
	assert_int_equal(findings.list[0].live, 0);
	assert_string_equal(findings.list[0].evidence,
			    "the last user reference of each of 2 was dropped without cancel; all ended later, with their "
			    "parent");
	assert_int_equal(findings.list[1].confidence, CT_CONFIDENCE_SUSPECTED);
	assert_int_equal(findings.list[1].count, 2);
	assert_int_equal(findings.list[1].live, 2);
	ct_findings_done(&findings);

	story_counter(&story, CT_COUNTER_READ_CANCEL, 1); // lost without a trace: everything is a suspicion
	findings = story_detect(&story);
	assert_int_equal(findings.count, 1);
	assert_int_equal(findings.list[0].confidence, CT_CONFIDENCE_SUSPECTED);
	assert_int_equal(findings.list[0].count, 4);
	assert_int_equal(findings.list[0].live, 2);
	story_end(&story, &findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_alive),
		cmocka_unit_test(some_alive),
		cmocka_unit_test(severity_counts_the_losses),
		cmocka_unit_test(every_way_to_end_is_told),
		cmocka_unit_test(the_owners_cancel_is_no_finding),
		cmocka_unit_test(weak_ones_are_not_mixed_with_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
