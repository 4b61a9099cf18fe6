// SPDX-License-Identifier: Apache-2.0
/*
 * Out of memory at each allocation: the Nth request fails, for every N until none does. Whatever fails, fails before it
 * changed anything, and the same event succeeds when memory is there again. So the story, told with a failure at N and
 * one retry, ends exactly as without: same report, no byte left over.
 */
#include "ctxtrace/detect.h"
#include "ctxtrace/explain.h"
#include "tree_story.h"

#include <inttypes.h>

#define CONTEXTS 80u

/* Touches every handler, and grows every list, map and slab beyond its first size. */
static void write_story(struct ct_text *text)
{
	ct_text_add(text, "+0 target pid=7 runtime=go exe=/bin/shop version=go1.26 build_id=ab\n"
			  "+0 provider name=go attach_points=5\n+0 begin wall_clock_ns=1\n"
			  "+0 create context=0x1000 kind=cancel parent_kind=background path=1 task=1\n");
	for (unsigned int i = 0; i < CONTEXTS; i++) {
		ct_text_addf(text, "+1ms site path=%u frame=main.f%u|main.go|%u\n", 2 + i, i, i);
		ct_text_addf(text, "+0 task_start task=%u creator=1\n", 100 + i);
		ct_text_addf(text,
			     "+0 create context=0x%x parent=0x%x kind=%s parent_kind=cancel path=%u task=%u "
			     "deadline=+1h\n",
			     0x2000 + 16 * i, i % 3 ? 0x1000 : 0x9000 + 16 * i, i % 2 ? "cancel" : "deadline", 2 + i,
			     100 + i);
		ct_text_addf(text, "+0 create context=0x%x parent=0x%x kind=%s parent_kind=cancel path=%u task=%u\n",
			     0x5000 + 16 * i, 0x2000 + 16 * i, i % 5 ? "cancel" : "after_func", 2 + i, 100 + i);
		if (i % 4 == 0)
			ct_text_addf(text, "+1ms cancel context=0x%x reason=explicit path=%u\n", 0x2000 + 16 * i,
				     500 + i);
		if (i % 8 == 0)
			ct_text_addf(text, "+0 cancel context=0x%x reason=parent\n+0 cancel_call context=0x%x path=3\n",
				     0x5000 + 16 * i, 0x5000 + 16 * i);
		if (i % 2)
			ct_text_addf(text, "+0 task_end task=%u\n", 100 + i);
	}
	// More causes and deadlines than the first tables hold; each deadline fires with some below it.
	for (unsigned int i = 0; i < CONTEXTS; i++) {
		ct_text_addf(text, "+0 create context=0x20000 kind=deadline parent_kind=background path=%u deadline=+10ms\n",
			     2 + i);
		for (unsigned int k = 0; k < 10; k++)
			ct_text_addf(text, "+0 create context=0x%x parent=0x20000 kind=cancel parent_kind=cancel path=%u\n",
				     0x20100 + 16 * k, 2 + k);
		for (unsigned int k = 0; k < 9; k++)
			ct_text_addf(text, "+1ms cancel context=0x%x reason=explicit path=3\n", 0x20100 + 16 * k);
		ct_text_addf(text, "+1ms cause context=0x20000 type=t text=number%u\n", i);
		ct_text_add(text, "+0 cancel context=0x20000 reason=deadline\n+0 cancel context=0x20190 reason=parent\n");
	}
	ct_text_add(text, "+0 abandon context=0x7000\n+0 request context=0x7010 task=5\n"
			  "+0 request context=0x1000\n+0 free context=0x2010\n+0 cancel_call context=0x2020\n"
			  "+0 cancel context=0x7770 reason=deadline\n+0 gap from=-1ms to=+0 lost=1\n"
			  "+0 counters read_stack=1\n+0 stack path=1 frame=0x1\n");
	ct_text_add(text, "+0 site path=900 flags=request|served-by-maker frame=net/http.(*conn).readRequest|s.go|1|stdlib\n"
			  "+0 site path=901 frame=main.h|m.go|2 frame=net/http.HandlerFunc.ServeHTTP|s.go|3|stdlib\n"
			  "+0 create context=0x7100 parent_kind=background kind=cancel task=300 path=900\n"
			  "+0 task_start task=301 creator=300 context=0x7100 path=901\n"
			  "+0 goroutine task=300 created=900 entry=900 at=901 state=waiting reason=select\n"
			  "+0 request task=300 flags=stream\n");
	for (unsigned int scan = 1; scan <= 4; scan++) {
		ct_text_addf(text, "+5s scan_begin scan=%u began=-1ms collections=%u flags=complete\n", scan, 2 * scan);
		for (unsigned int i = 0; i < CONTEXTS; i++)
			ct_text_addf(text,
				     "+0 observed context=0x%x parent=0x1000 scan=%u kind=cancel parent_kind=cancel "
				     "state=%s retained=parent\n",
				     0x5000 + 16 * i, scan, i % 3 ? "lost" : "undecided");
		ct_text_addf(text,
			     "+0 observed context=0x%x parent=0x8800 scan=%u kind=cancel parent_kind=cancel "
			     "state=held\n",
			     0x8000 + 16 * scan, scan);
		ct_text_addf(text, "+0 scan_end scan=%u began=-1ms collections=%u flags=complete\n", scan, 2 * scan);
	}
	for (unsigned int i = 0; i < CONTEXTS; i++) {
		ct_text_addf(text,
			     "+0 goroutine task=%u created=%u entry=%u at=%u state=waiting reason=select "
			     "context=0x%x context_state=lost flags=waits\n",
			     100 + i, 2 + i, 3 + i, 800 + i, 0x5000 + 16 * i);
		ct_text_addf(text, "+0 holder context=0x%x hop=0 kind=closure name=main.f%u group=%u of=9\n",
			     0x5000 + 16 * i, i % 20, i % 12);
		ct_text_addf(text,
			     "+0 holder context=0x%x hop=1 kind=global name=main.pending group=%u of=9 flags=last\n",
			     0x5000 + 16 * i, i % 12);
	}
	ct_text_add(text, "+20s tick\n+0 end reason=signal\n");
}

