// SPDX-License-Identifier: Apache-2.0
/* The timeline: what is kept of contexts that ended, and how lives lie on lanes. */
#include "report/trace_lanes.h"
#include "report_story.h"

#include <stdlib.h>

static void timeline_of(struct ct_timeline *timeline, const struct tale *tale)
{
	const struct ct_snapshot snapshot = {.tree = tale->tree, .now_ns = tale->now_ns};

	assert_int_equal(ct_timeline_make(&snapshot, timeline), 0);
}

static void tale_with(struct tale *tale, uint32_t most)
{
	tale_begin(tale, &(struct ct_tree_options){.max_lifetimes = most});
	tale->is_unchecked = true;
}

/* On each lane: apart, or one within the other, and not too deep. */
static void expect_nested(const struct ct_timeline *timeline)
{
	for (uint32_t lane = 1; lane <= timeline->lanes_count; lane++) {
		uint64_t open[CT_LANE_DEPTH_MAX];
		size_t depth = 0;

		for (size_t i = 0; i < timeline->count; i++) {
			const struct ct_lifetime *life = &timeline->lives[i].of;

			if (timeline->lives[i].lane != lane)
				continue;
			assert_int_equal(life->task, timeline->lanes[lane - 1].task);
			while (depth && open[depth - 1] <= life->begin_ns)
				depth--;
			assert_true(depth < CT_LANE_DEPTH_MAX);
			assert_true(!depth || life->end_ns <= open[depth - 1]);
			open[depth++] = life->end_ns;
		}
	}
}

static void lives_that_nest_share_a_lane(void **state)
{
	struct ct_timeline timeline;
	struct tale tale;

	(void)state;
	tale_with(&tale, 100);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background path=1 task=7\n"
		    "+1ms create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=1 task=7\n"
		    "+1ms cancel context=0x20 reason=explicit\n+1ms cancel context=0x10 reason=explicit\n"
		    "+0 create context=0x10 kind=cancel parent_kind=background path=1 task=7\n" // where the other ended
		    "+1ms create context=0x30 kind=cancel parent_kind=background path=1 task=8\n"
		    "+1ms cancel context=0x10 reason=deadline\n+1ms cancel context=0x30 reason=explicit\n");
	timeline_of(&timeline, &tale);
	assert_int_equal(timeline.count, 4);
	assert_int_equal(timeline.lanes_count, 2);
	assert_int_equal(timeline.left_out, 0);
	expect_nested(&timeline);
	assert_int_equal(timeline.lives[2].of.reason, CT_REASON_DEADLINE);
	ct_timeline_done(&timeline);
	tale_end(&tale);
}

static void lives_that_overlap_lie_on_two_lanes(void **state)
{
	struct ct_timeline timeline;
	struct rendering rendering;
	struct tale tale;

	(void)state;
	tale_with(&tale, 100);
	tell(&tale, "+0 target pid=9 runtime=go exe=/srv/shop\n"
		    "+0 create context=0x10 kind=cancel parent_kind=background path=1 task=7\n"
		    "+1ms create context=0x20 kind=cancel parent_kind=background path=1 task=7\n"
		    "+1ms cancel context=0x10 reason=explicit\n+1ms cancel context=0x20 reason=explicit\n"
		    "+0 create context=0x40 kind=cancel parent_kind=background path=1\n");
	timeline_of(&timeline, &tale);
	assert_int_equal(timeline.lanes_count, 3);
	expect_nested(&timeline);
	ct_timeline_done(&timeline);
	render(&rendering, &tale, "trace");
	expect_in(&rendering, "\"name\":\"goroutine 7\"");
	expect_in(&rendering, "\"name\":\"goroutine 7 (2)\"");
	expect_in(&rendering, "\"name\":\"made by nobody known\"");
	expect_in(&rendering, "\"ts\":1000000,\"dur\":2000,"); // microseconds
	rendering_done(&rendering);
	tale_end(&tale);
}

static void depth_and_lanes_are_bounded(void **state)
{
	const unsigned int room = CT_LANE_DEPTH_MAX * CT_LANES_MAX;
	struct ct_timeline timeline;
	struct tale tale;

	(void)state;
	tale_with(&tale, 1);
	for (unsigned int i = 0; i < room + 5; i++)
		tellf(&tale, "+1us create context=0x%x kind=cancel parent_kind=background path=1 task=7", 0x1000 + 16 * i);
	tell(&tale, "+1us tick\n");
	timeline_of(&timeline, &tale);
	assert_int_equal(timeline.count, room + 5);
	assert_int_equal(timeline.lanes_count, CT_LANES_MAX);
	assert_int_equal(timeline.left_out, 5);
	expect_nested(&timeline);
	ct_timeline_done(&timeline);
	tale_end(&tale);
}

