// SPDX-License-Identifier: Apache-2.0
/*
 * Who holds a cancel function, in a heap made by hand: variables, maps, channels, stacks and defer lists at the end of
 * chains of objects; and what a search does with cycles, with depth, with words that change, and with too little time.
 */
#include "fake_memory.h"
#include "memory/holders.h"
#include "memory/wait_reason.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define TEXT UINT64_C(0x400000)
#define CANCEL (TEXT + 0x100)
#define USER_CODE (TEXT + 0x900)
#define TYPES UINT64_C(0x500000)
#define DATA UINT64_C(0x600000)
#define HEAP UINT64_C(0xc000000000)
#define STACK UINT64_C(0xc100000000)
#define BITS UINT64_C(0x7f0000000000)
#define PAGE UINT64_C(8192)

/* One span of each size, a page each. */
static const uint16_t sizes[] = { 80, 16, 208, 48, 32, 24, 96, 8192 };
#define SPANS (sizeof(sizes) / sizeof(sizes[0]))

struct fixture {
	struct fake_memory fake;
	uint8_t heap[SPANS * 8192], data[4096], stack[4096], bits[1024];
	struct ct_object_span spans[SPANS];
	struct ct_objects objects;
	struct ct_closures closures;
	struct ct_holder_stack stacks[1];
	struct ct_holder_defer defers[1];
	uint64_t foreign[1];
	struct ct_holder_search search;
	struct ct_holder_chain chain;
};

/* Address of element `index` of the size. */
static uint64_t at(unsigned int size, unsigned int index)
{
	for (unsigned int i = 0; i < SPANS; i++)
		if (sizes[i] == size)
			return HEAP + i * PAGE + (uint64_t)index * size;
	fail();
	return 0;
}

static void put(struct fixture *fixture, uint64_t address, uint64_t word)
{
	for (size_t i = 0; i < fixture->fake.count; i++) {
		uint64_t offset = address - fixture->fake.stretches[i].base;

		if (address >= fixture->fake.stretches[i].base && offset < fixture->fake.stretches[i].bytes)
			fake_put(fixture->fake.stretches[i].data + offset, word, 8);
	}
}

static struct fixture *begin(void)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	memset(fixture.bits, 0xff, sizeof(fixture.bits));
	fake_init(&fixture.fake);
	fake_add(&fixture.fake, HEAP, fixture.heap, sizeof(fixture.heap));
	fake_add(&fixture.fake, DATA, fixture.data, sizeof(fixture.data));
	fake_add(&fixture.fake, STACK, fixture.stack, sizeof(fixture.stack));
	fake_add(&fixture.fake, BITS, fixture.bits, sizeof(fixture.bits));
	for (unsigned int i = 0; i < SPANS; i++)
		fixture.spans[i] = (struct ct_object_span){ .start = HEAP + i * PAGE, .bytes = PAGE,
							    .element_bytes = sizes[i], .alloc_bits = BITS,
							    .elements = (uint32_t)(PAGE / sizes[i]),
							    .has_pointers = true };
	fixture.objects = (struct ct_objects){ .spans = fixture.spans, .count = SPANS };
	assert_int_equal(ct_closures_add(&fixture.closures, CANCEL, CT_CLOSURE_CANCEL), 0);
	fixture.search = (struct ct_holder_search){
		.memory = &fixture.fake.memory, .objects = &fixture.objects, .closures = &fixture.closures,
		.text = TEXT, .etext = TEXT + 0x1000, .types = TYPES, .etypes = TYPES + 0x1000,
		.globals = { { DATA, DATA + sizeof(fixture.data) } }, .stacks = fixture.stacks,
		.defers = fixture.defers, .foreign = fixture.foreign, .bytes_max = UINT64_C(1) << 30,
	};
	// the context, and its cancel function: the closure {code, context}
	put(&fixture, at(16, 0), CANCEL);
	put(&fixture, at(16, 0) + 8, at(80, 0));
	return &fixture;
}

/* Find the chain of the context, check how many hops it has, and give it. */
static const struct ct_hop *find(struct fixture *fixture, unsigned int hops, bool is_cut)
{
	const uint64_t context = at(80, 0);

	assert_int_equal(ct_holders_find(&fixture->search, &context, 1, &fixture->chain), 0);
	ct_closures_done(&fixture->closures);
	assert_int_equal(fixture->chain.context, context);
	assert_int_equal(fixture->chain.count, hops);
	assert_int_equal(fixture->chain.is_cut, is_cut);
	return fixture->chain.hops;
}

static void a_variable_holds_it(void **state)
{
	struct fixture *fixture = begin();
	const struct ct_hop *hops;

	(void)state;
	put(fixture, DATA + 64, at(16, 0));
	put(fixture, DATA + 128, at(80, 0)); // the context itself: using one is not being able to cancel it
	hops = find(fixture, 1, false);
	assert_int_equal(hops[0].kind, CT_HOLDER_GLOBAL);
	assert_int_equal(hops[0].address, DATA + 64);
}