static void describe_explained(struct ct_text *text, const struct ct_tree *tree)
{
	size_t count;
	const struct ct_goroutine_group *goroutines = ct_tree_goroutines(tree, &count);
	const struct ct_held_group *held;

	ct_text_addf(text, "\n%" PRIu64, ct_tree_goroutine_totals(tree)->seen);
	for (size_t i = 0; i < count; i++)
		ct_text_addf(text, "\n%u %u %s %" PRIu64, goroutines[i].created, goroutines[i].at,
			     goroutines[i].reason, goroutines[i].waits_lost);
	held = ct_tree_held(tree, &count);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < held[i].chains_count; j++)
			ct_text_addf(text, "\n%u %" PRIu64 " %" PRIu64 " %s", held[i].number, held[i].sampled,
				     held[i].chains[j].count, held[i].chains[j].hops[0].name);
}

static void describe_deadlines(struct ct_text *text, const struct ct_tree *tree)
{
	size_t count;
	uint64_t untold;
	const struct ct_deadline *const *deadlines = ct_tree_deadlines(tree, &count, &untold);

	for (size_t i = 0; i < count; i++) {
		ct_text_addf(text, "\n%u %" PRIu64 " %" PRIu64, deadlines[i]->site, deadlines[i]->fired,
			     deadlines[i]->untold + untold);
		for (uint32_t k = 0; k < deadlines[i]->children_count; k++)
			ct_text_addf(text, " %u:%d", deadlines[i]->children[k].site,
				     ct_deadline_child_used(&deadlines[i]->children[k], 0.5));
	}
}

/* Everything that can be seen of a tree, as text. */
static void describe(struct ct_text *text, const struct ct_tree *tree)
{
	const struct ct_totals *totals = ct_tree_totals(tree);
	size_t count;
	const struct ct_cancel_group *groups = ct_tree_cancels(tree, &count);

	ct_text_clear(text);
	for (size_t i = 0; i < sizeof(*totals) / sizeof(uint64_t); i++)
		ct_text_addf(text, "%" PRIu64 " ", ((const uint64_t *)totals)[i]);
	for (uint32_t i = 0; i < ct_tree_end(tree); i++) {
		const struct ct_context *context = ct_tree_context(tree, i);

		if (context)
			ct_text_addf(text, "\n%u: %" PRIu64 " 0x%" PRIx64 " %x %u %u %u", i, (uint64_t)context->id,
				     context->address, context->state, context->parent, context->site,
				     context->children);
	}
	for (uint32_t i = 0; i < ct_tree_sites(tree); i++) {
		const struct ct_site *site = ct_tree_site(tree, i);

		ct_text_addf(text, "\n%u: %u %u %" PRIu64 " %" PRIu64, i, site->path, site->frames, site->created,
			     site->live);
	}
	for (size_t i = 0; i < count; i++) {
		const struct ct_cause *cause = ct_tree_cause(tree, groups[i].causes[0].cause);

		ct_text_addf(text, "\n%u %u %u %" PRIu64 " %s %" PRIu64, groups[i].site, groups[i].by, groups[i].reason,
			     groups[i].count, cause ? cause->text : "", groups[i].other_causes);
	}
	describe_deadlines(text, tree);
	describe_explained(text, tree);
	assert_false(text->failed);
}

/* One telling, in which the `left`th request fails once. */
struct telling {
	struct meter meter;
	struct ct_tree *tree;
	struct ct_text before, after;
	int refusals;
};

/* A refused event must not have changed a thing; then there is memory again, and it must succeed. */
static int take(void *opaque, const struct ct_event *event)
{
	struct telling *telling = opaque;
	bool may_fail = telling->meter.left >= 0 && telling->meter.left < 24;
	int rc;

	if (may_fail)
		describe(&telling->before, telling->tree);
	rc = ct_tree_apply(telling->tree, event, NULL);
	if (!rc)
		return 0;
	assert_int_equal(rc, -ENOMEM);
	assert_true(may_fail);
	telling->refusals++;
	describe(&telling->after, telling->tree);
	assert_string_equal(telling->after.data, telling->before.data);
	telling->meter.left = METER_NEVER;
	return ct_tree_apply(telling->tree, event, NULL);
}

