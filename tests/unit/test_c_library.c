// SPDX-License-Identifier: Apache-2.0
/* The census of libctxtrace-context: of this very process, to the last context; and of memory that lies. */
#include "ctxtrace/context.h"
#include "ctxtrace/context_census.h"
#include "fake_memory.h"
#include "memory/c_library.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

extern const struct cctx_census cctx_census_v1;

static struct ct_census_result read_self(void)
{
	struct ct_census *census = NULL;
	struct ct_census_result result;

	assert_int_equal(ct_census_new_c(getpid(), (uint64_t)(uintptr_t)&cctx_census_v1, &census, NULL), 0);
	assert_int_equal(ct_census_scan(census, NULL, NULL, &result, NULL), 0);
	ct_census_free(census);
	assert_true(result.is_complete);
	return result;
}

static const struct ct_census_context *seen(const struct ct_census_result *result, const void *ctx)
{
	return ct_census_find(result, (uint64_t)(uintptr_t)ctx);
}

static void every_live_context_is_found(void **state)
{
	cctx_t *top = cctx_with_cancel(cctx_background()), *todo = cctx_with_timeout(cctx_todo(), 3600 * CCTX_SECOND);
	cctx_t *held = cctx_with_cancel(top), *lost = cctx_with_cancel(top), *timer = cctx_with_timeout(top, CCTX_SECOND * 60);
	cctx_t *value = cctx_with_value(top, &state, NULL, NULL), *below = cctx_with_cancel(value);
	cctx_t *detached = cctx_without_cancel(below), *job = cctx_with_cancel(detached);
	cctx_stop_t *stop = cctx_after_func(top, (void (*)(void *))abort, NULL);
	cctx_t *ended = cctx_with_cancel(top);
	struct ct_census_result result;
	struct cctx_stats stats;

	cctx_cancel(ended, NULL);
	cctx_unref(lost);
	cctx_unref(timer);
	cctx_stats(&stats);
	result = read_self();
	assert_false(result.is_torn);
	assert_int_equal(result.count, stats.live);
	assert_int_equal(result.count, 8);
	assert_int_equal(result.lost, 2);
	assert_int_equal(seen(&result, top)->parent_kind, CT_KIND_BACKGROUND);
	assert_int_equal(seen(&result, todo)->parent_kind, CT_KIND_TODO);
	assert_int_equal(seen(&result, todo)->retained_by, CT_RETAINED_TIMER);
	assert_int_equal(seen(&result, held)->state, CT_OBSERVED_HELD);
	assert_int_equal(seen(&result, held)->parent, (uintptr_t)top);
	assert_int_equal(seen(&result, lost)->state, CT_OBSERVED_LOST);
	assert_int_equal(seen(&result, lost)->retained_by, CT_RETAINED_PARENT);
	assert_int_equal(seen(&result, timer)->state, CT_OBSERVED_LOST);
	assert_int_equal(seen(&result, timer)->retained_by, CT_RETAINED_PARENT | CT_RETAINED_TIMER);
	assert_true(seen(&result, timer)->deadline_ns > 0);
	assert_int_equal(seen(&result, below)->hops, 1);
	assert_int_equal(seen(&result, job)->parent, (uintptr_t)below);
	assert_int_equal(seen(&result, job)->hops, 1);
	assert_int_equal(seen(&result, job)->retained_by, 0);
	assert_int_equal(seen(&result, stop)->kind, CT_KIND_AFTER_FUNC);
	assert_null(seen(&result, ended));
	ct_census_result_done(&result);
	cctx_stop(stop);
	cctx_stop_release(stop);
	cctx_cancel(job, NULL);
	cctx_cancel(todo, NULL);
	cctx_cancel(top, NULL);
	result = read_self();
	assert_int_equal(result.count, 0);
	ct_census_result_done(&result);
	cctx_t *all[] = {job, detached, below, value, held, ended, todo, top};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		cctx_unref(all[i]);
}

/* A topmost context that nothing keeps is freed, and leaves its list without having ended. */
static void what_is_freed_leaves(void **state)
{
	struct ct_census_result result;
	cctx_t *contexts[200];

	(void)state;
	for (unsigned int i = 0; i < 200; i++)
		contexts[i] = cctx_with_cancel(cctx_background());
	for (unsigned int i = 0; i < 200; i += 2)
		cctx_unref(contexts[i]); // uncancelled
	result = read_self();
	assert_int_equal(result.count, 100);
	assert_int_equal(result.lost, 0);
	ct_census_result_done(&result);
	for (unsigned int i = 1; i < 200; i += 2) {
		cctx_cancel(contexts[i], NULL);
		cctx_unref(contexts[i]);
	}
	result = read_self();
	assert_int_equal(result.count, 0);
	ct_census_result_done(&result);
}

