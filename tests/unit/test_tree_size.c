// SPDX-License-Identifier: Apache-2.0
/*
 * The tree when it is large: bytes per context, work per event, depth. Nothing here looks at a clock: work is counted
 * in bytes that are copied and in blocks that are asked for.
 */
#include "ctxtrace/detect.h"
#include "tree_story.h"

#include <pthread.h>

#define MANY	   1000000u
#define SOME	   150000u /* enough for several replacements of the map and a hundred chunks */
#define ADDRESS(i) (UINT64_C(0xc000000000) + 96 * (uint64_t)(i))

/* Tree, sites and memories that do not depend on how many contexts live. */
#define FIXED_BYTES ((size_t)1 << 20)

static void make(struct tale *tale, uint32_t i, uint64_t parent)
{
	struct ct_event_create event = {
		.header = {.type = CT_EVENT_CREATE, .time_ns = tale->now_ns++},
		.context = ADDRESS(i),
		.parent = parent,
		.path = 1,
		.kind = CT_KIND_CANCEL,
		.parent_kind = parent ? CT_KIND_CANCEL : CT_KIND_BACKGROUND,
	};

	assert_int_equal(tale_apply(tale, &event, sizeof(event)), 0);
}

static void end(struct tale *tale, uint32_t i, uint8_t reason)
{
	struct ct_event_cancel event = {
		.header = {.type = CT_EVENT_CANCEL, .time_ns = tale->now_ns++},
		.context = ADDRESS(i),
		.reason = reason,
	};

	assert_int_equal(tale_apply(tale, &event, sizeof(event)), 0);
}

static void begin_large(struct tale *tale)
{
	tale_begin(tale, NULL);
	tale->is_unchecked = true;
}

/* At every size on the way, both tables of a map that is being replaced included. */
static void a_live_context_takes_72_bytes_at_most(void **state)
{
	struct tale tale;
	size_t fixed;

	(void)state;
	begin_large(&tale);
	fixed = tale.meter.bytes;
	assert_true(fixed <= FIXED_BYTES);
	for (uint32_t i = 0; i < MANY; i++) {
		make(&tale, i, 0);
		if (i >= 100000)
			assert_true(tale.meter.bytes - fixed <= 72 * ((size_t)i + 1) + FIXED_BYTES / 4);
	}
	assert_true(tale.meter.bytes - fixed <= 72 * (size_t)MANY);
	assert_int_equal(tale.totals->live, MANY);
	tale_end(&tale);
}

/*
 * No event waits for another size of anything: it asks for a bounded number of blocks, and none of those that grow by
 * copying is large. (A new table of the map is large and is not touched at once: unit.index_map.)
 */
static void no_event_stalls(void **state)
{
	struct tale tale;
	int requests;

	(void)state;
	begin_large(&tale);
	for (uint32_t i = 0; i < SOME; i++) {
		requests = tale.meter.requests;
		make(&tale, i, i % 10 ? ADDRESS(i - i % 10) : 0);
		assert_true(tale.meter.requests - requests <= (i ? 8 : 24)); // the first opens every room
		assert_true(tale.meter.moved <= 16384);
	}
	for (uint32_t i = 0; i < SOME; i++) {
		requests = tale.meter.requests;
		end(&tale, i, i % 10 ? CT_REASON_PARENT : CT_REASON_EXPLICIT);
		assert_true(tale.meter.requests - requests <= 8);
		assert_true(tale.meter.moved <= 16384);
	}
	assert_int_equal(tale.totals->live, 0);
	tale_end(&tale);
}

/* Contexts come and go for as long as a server runs; what is kept is what lives. */
static void a_long_life_needs_no_more_memory(void **state)
{
	struct tale tale;
	size_t early = 0;

	(void)state;
	begin_large(&tale);
	for (uint32_t i = 0; i < SOME; i++) {
		make(&tale, i, 0);
		if (i >= 1000)
			end(&tale, i - 1000, CT_REASON_EXPLICIT);
		if (i == SOME / 3)
			early = tale.meter.bytes;
	}
	assert_true(tale.meter.bytes <= early + early / 20);
	assert_null(tree_check(tale.tree));
	tale_end(&tale);
}

