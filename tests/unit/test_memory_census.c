// SPDX-License-Identifier: Apache-2.0
/*
 * All passes of a census over a miniature process of every release: each fate is told as what it is; recorded and read
 * again it is the same; and whatever is changed in it, nothing is told that the bounds do not allow.
 */
#include "go_heap.h"
#include "memory/frozen.h"
#include "memory/image.h"
#include "memory/image_writer.h"
#include "memory/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static struct go_heap process;

static struct ct_census *begin(unsigned int minor)
{
	struct ct_census_facts facts = go_heap_facts(minor);
	struct ct_census *census = NULL;
	struct ct_error error = CT_ERROR_INIT;

	go_heap_build(&process, minor);
	if (ct_census_over(&facts, &process.fake.memory, &census, &error))
		fail_msg("1.%u: %s", minor, error.message);
	return census;
}

static void done(struct ct_census *census)
{
	ct_census_free(census);
	go_heap_done(&process);
}

static const struct ct_census_context *look(const struct ct_census_result *result, enum go_heap_fate fate)
{
	const struct ct_census_context *seen = ct_census_find(result, process.contexts[fate]);

	if (!seen)
		fail_msg("context %d is not there", fate);
	return seen;
}

static void expect_state(const struct ct_census_result *result, enum go_heap_fate fate, uint8_t state, uint8_t retained)
{
	const struct ct_census_context *seen = look(result, fate);

	if (seen->state != state || seen->retained_by != retained)
		fail_msg("context %d: state %u, retained by %u", fate, seen->state, seen->retained_by);
}

static void expect_all(const struct ct_census_result *result)
{
	if (!result->is_complete)
		fail_msg("%s", result->reason);
	assert_int_equal(result->count, 8);
	assert_int_equal(result->lost, 4);
	assert_int_equal(result->collections, 5);
	expect_state(result, GO_HEAP_ROOT, CT_OBSERVED_HELD, 0);
	expect_state(result, GO_HEAP_HELD, CT_OBSERVED_HELD, CT_RETAINED_PARENT);
	expect_state(result, GO_HEAP_LOST, CT_OBSERVED_LOST, CT_RETAINED_PARENT);
	expect_state(result, GO_HEAP_WRAPPED, CT_OBSERVED_LOST, CT_RETAINED_PARENT);
	expect_state(result, GO_HEAP_WATCHED, CT_OBSERVED_LOST, CT_RETAINED_GOROUTINE);
	expect_state(result, GO_HEAP_DEFERRED, CT_OBSERVED_HELD, CT_RETAINED_PARENT);
	expect_state(result, GO_HEAP_IN_CALL, CT_OBSERVED_UNDECIDED, CT_RETAINED_PARENT);
	expect_state(result, GO_HEAP_TIMED, CT_OBSERVED_LOST, CT_RETAINED_PARENT | CT_RETAINED_TIMER);
	assert_true(look(result, GO_HEAP_IN_CALL)->is_in_flux);
	assert_int_equal(look(result, GO_HEAP_DEFERRED)->task, GO_HEAP_TASK);
	assert_int_equal(look(result, GO_HEAP_TIMED)->kind, CT_KIND_DEADLINE);
	assert_int_equal(look(result, GO_HEAP_TIMED)->deadline_ns, GO_HEAP_DEADLINE);
	assert_int_equal(look(result, GO_HEAP_WRAPPED)->parent, process.contexts[GO_HEAP_ROOT]);
	assert_int_equal(look(result, GO_HEAP_WATCHED)->parent_kind, CT_KIND_FOREIGN);
	assert_int_equal(look(result, GO_HEAP_ROOT)->parent_kind, CT_KIND_BACKGROUND);
}

static void every_release_tells_every_fate(void **state)
{
	(void)state;
	for (unsigned int minor = CT_GO_MINOR_OLDEST; minor <= CT_GO_MINOR_NEWEST; minor++) {
		struct ct_census *census = begin(minor);
		struct ct_census_result result = { 0 };

		assert_int_equal(ct_census_scan(census, NULL, NULL, &result, NULL), 0);
		expect_all(&result);
		assert_int_equal(ct_census_state_of(census, &result, process.contexts[GO_HEAP_CANCELLED]),
				 CT_OBSERVED_CANCELLED);
		assert_int_equal(ct_census_state_of(census, &result, process.contexts[GO_HEAP_LOST]), CT_OBSERVED_LOST);
		assert_int_equal(ct_census_state_of(census, &result, GO_HEAP_ARENA + 4096), CT_OBSERVED_FREED);
		ct_census_result_done(&result);
		done(census);
	}
}