static void the_latest_are_kept_and_the_others_counted(void **state)
{
	struct ct_timeline timeline;
	struct tale tale;
	uint64_t forgotten;
	size_t count;

	(void)state;
	tale_with(&tale, 3);
	for (unsigned int i = 0; i < 10; i++)
		tellf(&tale, "+1ms create context=0x%x kind=cancel parent_kind=background path=1 task=%u",
		      0x10 + 16 * i, i + 1);
	for (unsigned int i = 0; i < 10; i++)
		tellf(&tale, "+1ms cancel context=0x%x reason=explicit", 0x10 + 16 * i);
	assert_non_null(ct_tree_lifetimes(tale.tree, &count, &forgotten));
	assert_int_equal(count, 3);
	assert_int_equal(forgotten, 7);
	timeline_of(&timeline, &tale);
	assert_int_equal(timeline.left_out, 7);
	assert_int_equal(timeline.lives[0].of.task, 8);
	assert_int_equal(timeline.lives[2].of.task, 10);
	ct_timeline_done(&timeline);
	tale_end(&tale);
}

static void nothing_is_kept_unasked(void **state)
{
	struct ct_timeline timeline;
	struct tale tale;
	uint64_t forgotten;
	size_t count;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background path=1\n+1s cancel context=0x10 reason=explicit\n");
	assert_null(ct_tree_lifetimes(tale.tree, &count, &forgotten));
	assert_int_equal(count + forgotten, 0);
	timeline_of(&timeline, &tale);
	assert_int_equal(timeline.count, 0);
	ct_timeline_done(&timeline);
	tale_end(&tale);
}

/* An exec, a reused address, an end that comes before its beginning: each is an end. */
static void every_end_is_told(void **state)
{
	struct ct_timeline timeline;
	struct tale tale;

	(void)state;
	tale_with(&tale, 100);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background path=1 task=1\n"
		    "+1s create context=0x10 kind=cancel parent_kind=background path=1 task=2\n" // frees the first
		    "-500ms cancel context=0x10 reason=explicit\n"
		    "+1s create context=0x20 kind=cancel parent_kind=background path=1 task=3\n+1s exec\n");
	timeline_of(&timeline, &tale);
	assert_int_equal(timeline.count, 3);
	for (size_t i = 0; i < timeline.count; i++)
		assert_true(timeline.lives[i].of.end_ns >= timeline.lives[i].of.begin_ns);
	assert_int_equal(timeline.lives[0].of.reason, CT_REASON_FREED);
	assert_int_equal(timeline.lives[2].of.end_ns - timeline.lives[2].of.begin_ns, CT_NSEC_PER_SEC);
	ct_timeline_done(&timeline);
	tale_end(&tale);
}

static void random_lives_nest(void **state)
{
	struct ct_timeline timeline;
	uint32_t seed = 12345;
	struct tale tale;

	(void)state;
	tale_with(&tale, 5000);
	for (unsigned int i = 0; i < 5000; i++) {
		unsigned int context, task;

		seed = seed * 1664525 + 1013904223;
		context = 0x1000 + 16 * (seed >> 24);
		task = (seed >> 16) % 5;
		if (ct_tree_find(tale.tree, context))
			tellf(&tale, "+1us cancel context=0x%x reason=explicit", context);
		else
			tellf(&tale, "+1us create context=0x%x kind=cancel parent_kind=background path=1 task=%u", context, task);
	}
	timeline_of(&timeline, &tale);
	assert_true(timeline.count > 2000);
	assert_int_equal(timeline.left_out, 0);
	expect_nested(&timeline);
	ct_timeline_done(&timeline);
	tale_end(&tale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lives_that_nest_share_a_lane),
		cmocka_unit_test(lives_that_overlap_lie_on_two_lanes),
		cmocka_unit_test(depth_and_lanes_are_bounded),
		cmocka_unit_test(the_latest_are_kept_and_the_others_counted),
		cmocka_unit_test(nothing_is_kept_unasked),
		cmocka_unit_test(every_end_is_told),
		cmocka_unit_test(random_lives_nest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