static atomic_bool is_over;

static void *make_pairs(void *opaque)
{
	while (!atomic_load(&is_over)) {
		cctx_t *top = cctx_with_cancel(opaque ? opaque : cctx_background()), *child = cctx_with_timeout(top, CCTX_SECOND);

		cctx_cancel(top, NULL);
		cctx_unref(child);
		cctx_unref(top);
	}
	return NULL;
}

/* Threads make and end contexts all the time: what stays is there in every reading, and nothing is lost in any. */
static void a_busy_program_is_read_as_well(void **state)
{
	cctx_t *held[500], *top = cctx_with_cancel(cctx_background());
	pthread_t threads[3];

	(void)state;
	for (unsigned int i = 0; i < 500; i++)
		held[i] = cctx_with_cancel(top);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, make_pairs, i ? top : NULL), 0);
	for (unsigned int round = 0; round < 50; round++) {
		struct ct_census *census = NULL;
		struct ct_census_result result;

		assert_int_equal(ct_census_new_c(getpid(), (uint64_t)(uintptr_t)&cctx_census_v1, &census, NULL), 0);
		assert_int_equal(ct_census_scan(census, NULL, NULL, &result, NULL), 0);
		assert_int_equal(result.lost, 0);
		for (unsigned int i = 0; i < 500; i++)
			assert_true(seen(&result, held[i]) || ct_census_state_of(census, &result, (uintptr_t)held[i]) ==
								      CT_OBSERVED_UNDECIDED);
		ct_census_result_done(&result);
		ct_census_free(census);
	}
	atomic_store(&is_over, true);
	for (unsigned int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	cctx_cancel(top, NULL);
	for (unsigned int i = 0; i < 500; i++)
		cctx_unref(held[i]);
	cctx_unref(top);
}

#define BASE UINT64_C(0x10000)
#define CONTEXT(i) (BASE + 0x1000 + 256 * (uint64_t)(i))

/* Memory made by hand: one list, one table of counters, contexts of 64 bytes. */
struct lie {
	struct fake_memory fake;
	_Alignas(8) uint8_t bytes[0x4000];
	struct cctx_census layout;
};

static void put_context(struct lie *lie, unsigned int i, unsigned int kind, uint64_t parent, uint64_t children, uint64_t next)
{
	uint8_t *at = lie->bytes + 0x1000 + 256 * (size_t)i;

	fake_put(at, 1, 4);
	fake_put(at + 4, 0, 4);
	fake_put(at + 8, kind, 4);
	fake_put(at + 16, parent, 8);
	fake_put(at + 24, kind == CCTX_KIND_ROOT ? 0 : CONTEXT(i), 8);
	fake_put(at + 40, children, 8);
	fake_put(at + 48, next, 8);
}

/* A root 0, a topmost 1 with the children 2 and 3. */
static struct lie *begin(void)
{
	static struct lie lie;

	memset(&lie, 0, sizeof(lie));
	lie.layout = (struct cctx_census){
		.magic = CCTX_CENSUS_MAGIC, .version = 1, .bytes = sizeof(lie.layout),
		.tops = (const void *)(BASE + 0x100), .tops_count = 1, .tops_bytes = 64, .tops_first = 0,
		.counters = (const void *)(BASE + 0x200), .counters_count = 1, .counters_bytes = 64,
		.begins = {0, 1, 2}, .ends = {3, 4, 5, 6}, .context_bytes = 64, .users = 0, .state = 4,
		.state_ended = 2, .kind = 8, .parent = 16, .scope = 24, .deadline_ns = 32, .children = 40, .next = 48,
		.armed = 56, .background = (const void *)CONTEXT(0),
	};
	put_context(&lie, 0, CCTX_KIND_ROOT, 0, 0, 0);
	put_context(&lie, 1, CCTX_KIND_CANCEL, CONTEXT(0), CONTEXT(2), 0);
	put_context(&lie, 2, CCTX_KIND_CANCEL, CONTEXT(1), 0, CONTEXT(3));
	put_context(&lie, 3, CCTX_KIND_CANCEL, CONTEXT(1), 0, 0);
	fake_put(lie.bytes + 0x100, CONTEXT(1), 8);
	fake_put(lie.bytes + 0x200, 3, 8);
	fake_init(&lie.fake);
	fake_add(&lie.fake, BASE, lie.bytes, sizeof(lie.bytes));
	return &lie;
}