static void tell_with_failure_at(struct telling *telling, const char *story, int left, struct ct_text *outcome)
{
	struct ct_error error = CT_ERROR_INIT;

	meter_init(&telling->meter, left);
	telling->tree = ct_tree_new(&telling->meter.allocator, &(struct ct_tree_options){.max_lifetimes = 8});
	if (!telling->tree) {
		assert_int_equal(telling->meter.blocks, 0);
		telling->refusals++;
		return;
	}
	if (ct_event_text_parse(story, take, telling, &error))
		fail_msg("failure %d: %s", left, error.message);
	assert_null(tree_check(telling->tree));
	describe(outcome, telling->tree);
	ct_tree_free(telling->tree);
	assert_int_equal(telling->meter.blocks, 0);
	assert_int_equal(telling->meter.bytes, 0);
}

static void a_story_survives_each_failure(void **state)
{
	struct ct_text story = {0}, expected = {0}, outcome = {0};
	struct telling telling = {.refusals = 0};
	int requests;

	(void)state;
	write_story(&story);
	tell_with_failure_at(&telling, story.data, METER_NEVER, &expected);
	requests = telling.meter.requests;
	assert_true(requests > 100);
	for (int left = 0; left < requests; left++) {
		ct_text_clear(&outcome);
		tell_with_failure_at(&telling, story.data, left, &outcome);
		if (outcome.length)
			assert_string_equal(outcome.data, expected.data);
	}
	assert_true(telling.refusals > 100); // a map that may not grow yet lets the event pass
	ct_text_done(&story);
	ct_text_done(&expected);
	ct_text_done(&outcome);
	ct_text_done(&telling.before);
	ct_text_done(&telling.after);
}

/* Memory is gone for good: every event is refused or taken, and the tree stays whole and is freed whole. */
static int take_or_leave(void *opaque, const struct ct_event *event)
{
	struct telling *telling = opaque;
	int rc = ct_tree_apply(telling->tree, event, NULL);

	assert_true(rc == 0 || rc == -ENOMEM);
	telling->refusals += rc != 0;
	return 0;
}

static void without_any_more_memory_the_tree_stays_whole(void **state)
{
	struct ct_text story = {0};
	int refused = 0;

	(void)state;
	write_story(&story);
	for (int left = 4; left < 150; left++) {
		struct telling telling = {.refusals = 0};

		meter_init(&telling.meter, left);
		telling.tree = ct_tree_new(&telling.meter.allocator, &(struct ct_tree_options){.max_lifetimes = 8});
		if (!telling.tree)
			continue;
		assert_int_equal(ct_event_text_parse(story.data, take_or_leave, &telling, NULL), 0);
		assert_null(tree_check(telling.tree));
		ct_tree_free(telling.tree);
		assert_int_equal(telling.meter.blocks, 0);
		refused += telling.refusals > 0;
	}
	assert_true(refused > 50);
	ct_text_done(&story);
}

/* The detectors on the same story: no findings or all of them. */
static void detectors_give_all_or_nothing(void **state)
{
	struct ct_detect_options options = {.min_age_ns = CT_NSEC_PER_SEC, .grace_ns = CT_NSEC_PER_SEC};
	struct ct_text story = {0};
	struct telling telling = {.refusals = 0};
	struct ct_findings expected, findings;
	struct meter meter;
	uint64_t now_ns;
	int failures = 0, rc;

	(void)state;
	write_story(&story);
	meter_init(&telling.meter, METER_NEVER);
	telling.tree = ct_tree_new(&telling.meter.allocator, NULL);
	assert_int_equal(ct_event_text_parse(story.data, take, &telling, NULL), 0);
	now_ns = ct_tree_window(telling.tree)->now_ns;
	assert_int_equal(ct_detect_run(telling.tree, now_ns, &options, &telling.meter.allocator, &expected), 0);
	assert_true(expected.count > 30 && expected.undecided_count > 5);
	for (;; failures++) {
		findings = (struct ct_findings){.count = 77};
		meter_init(&meter, failures);
		rc = ct_detect_run(telling.tree, now_ns, &options, &meter.allocator, &findings);
		if (!rc)
			break;
		assert_int_equal(rc, -ENOMEM);
		assert_int_equal(findings.count, 77);
		assert_int_equal(meter.blocks, 0);
	}
	assert_true(failures > 5);
	assert_int_equal(findings.count, expected.count);
	assert_int_equal(findings.undecided_count, expected.undecided_count);
	for (size_t i = 0; i < findings.count; i++)
		assert_int_equal(findings.list[i].fingerprint, expected.list[i].fingerprint);
	ct_findings_done(&findings);
	assert_int_equal(meter.blocks, 0);
	ct_findings_done(&expected);
	ct_tree_free(telling.tree);
	assert_int_equal(telling.meter.blocks, 0);
	ct_text_done(&story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_story_survives_each_failure),
		cmocka_unit_test(without_any_more_memory_the_tree_stays_whole),
		cmocka_unit_test(detectors_give_all_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
