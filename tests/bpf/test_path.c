// SPDX-License-Identifier: Apache-2.0
/*
 * Call paths: which stacks are one path, what its STACK shows, and that no chain of frame pointers, however a program
 * made it, does more than end a path early.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "go_world.h"

#define LIBRARY (GO_LIBRARY + 0x10)

/* Most frames any stack here has; the walk looks at 48. */
#define FRAMES 64

static struct go_world world;

static int set_up(void **state)
{
	(void)state;
	go_world_init(&world);
	return 0;
}

/* The path of a context made now; its STACK is in the ring if it is new. */
static uint32_t path_now(void)
{
	struct go_interface root = go_context(&world, CT_KIND_BACKGROUND);

	clear_events();
	go_create(&world, root, go_context(&world, CT_KIND_CANCEL));
	return only(CT_EVENT_CREATE).create->path;
}

static uint32_t path_of(const uint64_t *stack, size_t count)
{
	go_stack(&world, stack, count);
	return path_now();
}
#define PATH(...) path_of((const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static bool is_new(void)
{
	return shim_events() == 2;
}

static void expect_stack(uint32_t path, const uint64_t *frames, uint32_t count)
{
	const struct ct_event_stack *stack = stack_of(path);

	assert_int_equal(stack->depth, count);
	assert_memory_equal(stack->frames, frames, count * sizeof(*frames));
	for (size_t i = count; i < CT_STACK_FRAMES_MAX; i++)
		assert_int_equal(stack->frames[i], 0);
}
#define EXPECT_STACK(path, ...)                                        \
	expect_stack(path, (const uint64_t[]){__VA_ARGS__},            \
		     sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void test_a_path_is_sent_once(void **state)
{
	(void)state;
	assert_int_equal(PATH(LIBRARY, 0x1, 0x2, 0x3), 1);
	assert_true(is_new());
	EXPECT_STACK(1, 0x1, 0x2, 0x3);
	assert_int_equal(PATH(LIBRARY, 0x1, 0x2, 0x3), 1);
	assert_false(is_new());
	assert_int_equal(PATH(LIBRARY, 0x1, 0x2, 0x4), 2);
	assert_true(is_new());
	assert_int_equal(PATH(LIBRARY, 0x5, 0x2, 0x3), 3);
	assert_int_equal(PATH(LIBRARY, 0x1, 0x2), 4);
	assert_int_equal(PATH(0x1, 0x2), 4);
	assert_int_equal(PATH(0x1), 5);
	EXPECT_STACK(5, 0x1);
	assert_int_equal(all_counters(), 0);
}

static void test_three_addresses_are_the_key(void **state)
{
	(void)state;
	assert_int_equal(PATH(LIBRARY, 0x1, 0x2, 0x3, 0x4, 0x5), 1);
	EXPECT_STACK(1, 0x1, 0x2, 0x3, 0x4, 0x5);
	assert_int_equal(PATH(LIBRARY, 0x1, 0x2, 0x3, 0x9), 1);
	assert_int_equal(PATH(LIBRARY, 0x1, 0x2, 0x3), 1);
	assert_false(is_new());
}

/* Library frames are no part of it, however many there are and wherever they stand. */
static void test_library_frames_are_left_out(void **state)
{
	(void)state;
	world.config.library[3] = (struct ct_range){0x7000, 0x7100};
	go_world_configure(&world);
	assert_int_equal(PATH(LIBRARY, LIBRARY, 0x7000, 0x1, LIBRARY, 0x2, 0x70ff, 0x3, 0x4), 1);
	EXPECT_STACK(1, 0x1, 0x2, 0x3, 0x4);
	assert_int_equal(PATH(0x1, 0x2, 0x3), 1);
	assert_int_equal(PATH(0x1, 0x2, 0x3, LIBRARY), 1);
	// A stack that ends in it, shorter than the key, is the path without it.
	assert_int_equal(PATH(0x5, LIBRARY), 2);
	assert_int_equal(PATH(0x5), 2);
	// One byte outside either end.
	assert_int_equal(PATH(0x7100, 0x6fff, GO_LIBRARY_END), 3);
	EXPECT_STACK(3, 0x7100, 0x6fff, GO_LIBRARY_END);
	// Nothing but the library: no path.
	assert_int_equal(PATH(LIBRARY, LIBRARY + 1), 0);
	assert_false(is_new());
	assert_int_equal(all_counters(), 0);
}

static void test_deep_stacks_are_cut(void **state)
{
	uint64_t stack[FRAMES];

	(void)state;
	for (size_t i = 0; i < FRAMES; i++)
		stack[i] = 0x1000 + i;
	assert_int_equal(path_of(stack, FRAMES), 1);
	expect_stack(1, stack, CT_STACK_FRAMES_MAX);
	// 48 frames are looked at, the library's included.
	for (size_t i = 0; i < 40; i++)
		stack[i] = LIBRARY + i;
	assert_int_equal(path_of(stack, FRAMES), 2);
	expect_stack(2, stack + 40, 8);
	for (size_t i = 0; i < 47; i++)
		stack[i] = LIBRARY;
	assert_int_equal(path_of(stack, FRAMES), 3);
	expect_stack(3, stack + 47, 1);
	stack[47] = LIBRARY;
	assert_int_equal(path_of(stack, FRAMES), 0);
	assert_int_equal(all_counters(), 0);
}

static void test_processes_have_their_own(void **state)
{
	(void)state;
	assert_int_equal(PATH(0x1, 0x2, 0x3), 1);
	shim.process = 200;
	go_world_configure(&world);
	assert_int_equal(PATH(0x1, 0x2, 0x3), 2);
	assert_true(is_new());
	shim.process = 100;
	assert_int_equal(path_now(), 1);
}

static void test_without_stacks(void **state)
{
	(void)state;
	world.config.take_stacks = 0;
	go_world_configure(&world);
	shim.reads = 0;
	assert_int_equal(PATH(0x1, 0x2, 0x3), 0);
	assert_int_equal(shim_events(), 1);
	assert_int_equal(all_counters(), 0);
}

static void test_paths_full(void **state)
{
	struct shim_map *paths = shim_map_of("paths", BPF_MAP_TYPE_HASH, 32, sizeof(uint32_t));

	(void)state;
	shim_map_limit(paths, 2);
	assert_int_equal(PATH(0x1), 1);
	assert_int_equal(PATH(0x2), 2);
	for (int i = 0; i < 3; i++) {
		uint32_t before = only(CT_EVENT_CREATE).header->sequence;

		assert_int_equal(PATH(0x3), 0);
		assert_int_equal(counter(CT_COUNTER_PATHS_FULL), 1);
		assert_int_equal(drops(), 0);
		assert_int_equal(only(CT_EVENT_CREATE).header->sequence, before + 1); // the STACK took no number
		assert_false(is_new());
	}
	assert_int_equal(PATH(0x2), 2);
	assert_int_equal(shim_map_count(paths), 2);
	assert_int_equal(all_counters(), 0);
}

/* A STACK that finds no room is tried again at the next hit. */
static void test_no_room_for_the_stack(void **state)
{
	(void)state;
	assert_int_equal(PATH(0x1), 1);
	shim.ring_bytes = 128; // a CREATE fits, a STACK does not
	assert_int_equal(PATH(0x2), 0);
	assert_int_equal(counter(CT_COUNTER_STACK_RING_FULL), 1);
	assert_int_equal(drops(), 0);
	shim.ring_bytes = 0;
	assert_int_equal(PATH(0x2), 2);
	assert_true(is_new());
}

/* Make frame `index` say that its caller's frame is at `next`. */
static void bend(size_t index, uint64_t next)
{
	shim_poke(go_frame(index), next);
}

static void test_chains_that_do_not_go_up(void **state)
{
	const uint64_t next[] = {go_frame(1), go_frame(0), GO_STACK, go_frame(1) - 1, 8, 0, UINT64_MAX, UINT64_MAX - 7,
				 go_frame(1) + (1 << 20) + 1, UINT64_C(1) << 63};

	(void)state;
	for (size_t i = 0; i < sizeof(next) / sizeof(*next); i++) {
		go_stack(&world, (const uint64_t[]){0x100 + i, 0x2, 0x3, 0x4}, 4);
		bend(1, next[i]);
		assert_int_equal(path_now(), i + 1);
		EXPECT_STACK((uint32_t)i + 1, 0x100 + i, 0x2, 0x3);
		assert_int_equal(all_counters(), 0);
	}
}

static void test_first_frame_pointer(void **state)
{
	const uint64_t none[] = {0, GO_STACK - 8, GO_STACK - 1, GO_STACK + (1 << 20), UINT64_MAX, 8};
	uint32_t path = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		go_stack(&world, (const uint64_t[]){0x100 + i, 0x2, 0x3}, 3);
		world.regs.rbp = none[i];
		assert_int_equal(path_now(), ++path);
		EXPECT_STACK(path, 0x100 + i);
		assert_int_equal(all_counters(), 0);
	}
	// Inside the bound, but nothing is mapped there: the walk ends, and says so.
	go_stack(&world, (const uint64_t[]){0x200, 0x2}, 2);
	world.regs.rbp = GO_STACK + (1 << 20) - 1;
	assert_int_equal(path_now(), ++path);
	EXPECT_STACK(path, 0x200);
	assert_true(counter(CT_COUNTER_READ_STACK) > 0);
	assert_int_equal(drops(), 0);
}