/* Four objects up, one of them entered in its middle, one a closure. */
static void objects_hold_objects(void **state)
{
	struct fixture *fixture = begin();
	const struct ct_hop *hops;

	(void)state;
	put(fixture, at(24, 5) + 8, at(16, 0));
	put(fixture, at(208, 3) + 200, at(24, 5) + 16);
	put(fixture, at(32, 1), USER_CODE);
	put(fixture, at(32, 1) + 24, at(208, 3));
	put(fixture, DATA, at(32, 1));
	hops = find(fixture, 4, false);
	assert_int_equal(hops[0].kind, CT_HOLDER_OBJECT);
	assert_int_equal(hops[0].bytes, 24);
	assert_int_equal(hops[1].bytes, 208);
	assert_int_equal(hops[2].kind, CT_HOLDER_CLOSURE);
	assert_int_equal(hops[2].code, USER_CODE);
	assert_int_equal(hops[3].kind, CT_HOLDER_GLOBAL);
}

/* What a map consists of is one hop, and tells how many entries there are. */
static void a_map_is_one_hop(void **state)
{
	for (int is_swiss = 0; is_swiss < 2; is_swiss++) {
		struct fixture *fixture = begin();
		uint64_t slots = at(208, 1), table = at(32, 2), directory = at(24, 4), map = at(48, 7);
		const struct ct_hop *hops;

		fixture->search.has_swiss_maps = is_swiss;
		put(fixture, slots + 72, at(16, 0));
		put(fixture, map, 3); // entries
		put(fixture, map + 8, UINT64_C(0x1234567800000000));
		put(fixture, map + 16, is_swiss ? directory : slots);
		if (is_swiss) {
			put(fixture, table + 16, slots);
			put(fixture, table + 24, 127);
			put(fixture, directory, table);
			put(fixture, directory + 8, table);
			put(fixture, map + 24, 2); // tables, so a depth of 1
			put(fixture, map + 32, 1);
		}
		put(fixture, DATA + 8, map);
		hops = find(fixture, 2, false);
		assert_int_equal(hops[0].kind, CT_HOLDER_MAP);
		assert_int_equal(hops[0].entries, 3);
		assert_int_equal(hops[1].kind, CT_HOLDER_GLOBAL);
	}
	(void)state;
}

/* A struct of a map's size that is none: its words do not fit together. */
static void no_map_is_guessed(void **state)
{
	struct fixture *fixture = begin();
	const struct ct_hop *hops;

	(void)state;
	fixture->search.has_swiss_maps = true;
	put(fixture, at(24, 1), at(16, 0));
	put(fixture, at(48, 0), 3);
	put(fixture, at(48, 0) + 8, 77); // no random seed
	put(fixture, at(48, 0) + 16, at(24, 1));
	put(fixture, DATA, at(48, 0));
	hops = find(fixture, 3, false);
	assert_int_equal(hops[1].kind, CT_HOLDER_OBJECT);
	assert_int_equal(hops[1].bytes, 48);
}

static void a_channel_is_one_hop(void **state)
{
	struct fixture *fixture = begin();
	uint64_t buffer = at(208, 2), channel = at(96, 1);
	const struct ct_hop *hops;

	(void)state;
	put(fixture, buffer + 16, at(16, 0));
	put(fixture, channel, 5);
	put(fixture, channel + 16, buffer);
	put(fixture, channel + 32, TYPES + 0x40);
	put(fixture, DATA, channel);
	hops = find(fixture, 2, false);
	assert_int_equal(hops[0].kind, CT_HOLDER_CHANNEL);
	assert_int_equal(hops[0].entries, 5);
}

/* Two frames by frame pointers: [STACK, +64) is pc's, from there to STACK + 160 its caller's. */
static void put_stack(struct fixture *fixture)
{
	fixture->stacks[0] = (struct ct_holder_stack){
		.task = 17, .entry = USER_CODE,
		.stack = { .sp = STACK, .high = STACK + sizeof(fixture->stack), .pc = TEXT + 0x500, .bp = STACK + 48 },
	};
	fixture->search.stacks_count = 1;
	put(fixture, STACK + 48, STACK + 144);
	put(fixture, STACK + 56, TEXT + 0x600);
	put(fixture, STACK + 144, 0);
	put(fixture, STACK + 152, TEXT + 0x700);
}

