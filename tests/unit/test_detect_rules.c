// SPDX-License-Identifier: Apache-2.0
/* Each rule at its bounds: one more finds it, one less is silent. */
#include "detect_story.h"

#include <stdlib.h>

#define FIRST UINT64_C(0x10000)

static void begin_with_root(struct story *story, uint8_t runtime)
{
	story_begin(story, runtime);
	story_site(story, 1, "main.main", 10, 0);
	story_site(story, 2, "main.work", 20, 0);
	story_create(story, STORY_ROOT, 0, 1, 1, CT_KIND_CANCEL);
}

/* How many findings of this kind; all others must be absent. */
static size_t count_only(const struct ct_findings *findings, enum ct_finding_kind kind)
{
	for (size_t i = 0; i < findings->count; i++)
		assert_int_equal(findings->list[i].kind, kind);
	return findings->count;
}

static size_t lost_findings_at_age(uint64_t age_ns)
{
	struct story story;
	struct ct_findings findings;
	size_t count;

	begin_with_root(&story, CT_RUNTIME_GO);
	story_create(&story, FIRST, STORY_ROOT, 7, 2, CT_KIND_CANCEL);
	story_lose(&story, FIRST, 1, CT_RETAINED_PARENT);
	story.now_ns = STORY_BEGIN_NS + age_ns;
	story_mark(&story, CT_EVENT_TICK);
	findings = story_detect(&story);
	count = count_only(&findings, CT_FINDING_LOST_CANCEL);
	story_end(&story, &findings);
	return count;
}

static void min_age_is_inclusive(void **state)
{
	(void)state;
	assert_int_equal(lost_findings_at_age(10 * CT_NSEC_PER_SEC - 1), 0);
	assert_int_equal(lost_findings_at_age(10 * CT_NSEC_PER_SEC), 1);
}

static struct ct_findings lose_timers(struct story *story, uint64_t wait_s, bool is_scanned_after)
{
	begin_with_root(story, CT_RUNTIME_GO);
	story_create(story, FIRST, STORY_ROOT, 7, 2, CT_KIND_DEADLINE);
	story_create(story, FIRST + 16, STORY_ROOT, 7, 2, CT_KIND_DEADLINE);
	story_lose(story, FIRST, 2, CT_RETAINED_PARENT | CT_RETAINED_TIMER);
	story_wait(story, wait_s);
	if (is_scanned_after) {
		story_scan(story, CT_EVENT_SCAN_BEGIN, 3);
		story_scan(story, CT_EVENT_SCAN_END, 3);
		story_wait(story, 1);
	}
	return story_detect(story);
}

static void timer_is_leaked_until_its_deadline(void **state)
{
	struct story story;
	struct ct_findings findings;

	(void)state;
	findings = lose_timers(&story, 3500, false);
	assert_int_equal(count_only(&findings, CT_FINDING_LEAKED_TIMER), 1);
	assert_int_equal(findings.list[0].severity, CT_SEVERITY_LEAK);
	assert_int_equal(findings.list[0].retained_bytes, 2 * 272);
	assert_non_null(strstr(findings.list[0].evidence, "the last timer fires in 96.0 s"));
	story_end(&story, &findings);

	findings = lose_timers(&story, 3600, false); // fired since; nobody looked again
	assert_int_equal(findings.count, 0);
	story_end(&story, &findings);

	findings = lose_timers(&story, 3600, true); // alive after its deadline: no timer is armed
	assert_int_equal(count_only(&findings, CT_FINDING_LOST_CANCEL), 1);
	story_end(&story, &findings);
}

/* One cancel function each `step_ms`, spread over the tasks. */
static struct ct_findings defer_many(struct story *story, uint32_t count, uint64_t tasks, uint64_t step_ms)
{
	begin_with_root(story, CT_RUNTIME_GO);
	for (uint64_t task = 0; task < tasks; task++)
		story_task(story, 7 + task, false);
	for (uint32_t i = 0; i < count; i++) {
		story->now_ns += step_ms * CT_NSEC_PER_MSEC;
		story_create(story, FIRST + 16 * i, STORY_ROOT, 7 + i % tasks, 2, CT_KIND_CANCEL);
	}
	story_wait(story, 12);
	story_scan(story, CT_EVENT_SCAN_BEGIN, 2);
	for (uint32_t i = 0; i < count; i++)
		story_observe(story, FIRST + 16 * i, CT_OBSERVED_HELD, CT_RETAINED_PARENT, 7 + i % tasks);
	story_scan(story, CT_EVENT_SCAN_END, 2);
	return story_detect(story);
}