static void every_release_lists_its_goroutines(void **state)
{
	const uint64_t expected[] = { 1, GO_HEAP_TASK, 8, 9 };

	(void)state;
	for (unsigned int minor = CT_GO_MINOR_OLDEST; minor <= CT_GO_MINOR_NEWEST; minor++) {
		struct ct_census *census = begin(minor);
		struct ct_census_result result = { 0 };

		assert_int_equal(ct_census_scan(census, NULL, NULL, &result, NULL), 0);
		assert_null(result.goroutines); // nobody has asked
		ct_census_result_done(&result);
		ct_census_list_goroutines(census);
		assert_int_equal(ct_census_scan(census, NULL, NULL, &result, NULL), 0);
		assert_int_equal(result.goroutines_count, 4);
		for (size_t i = 0; i < 4; i++) {
			assert_int_equal(result.goroutines[i].task, expected[i]);
			assert_int_not_equal(result.goroutines[i].entry, 0);
		}
		ct_census_result_done(&result);
		done(census);
	}
}

/* It stands still now, and all of its heap is within reach. */
static struct ct_freeze *freeze(struct ct_census *census)
{
	struct ct_freeze *freeze = calloc(1, sizeof(*freeze));
	struct ct_thread *thread = calloc(1, sizeof(*thread));

	assert_true(freeze && thread);
	thread->words_count = sizeof(process.heap) / 16;
	thread->words = calloc(thread->words_count, sizeof(*thread->words));
	assert_non_null(thread->words);
	for (size_t i = 0; i < thread->words_count; i++)
		thread->words[i] = GO_HEAP_ARENA + 16 * i;
	freeze->threads = (struct ct_threads){ .list = thread, .count = 1 };
	ct_copy_init(&freeze->copy, &process.fake.memory, UINT64_C(1) << 30);
	for (size_t i = 0; i < process.fake.count; i++)
		assert_int_equal(ct_copy_add(&freeze->copy, process.fake.stretches[i].base,
					     process.fake.stretches[i].base + process.fake.stretches[i].bytes), 0);
	ct_copy_sort(&freeze->copy);
	freeze->heap = (struct ct_heap){ .memory = &freeze->copy.memory,
					 .layout = census->heap.layout,
					 .mheap = census->heap.mheap };
	assert_int_equal(ct_heap_load_arenas(&freeze->heap), 0);
	ct_census_freeze(census, freeze);
	return freeze;
}

/*
 * The runtime is copying the stack of a goroutine that is inside a creator: its frame pointer leads into the new stack,
 * the bounds and the stack pointer are the old one's, or the stack pointer is the new one's already.
 */
static void a_moving_stack_proves_nothing(void **state)
{
	static const struct {
		uint32_t status;
		bool is_sp_old;
	} moments[] = { { CT_GOROUTINE_COPYING, true },
			{ CT_GOROUTINE_COPYING, false },
			{ CT_GOROUTINE_WAITING | CT_GOROUTINE_SCANNED, true },
			{ CT_GOROUTINE_WAITING, false } };

	(void)state;
	for (unsigned int minor = CT_GO_MINOR_OLDEST; minor <= CT_GO_MINOR_NEWEST; minor++) {
		for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
			struct ct_census *census = begin(minor);
			struct ct_census_result result = { 0 };
			uint8_t *g = process.heap + GO_HEAP_INSIDE;
			struct ct_freeze *frozen;

			fake_put(g + process.go.goroutine->status, moments[i].status, 4);
			fake_put(g + CT_G_SCHED_PC, GO_HEAP_PLAIN_CODE, 8);
			fake_put(g + process.go.goroutine->sched_bp, GO_HEAP_ARENA + 0x40, 8);
			if (!moments[i].is_sp_old)
				fake_put(g + CT_G_SCHED_SP, GO_HEAP_ARENA + 0x10, 8);
			frozen = freeze(census);
			assert_int_equal(ct_census_scan(census, NULL, NULL, &result, NULL), 0);
			expect_state(&result, GO_HEAP_IN_CALL, CT_OBSERVED_UNDECIDED, CT_RETAINED_PARENT);
			expect_state(&result, GO_HEAP_LOST, CT_OBSERVED_LOST, CT_RETAINED_PARENT);
			assert_true(result.is_stopped && look(&result, GO_HEAP_IN_CALL)->is_in_flux);
			ct_census_result_done(&result);
			ct_census_freeze(census, NULL);
			ct_freeze_free(frozen);
			done(census);
		}
	}
}