static void the_frame_on_a_stack_is_told(void **state)
{
	struct fixture *fixture = begin();
	const struct ct_hop *hops;

	(void)state;
	put_stack(fixture);
	put(fixture, STACK + 80, at(16, 0));
	hops = find(fixture, 1, false);
	assert_int_equal(hops[0].kind, CT_HOLDER_STACK);
	assert_int_equal(hops[0].task, 17);
	assert_int_equal(hops[0].frames, 2);
	assert_int_equal(hops[0].pcs[0], TEXT + 0x600);
	assert_int_equal(hops[0].pcs[1], TEXT + 0x700);
}

/* Inlined creators leave the function itself on a stack: {code, context}. A running goroutine has no frames. */
static void a_function_on_a_running_stack(void **state)
{
	struct fixture *fixture = begin();
	const struct ct_hop *hops;

	(void)state;
	put(fixture, at(16, 0), 0);
	put_stack(fixture);
	fixture->stacks[0].stack.is_running = true;
	put(fixture, STACK + 400, CANCEL);
	put(fixture, STACK + 408, at(80, 0));
	hops = find(fixture, 1, false);
	assert_int_equal(hops[0].kind, CT_HOLDER_STACK);
	assert_int_equal(hops[0].frames, 1);
	assert_int_equal(hops[0].pcs[0], USER_CODE + 1);
}

/* A deferred call will come: it is told rather than anything else. On the heap, and on the stack. */
static void a_deferred_call_comes_first(void **state)
{
	const uint64_t records[] = { at(48, 3), STACK + 800 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct fixture *fixture = begin();
		const struct ct_hop *hops;

		put_stack(fixture);
		put(fixture, DATA, at(16, 0));
		put(fixture, records[i] + CT_DEFER_FN, at(16, 0));
		fixture->defers[0] = (struct ct_holder_defer){ records[i], 17, TEXT + 0x888 };
		fixture->search.defers_count = 1;
		hops = find(fixture, 1, false);
		assert_int_equal(hops[0].kind, CT_HOLDER_DEFERRED);
		assert_int_equal(hops[0].task, 17);
		assert_int_equal(hops[0].pcs[0], TEXT + 0x888);
	}
}

/* A variable outlasts a frame, though it takes more hops. */
static void a_variable_comes_before_a_frame(void **state)
{
	struct fixture *fixture = begin();
	const struct ct_hop *hops;

	(void)state;
	put_stack(fixture);
	put(fixture, STACK + 80, at(16, 0));
	put(fixture, at(24, 1), at(16, 0));
	put(fixture, DATA, at(24, 1));
	hops = find(fixture, 2, false);
	assert_int_equal(hops[1].kind, CT_HOLDER_GLOBAL);
}

static bool is_runtime(void *opaque, uint64_t address)
{
	(void)opaque;
	return address == DATA;
}

/* The runtime's variables and objects name many things that nobody holds. */
static void the_runtime_comes_last(void **state)
{
	struct fixture *fixture = begin();
	const struct ct_hop *hops;
	uint64_t processor = at(8192, 0);

	(void)state;
	fixture->search.is_runtime = is_runtime;
	put_stack(fixture);
	put(fixture, DATA, at(16, 0));
	put(fixture, STACK + 80, at(16, 0));
	put(fixture, processor + 400, processor + 424); // its write barrier buffer
	put(fixture, processor + 408, processor + 416 + 512 * 8);
	put(fixture, processor + 416, at(16, 0));
	put(fixture, DATA + 8, processor);
	hops = find(fixture, 1, false);
	assert_int_equal(hops[0].kind, CT_HOLDER_STACK);
}

/* Freed, in nobody's hands, one of the runtime's: no holders. */
static void what_is_no_holder(void **state)
{
	struct fixture *fixture = begin();

	(void)state;
	put(fixture, at(24, 0), at(16, 0));
	put(fixture, at(208, 9), at(16, 0));
	fixture->bits[0] &= (uint8_t)~1; // of every span the first element is free; the closure has index 0 too
	fixture->spans[1].free_index = 1;
	fixture->spans[0].free_index = 1;
	fixture->foreign[0] = at(208, 9);
	fixture->search.foreign_count = 1;
	find(fixture, 0, false);
}

static void a_cycle_ends(void **state)
{
	struct fixture *fixture = begin();

	(void)state;
	put(fixture, at(24, 1), at(16, 0));
	put(fixture, at(208, 1), at(24, 1));
	put(fixture, at(24, 1) + 8, at(208, 1));
	find(fixture, 2, false); // nothing lives by itself: it goes round, and all of it was looked at
}

static void too_deep_is_cut(void **state)
{
	struct fixture *fixture = begin();

	(void)state;
	put(fixture, at(24, 10), at(16, 0));
	for (unsigned int i = 10; i < 40; i++)
		put(fixture, at(24, i + 1), at(24, i));
	put(fixture, DATA, at(24, 40));
	assert_int_equal(find(fixture, CT_HOLDERS_DEPTH + 1, true)[0].kind, CT_HOLDER_OBJECT);
}