/* A frame pointer that is no multiple of 8 reads what is there, and goes on upwards or ends. */
static void test_unaligned_chain(void **state)
{
	uint64_t at = go_frame(0) + 4;

	(void)state;
	go_stack(&world, (const uint64_t[]){0x100, 0x2}, 2);
	world.regs.rbp = at;
	shim_poke(go_frame(0), UINT64_C(0x5555555500000000));
	shim_poke(go_frame(0) + 8, UINT64_C(0x00000077aaaaaaaa));
	shim_poke(go_frame(0) + 16, 0);
	assert_int_equal(path_now(), 1);
	EXPECT_STACK(1, 0x100, 0x77);
	assert_int_equal(all_counters(), 0);
}

static void test_unmapped_in_the_middle(void **state)
{
	(void)state;
	go_stack(&world, (const uint64_t[]){0x1, 0x2, 0x3, 0x4, 0x5}, 5);
	shim_unmap(go_frame(3) + 8); // its return address only
	assert_int_equal(path_now(), 1);
	EXPECT_STACK(1, 0x1, 0x2, 0x3, 0x4);
	assert_int_equal(counter(CT_COUNTER_READ_STACK), 1);
	shim_unmap(GO_STACK);
	assert_int_equal(path_now(), 0);
	assert_int_equal(counter(CT_COUNTER_READ_STACK), 1);
	assert_int_equal(drops(), 0);
}