static int open_lie(struct lie *lie, struct ct_c_library **ret)
{
	memcpy(lie->bytes, &lie->layout, sizeof(lie->layout));
	return ct_c_library_new(&lie->fake.memory, BASE, ret);
}

static struct ct_census_result read_lie(struct lie *lie)
{
	struct ct_census_result result = {0};
	struct ct_c_library *library = NULL;

	assert_int_equal(open_lie(lie, &library), 0);
	assert_int_equal(ct_c_library_scan(library, NULL, NULL, &result), 0);
	ct_c_library_free(library);
	return result;
}

static void memory_made_by_hand_is_read(void **state)
{
	struct ct_census_result result = read_lie(begin());

	(void)state;
	assert_int_equal(result.count, 3);
	assert_true(result.is_complete && !result.is_torn);
	assert_int_equal(result.contexts[0].parent_kind, CT_KIND_BACKGROUND);
	assert_int_equal(result.contexts[1].parent, CONTEXT(1));
	ct_census_result_done(&result);
}

/* Whatever the links say, a walk ends and counts nobody twice. */
static void circles_and_strangers_end_the_walk(void **state)
{
	struct ct_census_result result;
	struct lie *lie = begin();

	(void)state;
	put_context(lie, 3, CCTX_KIND_CANCEL, CONTEXT(1), CONTEXT(1), CONTEXT(2)); // a circle of brothers, and its parent below it
	result = read_lie(lie);
	assert_int_equal(result.count, 3);
	assert_true(result.is_torn);
	ct_census_result_done(&result);
	lie = begin();
	put_context(lie, 2, 77, CONTEXT(1), 0, 0x123); // no kind, and a pointer to nowhere
	result = read_lie(lie);
	assert_int_equal(result.count, 1);
	ct_census_result_done(&result);
	lie = begin();
	put_context(lie, 3, CCTX_KIND_CANCEL, CONTEXT(2), 0, 0); // in the list of another
	result = read_lie(lie);
	assert_int_equal(result.count, 2);
	assert_true(result.is_torn);
	ct_census_result_done(&result);
	lie = begin();
	put_context(lie, 0, CCTX_KIND_VALUE, CONTEXT(0), 0, 0); // its own parent
	fake_put(lie->bytes + 0x1000 + 24, 0, 8);
	result = read_lie(lie);
	assert_int_equal(result.contexts[0].hops, UINT16_MAX);
	ct_census_result_done(&result);
}

/* Lists and counters that will not agree are told. */
static void counters_that_disagree_are_told(void **state)
{
	struct ct_census_result result;
	struct lie *lie = begin();

	(void)state;
	fake_put(lie->bytes + 0x200, 5000, 8);
	result = read_lie(lie);
	assert_false(result.is_complete);
	assert_non_null(strstr(result.reason, "5000"));
	ct_census_result_done(&result);
}

static void a_constant_without_sense_is_refused(void **state)
{
	struct ct_c_library *library = NULL;
	struct lie *lie = begin();

	(void)state;
#define REFUSES(field, value)                                                          \
	do {                                                                           \
		lie = begin();                                                         \
		lie->layout.field = (value);                                           \
		assert_int_equal(open_lie(lie, &library), -EOPNOTSUPP);                \
	} while (0)
	REFUSES(magic, 1);
	REFUSES(version, 2);
	REFUSES(bytes, 8);
	REFUSES(context_bytes, 60000);
	REFUSES(next, 60);
	REFUSES(parent, 3);
	REFUSES(armed, 64);
	REFUSES(tops_count, UINT32_MAX);
	REFUSES(tops_first, 64);
	REFUSES(counters_bytes, UINT32_MAX);
	REFUSES(counters_count, UINT32_MAX);
	assert_int_equal(ct_c_library_new(&lie->fake.memory, 0x20, &library), -EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_live_context_is_found),
		cmocka_unit_test(what_is_freed_leaves),
		cmocka_unit_test(a_busy_program_is_read_as_well),
		cmocka_unit_test(memory_made_by_hand_is_read),
		cmocka_unit_test(circles_and_strangers_end_the_walk),
		cmocka_unit_test(counters_that_disagree_are_told),
		cmocka_unit_test(a_constant_without_sense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