/* A recording in the making: facts and image of it. */
struct recording {
	struct ct_census_facts facts;
	struct ct_image *image;
};

static int keep(void *opaque, const struct ct_event *event)
{
	struct recording *recording = opaque;

	return event->header->type == CT_EVENT_FACTS ? ct_census_facts_take(&recording->facts, event->facts) :
						       ct_image_add(recording->image, event->memory);
}

/* Recorded twice, with a context lost in between; read again, each reading says what it said. */
static void a_recording_says_the_same(void **state)
{
	(void)state;
	for (unsigned int minor = CT_GO_MINOR_OLDEST; minor <= CT_GO_MINOR_NEWEST; minor++) {
		struct recording recording = { .image = ct_image_new() };
		struct ct_image_writer *writer = ct_image_writer_new(keep, &recording);
		struct ct_census *census = begin(minor), *again = NULL;
		struct ct_census_result results[2] = { 0 }, result;

		assert_true(recording.image && writer);
		assert_int_equal(ct_census_facts_tell(ct_census_facts(census), 0, keep, &recording), 0);
		ct_census_listen(census, ct_image_writer_listener(writer));
		for (uint32_t i = 0; i < 2; i++) {
			ct_image_writer_begin(writer, i + 1, 0);
			assert_int_equal(ct_census_scan(census, NULL, NULL, &results[i], NULL), 0);
			memset(process.heap + 2 * CT_GO_PAGE_BYTES + 16, 0, 16);
		}
		assert_int_equal(results[1].lost, 5);
		assert_int_equal(ct_census_over(&recording.facts, ct_image_memory(recording.image), &again, NULL), 0);
		for (uint32_t i = 0; i < 2; i++) {
			ct_image_begin(recording.image, i + 1);
			assert_int_equal(ct_census_scan(again, NULL, NULL, &result, NULL), 0);
			assert_true(result.is_complete && ct_image_is_whole(recording.image));
			assert_int_equal(result.count, results[i].count);
			for (size_t j = 0; j < result.count; j++) {
				assert_int_equal(result.contexts[j].address, results[i].contexts[j].address);
				assert_int_equal(result.contexts[j].state, results[i].contexts[j].state);
				assert_int_equal(result.contexts[j].retained_by, results[i].contexts[j].retained_by);
			}
			ct_census_result_done(&result);
			ct_census_result_done(&results[i]);
		}
		ct_census_free(again);
		ct_image_free(recording.image);
		done(census);
		ct_image_writer_free(writer);
	}
}

/* What may not be read up to the bound is no whole, and no context of it is told in a state. */
static void a_bound_makes_it_incomplete(void **state)
{
	struct ct_census *census = begin(26);
	struct ct_census_result result = { 0 };
	uint64_t step = 4096;

	(void)state;
	for (uint64_t bound = 0; !result.is_complete; bound += step, step += step / 4) {
		ct_census_result_done(&result);
		ct_census_bound(census, bound);
		assert_int_equal(ct_census_scan(census, NULL, NULL, &result, NULL), 0);
		assert_true(result.is_complete || *result.reason);
		assert_true(bound < UINT64_C(1) << 30);
	}
	expect_all(&result);
	ct_census_result_done(&result);
	done(census);
}

/* A goroutine that begins as a watcher and has a stack full of contexts: looked at as far as a watcher's, and no further.
 * The one it really watches lies behind them, and without it nothing retains that context: it is not lost then. */
static void a_stack_full_of_contexts_is_no_watchers(void **state)
{
	struct ct_census *census = begin(26);
	struct ct_census_result result = { 0 };
	uint8_t *stack = process.fake.stretches[process.fake.count - 1].data + GO_HEAP_WATCHER_STACK;

	(void)state;
	memmove(stack + 64 * 8, stack, 16);
	for (size_t i = 0; i < 64; i++)
		fake_put(stack + 8 * i, process.contexts[GO_HEAP_HELD], 8);
	assert_int_equal(ct_census_scan(census, NULL, NULL, &result, NULL), 0);
	assert_true(result.is_complete);
	assert_null(ct_census_find(&result, process.contexts[GO_HEAP_WATCHED])); // nothing says that it is a context
	expect_state(&result, GO_HEAP_LOST, CT_OBSERVED_LOST, CT_RETAINED_PARENT);
	ct_census_result_done(&result);
	done(census);
}