static void defers_pile_up_on_one_goroutine(void **state)
{
	struct story story;
	struct ct_findings findings;

	(void)state;
	findings = defer_many(&story, 49, 1, 100);
	assert_int_equal(findings.count, 0);
	story_end(&story, &findings);
	findings = defer_many(&story, 50, 1, 100);
	assert_int_equal(count_only(&findings, CT_FINDING_DEFER_IN_LOOP), 1);
	assert_int_equal(findings.list[0].count, 50);
	assert_int_equal(findings.list[0].severity, CT_SEVERITY_LEAK);
	story_end(&story, &findings);
	findings = defer_many(&story, 200, 1, 0); // all at once, then it waits for them: a fan-out
	assert_int_equal(findings.count, 0);
	story_end(&story, &findings);
	findings = defer_many(&story, 1000, 1000, 100); // a thousand goroutines, each with one: a server
	assert_int_equal(findings.count, 0);
	story_end(&story, &findings);
	findings = defer_many(&story, 100, 2, 100);
	assert_int_equal(count_only(&findings, CT_FINDING_DEFER_IN_LOOP), 2);
	story_end(&story, &findings);
}

/* Registrations on the root whose stop functions are gone, one each `step_ms`; the last one `late_s` later. */
static size_t after_funcs(uint32_t count, uint64_t step_ms, uint64_t late_s)
{
	struct story story;
	struct ct_findings findings;
	size_t found;

	begin_with_root(&story, CT_RUNTIME_GO);
	for (uint32_t i = 0; i < count; i++) {
		story.now_ns += step_ms * CT_NSEC_PER_MSEC;
		if (i + 1 == count)
			story_wait(&story, late_s);
		story_create(&story, FIRST + 16 * i, STORY_ROOT, 7, 2, CT_KIND_AFTER_FUNC);
	}
	story_lose(&story, FIRST, count, CT_RETAINED_PARENT);
	story_wait(&story, 15);
	findings = story_detect(&story);
	found = count_only(&findings, CT_FINDING_UNSTOPPED_AFTER_FUNC);
	story_end(&story, &findings);
	return found;
}

static void after_funcs_must_pile_up_and_grow(void **state)
{
	(void)state;
	assert_int_equal(after_funcs(1, 100, 0), 0);
	assert_int_equal(after_funcs(19, 100, 0), 0);
	assert_int_equal(after_funcs(20, 100, 0), 1);
	assert_int_equal(after_funcs(200, 0, 0), 0); // all at once: start-up
	assert_int_equal(after_funcs(200, 0, 60), 0); // and one straggler
	assert_int_equal(after_funcs(200, 7, 0), 1);
}

/* `ended` short lives at the site, then one whose maker ends, alive for `age_s`. */
static struct ct_findings orphan(struct story *story, uint32_t ended, uint64_t age_s, bool is_collected)
{
	begin_with_root(story, CT_RUNTIME_GO);
	for (uint32_t i = 0; i < ended; i++) {
		story_create(story, FIRST + 16 * i, STORY_ROOT, 1, 2, CT_KIND_CANCEL);
		story->now_ns += CT_NSEC_PER_SEC;
		story_cancel(story, FIRST + 16 * i, CT_REASON_EXPLICIT);
	}
	story_task(story, 7, false);
	story_create(story, 0x90000, STORY_ROOT, 7, 2, CT_KIND_CANCEL);
	story_task(story, 7, true);
	story_wait(story, age_s - 2);
	for (uint32_t collections = 2; is_collected && collections < 6; collections++) {
		story->now_ns += CT_NSEC_PER_SEC / 2;
		story_scan(story, CT_EVENT_SCAN_BEGIN, collections);
		story_scan(story, CT_EVENT_SCAN_END, collections);
	}
	story_wait(story, is_collected ? 0 : 2);
	return story_detect(story);
}

static void orphans_are_old_for_their_site(void **state)
{
	struct story story;
	struct ct_findings findings;

	(void)state;
	findings = orphan(&story, 100, 60, true);
	assert_int_equal(count_only(&findings, CT_FINDING_ORPHANED_CONTEXT), 1);
	assert_int_equal(findings.list[0].severity, CT_SEVERITY_WARNING);
	assert_int_equal(findings.list[0].confidence, CT_CONFIDENCE_SUSPECTED);
	assert_int_equal(findings.undecided_count, 0);
	story_end(&story, &findings);
	findings = orphan(&story, 99, 60, true); // nobody knows yet what is usual here
	assert_int_equal(findings.count, 0);
	assert_int_equal(findings.undecided_count, 0);
	story_end(&story, &findings);
	findings = orphan(&story, 100, 10, true); // not older than ten times one second
	assert_int_equal(findings.count, 0);
	story_end(&story, &findings);
	findings = orphan(&story, 100, 60, false); // held, or lost and not collected yet
	assert_int_equal(findings.count, 0);
	assert_int_equal(findings.undecided_count, 1);
	assert_int_equal(findings.undecided[0].count, 1);
	assert_int_equal(findings.undecided[0].oldest_ns, 60 * CT_NSEC_PER_SEC);
	assert_non_null(strstr(findings.undecided[0].why, "memory was not read"));
	story_end(&story, &findings);
}