static void too_little_time_is_cut(void **state)
{
	struct fixture *fixture = begin();

	(void)state;
	put(fixture, DATA, at(16, 0));
	fixture->search.bytes_max = 1000;
	find(fixture, 0, true);
}

/* Ten thousand references to one function: a bounded number is looked at. */
static void many_references_are_bounded(void **state)
{
	struct fixture *fixture = begin();
	uint64_t before;

	(void)state;
	for (unsigned int i = 1; i < 300; i++)
		for (unsigned int j = 0; j < 3; j++)
			put(fixture, at(24, i) + j * 8, at(16, 0));
	before = fixture->fake.reads;
	find(fixture, 1, true);
	assert_true(fixture->fake.reads - before < 1500);
}

/* The variable is another's when its word is read once more. */
static int read_once(struct ct_memory *memory, uint64_t address, void *buffer, size_t bytes)
{
	int rc = fake_read(memory, address, buffer, bytes);

	if (address == DATA && bytes == 8)
		memset(buffer, 0, bytes);
	return rc;
}

static void a_word_that_is_gone_is_dropped(void **state)
{
	struct fixture *fixture = begin();

	(void)state;
	put(fixture, DATA, at(16, 0));
	fixture->fake.memory.read = read_once;
	find(fixture, 0, false);
}

static void frames_end_on_a_hostile_stack(void **state)
{
	uint64_t words[8] = { 0 };
	struct ct_stack stack = { .sp = STACK, .high = STACK + sizeof(words), .pc = TEXT + 1, .bp = STACK + 16 };
	struct ct_stack_walk walk;

	(void)state;
	words[2] = STACK + 16; // points at itself
	words[3] = TEXT + 2;
	ct_stack_walk(&stack, words, sizeof(words), &walk);
	assert_int_equal(walk.count, 2);
	assert_int_equal(ct_stack_frame_of(&stack, &walk, STACK), 0);
	assert_int_equal(ct_stack_frame_of(&stack, &walk, STACK + 32), 1);
	assert_int_equal(ct_stack_frame_of(&stack, &walk, STACK - 8), -1);
	stack.bp = STACK + sizeof(words) - 8; // half outside
	ct_stack_walk(&stack, words, sizeof(words), &walk);
	assert_int_equal(walk.count, 1);
	stack.bp = 3;
	ct_stack_walk(&stack, words, sizeof(words), &walk);
	assert_int_equal(walk.count, 1);
	stack.is_running = true;
	ct_stack_walk(&stack, words, sizeof(words), &walk);
	assert_int_equal(walk.count, 0);
	assert_int_equal(ct_stack_frame_of(&stack, &walk, STACK), -1);
}

/* Numbers as the constants of these releases have them. */
static void wait_reasons_by_release(void **state)
{
	(void)state;
	assert_string_equal(ct_wait_reason_text(17, 9), "select");
	assert_string_equal(ct_wait_reason_text(17, 26), "debug call");
	assert_string_equal(ct_wait_reason_text(17, 27), "");
	assert_string_equal(ct_wait_reason_text(21, 21), "sync.Mutex.Lock");
	assert_string_equal(ct_wait_reason_text(25, 14), "chan receive");
	assert_string_equal(ct_wait_reason_text(26, 14), "sleep");
	assert_string_equal(ct_wait_reason_text(26, 18), "select");
	assert_string_equal(ct_wait_reason_text(27, 46), "cleanup wait");
	assert_string_equal(ct_wait_reason_text(27, 47), "");
	assert_string_equal(ct_wait_reason_text(28, 9), ""); // of that nothing is known
	assert_string_equal(ct_goroutine_state_text(4), "waiting");
	assert_string_equal(ct_goroutine_state_text(5), "unknown");
	assert_string_equal(ct_goroutine_state_text(UINT32_MAX), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_variable_holds_it),
		cmocka_unit_test(objects_hold_objects),
		cmocka_unit_test(a_map_is_one_hop),
		cmocka_unit_test(no_map_is_guessed),
		cmocka_unit_test(a_channel_is_one_hop),
		cmocka_unit_test(the_frame_on_a_stack_is_told),
		cmocka_unit_test(a_function_on_a_running_stack),
		cmocka_unit_test(a_deferred_call_comes_first),
		cmocka_unit_test(a_variable_comes_before_a_frame),
		cmocka_unit_test(the_runtime_comes_last),
		cmocka_unit_test(what_is_no_holder),
		cmocka_unit_test(a_cycle_ends),
		cmocka_unit_test(too_deep_is_cut),
		cmocka_unit_test(too_little_time_is_cut),
		cmocka_unit_test(many_references_are_bounded),
		cmocka_unit_test(a_word_that_is_gone_is_dropped),
		cmocka_unit_test(frames_end_on_a_hostile_stack),
		cmocka_unit_test(wait_reasons_by_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