/* A defer list that comes back to any of its records is torn: nothing of it is believed, and it is not walked for ever. */
static void a_defer_list_without_end_is_torn(void **state)
{
	(void)state;
	for (uint64_t back = 0; back < 50; back += 7) {
		struct ct_census *census = begin(26);
		struct ct_census_result result = { 0 };

		fake_put(process.heap + GO_HEAP_DEFERS + 49 * 48 + process.go.goroutine->defer_link,
			 GO_HEAP_ARENA + GO_HEAP_DEFERS + 48 * back, 8);
		ct_census_bound(census, UINT64_C(64) << 20);
		assert_int_equal(ct_census_scan(census, NULL, NULL, &result, NULL), 0);
		assert_true(result.is_complete);
		assert_int_equal(look(&result, GO_HEAP_DEFERRED)->task, 0);
		expect_state(&result, GO_HEAP_DEFERRED, CT_OBSERVED_HELD, CT_RETAINED_PARENT);
		ct_census_result_done(&result);
		done(census);
	}
}

/* xorshift64*: the same numbers on every machine. */
static uint64_t draw(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(0x2545f4914f6cdd1d);
}

/* A pointer to somewhere of the process, or a number at which counts break. */
static uint64_t hostile_word(uint64_t *seed)
{
	static const uint64_t numbers[] = { 0,	       1,	 8,	     0xff,	   0xffff, UINT32_MAX,
					    INT64_MAX, UINT64_MAX, UINT64_MAX - 7, UINT64_C(1) << 47 };
	size_t i = draw(seed) % process.fake.count;

	if (draw(seed) % 2)
		return numbers[draw(seed) % (sizeof(numbers) / sizeof(numbers[0]))];
	return process.fake.stretches[i].base + draw(seed) % process.fake.stretches[i].bytes / 8 * 8;
}

static void change(struct fake_memory *fake, uint64_t *seed)
{
	size_t i = draw(seed) % fake->count;
	uint64_t room = fake->stretches[i].bytes < sizeof(process.heap) ? fake->stretches[i].bytes : 4096, word;

	if (draw(seed) % 3)
		i = fake->count - 1; // the heap itself
	word = hostile_word(seed);
	if (draw(seed) % 2)
		memcpy(fake->stretches[i].data + draw(seed) % (room / 8) * 8, &word, 8);
	else
		fake->stretches[i].data[draw(seed) % room] = (uint8_t)draw(seed);
}

static uint64_t torn_seed;

/* A target that changes while it is read. */
static void change_now_and_then(struct fake_memory *fake)
{
	if (draw(&torn_seed) % 16 == 0)
		change(fake, &torn_seed);
}

static void check_result(const struct ct_census_result *result)
{
	uint32_t lost = 0;

	for (size_t i = 0; i < result->count; i++) {
		const struct ct_census_context *seen = &result->contexts[i];

		assert_true(!i || seen->address > result->contexts[i - 1].address);
		assert_true(seen->state < CT_OBSERVED_END && seen->kind < CT_KIND_END && seen->parent_kind < CT_KIND_END);
		assert_true(seen->state != CT_OBSERVED_LOST || seen->retained_by);
		lost += seen->state == CT_OBSERVED_LOST;
	}
	assert_int_equal(lost, result->lost);
}

static void hostile_memory_ends_in_bounds(void **state)
{
	(void)state;
	for (uint64_t round = 1; round <= 300; round++) {
		unsigned int minor = CT_GO_MINOR_OLDEST + (unsigned int)(round % 11);
		struct ct_census *census = begin(minor);
		struct ct_census_result result = { 0 };
		uint64_t seed = round;

		for (uint64_t changes = draw(&seed) % 100; changes; changes--)
			change(&process.fake, &seed);
		torn_seed = round;
		if (round % 2)
			process.fake.before_read = change_now_and_then;
		ct_census_bound(census, UINT64_C(64) << 20);
		ct_census_look_at(census, GO_HEAP_ARENA, GO_HEAP_ARENA + CT_ARENA_BYTES);
		if (!ct_census_scan(census, NULL, NULL, &result, NULL))
			check_result(&result);
		for (size_t i = 0; i < GO_HEAP_FATES; i++)
			assert_true(ct_census_state_of(census, &result, process.contexts[i]) < CT_OBSERVED_END);
		ct_census_result_done(&result);
		done(census);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_release_tells_every_fate),
		cmocka_unit_test(every_release_lists_its_goroutines),
		cmocka_unit_test(a_moving_stack_proves_nothing),
		cmocka_unit_test(a_recording_says_the_same),
		cmocka_unit_test(a_bound_makes_it_incomplete),
		cmocka_unit_test(a_stack_full_of_contexts_is_no_watchers),
		cmocka_unit_test(a_defer_list_without_end_is_torn),
		cmocka_unit_test(hostile_memory_ends_in_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