/* A chain of a million, ended from its top: each waits for the next, and the last takes all of them along. */
static void *chain_from_the_top(void *opaque)
{
	struct tale *tale = opaque;

	for (uint32_t i = 0; i < MANY; i++)
		make(tale, i, i ? ADDRESS(i - 1) : 0);
	assert_null(tree_check(tale->tree));
	for (uint32_t i = 0; i + 1 < MANY; i++)
		end(tale, i, i ? CT_REASON_PARENT : CT_REASON_DEADLINE);
	assert_int_equal(tale->totals->live, 1);
	assert_null(tree_check(tale->tree));
	end(tale, MANY - 1, CT_REASON_PARENT);
	assert_int_equal(tale->totals->live, 0);
	for (uint32_t i = 0; i < ct_tree_end(tale->tree); i++)
		assert_null(ct_tree_context(tale->tree, i));
	assert_int_equal(tale->totals->ended[CT_REASON_PARENT], MANY - 1);
	return NULL;
}

/* Detectors look up the chain too; a million times a million would never end. */
static void *detect_in_a_chain(void *opaque)
{
	struct ct_detect_options options = {.min_age_ns = 1, .grace_ns = 1};
	struct tale *tale = opaque;
	struct ct_findings findings;
	int rc;

	tell(tale, "+0 target pid=1 runtime=c\n+0 begin\n");
	for (uint32_t i = 0; i < MANY / 20; i++)
		make(tale, i, i ? ADDRESS(i - 1) : 0);
	tellf(tale, "+0 request context=0x%llx", (unsigned long long)ADDRESS(7));
	for (uint32_t i = 1; i < MANY / 20; i++)
		tellf(tale, "+0 abandon context=0x%llx", (unsigned long long)ADDRESS(i));
	rc = ct_detect_run(tale->tree, tale->now_ns + 10 * CT_NSEC_PER_SEC, &options, &tale->meter.allocator,
			   &findings);
	assert_int_equal(rc, 0);
	assert_int_equal(findings.count, 3);
	assert_int_equal(findings.list[0].kind, CT_FINDING_LOST_CANCEL);
	assert_int_equal(findings.list[1].kind, CT_FINDING_UNBOUNDED_REQUEST);
	assert_int_equal(findings.list[2].kind, CT_FINDING_DEEP_CHAIN);
	assert_int_equal(findings.list[2].severity, CT_SEVERITY_HINT); // made at once
	assert_int_equal(findings.list[0].count, MANY / 20 - 1);
	ct_findings_done(&findings);
	return NULL;
}

/* On a stack too small for any recursion over the chain: with ten bytes a level it would not fit. */
static void on_a_small_stack(void *(*body)(void *opaque))
{
	struct tale tale;
	pthread_attr_t attributes;
	pthread_t thread;

	begin_large(&tale);
	assert_int_equal(pthread_attr_init(&attributes), 0);
	assert_int_equal(pthread_attr_setstacksize(&attributes, 256 * 1024), 0);
	assert_int_equal(pthread_create(&thread, &attributes, body, &tale), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attributes);
	tale_end(&tale);
}

static void a_million_deep_chain_is_no_recursion(void **state)
{
	(void)state;
	on_a_small_stack(chain_from_the_top);
}

static void detectors_walk_deep_chains(void **state)
{
	(void)state;
	on_a_small_stack(detect_in_a_chain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_live_context_takes_72_bytes_at_most),
		cmocka_unit_test(no_event_stalls),
		cmocka_unit_test(a_long_life_needs_no_more_memory),
		cmocka_unit_test(a_million_deep_chain_is_no_recursion),
		cmocka_unit_test(detectors_walk_deep_chains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