/* A return address of 0 is the bottom of the stack. */
static void test_null_return_address(void **state)
{
	(void)state;
	assert_int_equal(PATH(0x1, 0x2, 0, 0x4), 1);
	EXPECT_STACK(1, 0x1, 0x2);
	assert_int_equal(all_counters(), 0);
}

/* The ring shows a path before every event that uses it, whoever was first. */
static void test_stack_comes_first(void **state)
{
	struct go_interface root = go_context(&world, CT_KIND_BACKGROUND);

	(void)state;
	clear_events();
	go_stack(&world, (const uint64_t[]){0x1, 0x2}, 2);
	go_create(&world, root, go_context(&world, CT_KIND_CANCEL));
	shim.cpu = 1;
	go_create(&world, root, go_context(&world, CT_KIND_CANCEL));
	shim.cpu = 0;
	assert_int_equal(event_at(0, CT_EVENT_STACK).stack->path, 1);
	assert_int_equal(event_at(1, CT_EVENT_CREATE).create->path, 1);
	shim.cpu = 1;
	assert_int_equal(event_at(2, CT_EVENT_CREATE).create->path, 1);
	assert_int_equal(event_at(2, CT_EVENT_CREATE).header->sequence, 1); // each CPU counts for itself
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_path_is_sent_once, set_up),
		cmocka_unit_test_setup(test_three_addresses_are_the_key, set_up),
		cmocka_unit_test_setup(test_library_frames_are_left_out, set_up),
		cmocka_unit_test_setup(test_deep_stacks_are_cut, set_up),
		cmocka_unit_test_setup(test_processes_have_their_own, set_up),
		cmocka_unit_test_setup(test_without_stacks, set_up),
		cmocka_unit_test_setup(test_paths_full, set_up),
		cmocka_unit_test_setup(test_no_room_for_the_stack, set_up),
		cmocka_unit_test_setup(test_chains_that_do_not_go_up, set_up),
		cmocka_unit_test_setup(test_first_frame_pointer, set_up),
		cmocka_unit_test_setup(test_unaligned_chain, set_up),
		cmocka_unit_test_setup(test_unmapped_in_the_middle, set_up),
		cmocka_unit_test_setup(test_null_return_address, set_up),
		cmocka_unit_test_setup(test_stack_comes_first, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