static void abandon(struct story *story, uint8_t kind)
{
	begin_with_root(story, CT_RUNTIME_C);
	for (uint32_t i = 0; i < 3; i++) {
		story_create(story, FIRST + 16 * i, STORY_ROOT, 7, 2, kind);
		story_abandon(story, FIRST + 16 * i);
	}
	story_wait(story, 5);
}

static void abandoned_is_proof_until_events_are_lost(void **state)
{
	struct story story;
	struct ct_findings findings;

	(void)state;
	abandon(&story, CT_KIND_CANCEL);
	story_wait(&story, 10);
	findings = story_detect(&story);
	assert_int_equal(count_only(&findings, CT_FINDING_LOST_CANCEL), 1);
	assert_int_equal(findings.list[0].confidence, CT_CONFIDENCE_CONFIRMED);
	story_end(&story, &findings);

	abandon(&story, CT_KIND_CANCEL);
	story_gap(&story);
	story_wait(&story, 10);
	findings = story_detect(&story);
	assert_int_equal(count_only(&findings, CT_FINDING_LOST_CANCEL), 1);
	assert_int_equal(findings.list[0].confidence, CT_CONFIDENCE_SUSPECTED);
	story_end(&story, &findings);

	abandon(&story, CT_KIND_CANCEL);
	story_counter(&story, CT_COUNTER_READ_CANCEL, 1); // an end without a number, so no gap tells when
	story_wait(&story, 10);
	findings = story_detect(&story);
	assert_int_equal(findings.list[0].confidence, CT_CONFIDENCE_SUSPECTED);
	story_end(&story, &findings);

	abandon(&story, CT_KIND_CANCEL);
	story_counter(&story, CT_COUNTER_READ_STACK, 9); // names are missing, events are not
	story_wait(&story, 10);
	findings = story_detect(&story);
	assert_int_equal(findings.list[0].confidence, CT_CONFIDENCE_CONFIRMED);
	story_end(&story, &findings);
}

static void what_nothing_retains_is_not_reported(void **state)
{
	struct story story;
	struct ct_findings findings;

	(void)state;
	story_begin(&story, CT_RUNTIME_C);
	for (uint32_t i = 0; i < 3; i++) {
		story_create(&story, FIRST + 16 * i, 0, 7, 0, CT_KIND_CANCEL); // below Background
		story_abandon(&story, FIRST + 16 * i);
	}
	story_wait(&story, 15);
	findings = story_detect(&story);
	assert_int_equal(findings.count, 0);
	story_end(&story, &findings);

	begin_with_root(&story, CT_RUNTIME_GO);
	story_create(&story, FIRST, STORY_ROOT, 7, 2, CT_KIND_CANCEL);
	for (int scan = 0; scan < 3; scan++) {
		story_wait(&story, 5);
		story_scan(&story, CT_EVENT_SCAN_BEGIN, 2);
		story_observe(&story, FIRST, CT_OBSERVED_UNRETAINED, 0, 0);
		story_scan(&story, CT_EVENT_SCAN_END, 2);
	}
	findings = story_detect(&story);
	assert_int_equal(findings.count, 0);
	assert_int_equal(findings.undecided_count, 0);
	story_end(&story, &findings);
}

static void timer_retains_in_c_too(void **state)
{
	struct story story;
	struct ct_findings findings;

	(void)state;
	abandon(&story, CT_KIND_DEADLINE);
	story_wait(&story, 10);
	findings = story_detect(&story);
	assert_int_equal(count_only(&findings, CT_FINDING_LEAKED_TIMER), 1);
	assert_int_equal(findings.list[0].retained_by, CT_RETAINED_PARENT | CT_RETAINED_TIMER);
	story_end(&story, &findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(min_age_is_inclusive),
		cmocka_unit_test(timer_is_leaked_until_its_deadline),
		cmocka_unit_test(defers_pile_up_on_one_goroutine),
		cmocka_unit_test(after_funcs_must_pile_up_and_grow),
		cmocka_unit_test(orphans_are_old_for_their_site),
		cmocka_unit_test(abandoned_is_proof_until_events_are_lost),
		cmocka_unit_test(what_nothing_retains_is_not_reported),
		cmocka_unit_test(timer_retains_in_c_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
