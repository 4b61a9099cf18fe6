// SPDX-License-Identifier: Apache-2.0
/*
 * What can be reached on a heap made by hand: interior pointers, cycles, objects without pointers, large ones, the dead,
 * a span that is being swept, and heaps of random words against a naive model. And the copy all that is read from.
 */
#include "fake_memory.h"
#include "memory/frozen.h"
#include "memory/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define ARENA UINT64_C(0xc000000000)
#define HEAP_ARENA UINT64_C(0x7f1000000000)
#define HEADERS UINT64_C(0x7f2000000000)
#define BITS UINT64_C(0x7f3000000000)
#define ROOTS UINT64_C(0x500000)
#define SWEEPGEN 10u
#define PAGES 4
#define SPANS 3
#define HEADER_BYTES 160

/* Small objects with pointers on the first page, without on the second, one large object on the last two. */
enum { SMALL, PLAIN, LARGE };
static const struct {
	uint64_t page, pages, bytes, elements;
	bool has_pointers;
} shapes[SPANS] = {
	[SMALL] = { 0, 1, 16, 512, true },
	[PLAIN] = { 1, 1, 16, 512, false },
	[LARGE] = { 2, 2, 16384, 1, true },
};

struct fixture {
	struct fake_memory fake;
	struct ct_go_layout go;
	struct ct_arena arena;
	struct ct_heap heap;
	struct ct_copy copy;
	struct ct_mark mark;
	uint8_t headers[4096], bits[4096], spans[CT_ARENA_PAGES * 8];
	uint64_t roots[512];
	uint64_t words[PAGES * CT_GO_PAGE_BYTES / 8];
};

static void put_span(struct fixture *fixture, size_t index)
{
	const struct ct_heap_layout *layout = fixture->go.heap;
	uint8_t *header = fixture->headers + index * HEADER_BYTES;

	fake_put(header + 24, ARENA + shapes[index].page * CT_GO_PAGE_BYTES, 8);
	fake_put(header + 32, shapes[index].pages, 8);
	fake_put(header + layout->elements, shapes[index].elements, layout->count_bytes);
	fake_put(header + layout->free_index, shapes[index].elements, layout->count_bytes);
	fake_put(header + layout->alloc_bits, BITS + index * 64, 8);
	fake_put(header + layout->sweepgen, SWEEPGEN, 4);
	header[layout->state - 1] = !shapes[index].has_pointers;
	header[layout->state] = 1;
	fake_put(header + layout->element_bytes, shapes[index].bytes, 8);
	for (uint64_t i = 0; i < shapes[index].pages; i++)
		fake_put(fixture->spans + (shapes[index].page + i) * 8, HEADERS + index * HEADER_BYTES, 8);
}

static struct fixture *make(void)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	assert_int_equal(ct_go_layout_find(26, &fixture.go), 0);
	for (size_t i = 0; i < SPANS; i++)
		put_span(&fixture, i);
	fake_init(&fixture.fake);
	fake_add(&fixture.fake, HEAP_ARENA, fixture.spans, sizeof(fixture.spans));
	fake_add(&fixture.fake, HEADERS, fixture.headers, sizeof(fixture.headers));
	fake_add(&fixture.fake, BITS, fixture.bits, sizeof(fixture.bits));
	fake_add(&fixture.fake, ARENA, fixture.words, sizeof(fixture.words));
	fake_add(&fixture.fake, ROOTS, fixture.roots, sizeof(fixture.roots));
	fixture.arena = (struct ct_arena){ ARENA, HEAP_ARENA };
	return &fixture;
}

/* Copy it, and mark from the roots. */
static void run(struct fixture *fixture, size_t work_max)
{
	ct_copy_init(&fixture->copy, &fixture->fake.memory, UINT64_C(1) << 24);
	for (size_t i = fixture->fake.count; i--;) // not in order
		assert_int_equal(ct_copy_add(&fixture->copy, fixture->fake.stretches[i].base,
					     fixture->fake.stretches[i].base + fixture->fake.stretches[i].bytes), 0);
	ct_copy_sort(&fixture->copy);
	fixture->heap = (struct ct_heap){ .memory = &fixture->copy.memory,
					  .layout = fixture->go.heap,
					  .sweepgen = SWEEPGEN,
					  .arenas = &fixture->arena,
					  .arena_count = 1 };
	assert_int_equal(ct_mark_init(&fixture->mark, &fixture->copy, &fixture->heap), 0);
	if (work_max)
		fixture->mark.work_max = work_max;
	assert_int_equal(ct_mark_range(&fixture->mark, ROOTS, ROOTS + sizeof(fixture->roots)), 0);
	assert_int_equal(ct_mark_follow(&fixture->mark), 0);
}

static void done(struct fixture *fixture)
{
	ct_mark_done(&fixture->mark);
	ct_copy_done(&fixture->copy);
}

static uint64_t small(uint64_t index)
{
	return ARENA + index * 16;
}

static uint64_t plain(uint64_t index)
{
	return ARENA + CT_GO_PAGE_BYTES + index * 16;
}

static uint64_t large(uint64_t offset)
{
	return ARENA + 2 * CT_GO_PAGE_BYTES + offset;
}

static void set(struct fixture *fixture, uint64_t at, uint64_t word)
{
	fixture->words[(at - ARENA) / 8] = word;
}

static void pointers_are_followed(void **state)
{
	struct fixture *fixture = make();

	(void)state;
	fixture->roots[7] = small(3);
	set(fixture, small(3), small(5) + 13);	 // inside of an object
	set(fixture, small(5) + 8, small(3));	 // and back
	set(fixture, small(6), small(3));	 // nobody points at this one
	set(fixture, small(3) + 8, plain(9) + 15);
	set(fixture, plain(9), small(7));	 // no pointer: the object says it has none
	run(fixture, 0);
	assert_true(ct_mark_has(&fixture->mark, small(3)) && ct_mark_has(&fixture->mark, small(5)));
	assert_true(ct_mark_has(&fixture->mark, small(5) + 15)); // asked by any address
	assert_true(ct_mark_has(&fixture->mark, plain(9)));
	assert_false(ct_mark_has(&fixture->mark, small(6)) || ct_mark_has(&fixture->mark, small(7)));
	assert_false(ct_mark_has(&fixture->mark, small(4)) || ct_mark_has(&fixture->mark, plain(8)));
	assert_int_equal(fixture->mark.marked, 3);
	done(fixture);
}

static void large_objects_are_one(void **state)
{
	struct fixture *fixture = make();

	(void)state;
	fixture->roots[0] = large(9001);
	set(fixture, large(16376), small(511));
	set(fixture, small(511) + 8, large(0));
	run(fixture, 0);
	assert_true(ct_mark_has(&fixture->mark, large(0)) && ct_mark_has(&fixture->mark, small(511)));
	assert_int_equal(fixture->mark.marked, 2);
	done(fixture);
}

/* Below freeindex, or with its bit, an element is there; else its words are those of a dead one. */
static void the_dead_are_not_marked(void **state)
{
	struct fixture *fixture = make();

	(void)state;
	fake_put(fixture->headers + fixture->go.heap->free_index, 10, 2);
	fixture->bits[2] = 0x10; // element 20
	fixture->roots[0] = small(9);
	fixture->roots[1] = small(10);
	fixture->roots[2] = small(20);
	fixture->roots[3] = small(21);
	set(fixture, small(21), small(1)); // what a dead one points at is not reached by it
	run(fixture, 0);
	assert_true(ct_mark_has(&fixture->mark, small(9)) && ct_mark_has(&fixture->mark, small(20)));
	assert_false(ct_mark_has(&fixture->mark, small(10)) || ct_mark_has(&fixture->mark, small(21)));
	assert_false(ct_mark_has(&fixture->mark, small(1)));
	done(fixture);
}

/* The sweeper sets freeindex back before it puts the new bits in: in between a live object has neither. */
static void a_span_in_sweep_hides_nothing(void **state)
{
	struct fixture *fixture = make();

	(void)state;
	fake_put(fixture->headers + fixture->go.heap->free_index, 0, 2);
	fake_put(fixture->headers + fixture->go.heap->sweepgen, SWEEPGEN - 1, 4);
	fixture->roots[0] = small(400);
	run(fixture, 0);
	assert_true(ct_mark_has(&fixture->mark, small(400)));
	done(fixture);
}

static void words_beside_objects_mark_nothing(void **state)
{
	static const uint64_t words[] = {
		0, 1, ARENA - 1, ARENA + PAGES * CT_GO_PAGE_BYTES, ARENA + CT_ARENA_BYTES, UINT64_MAX, HEADERS, ROOTS,
	};
	struct fixture *fixture = make();

	(void)state;
	memcpy(fixture->roots, words, sizeof(words));
	run(fixture, 0);
	assert_int_equal(fixture->mark.marked, 0);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_false(ct_mark_has(&fixture->mark, words[i]));
	done(fixture);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Which of the small objects are reached, found the slow way; half of all words are pointers to small ones. */
static void model(const struct fixture *fixture, bool reached[512])
{
	bool changes = true;

	memset(reached, 0, 512);
	for (size_t i = 0; i < 512; i++)
		if (fixture->roots[i] >= ARENA && fixture->roots[i] < ARENA + 8192)
			reached[(fixture->roots[i] - ARENA) / 16] = true;
	while (changes) {
		changes = false;
		for (size_t i = 0; i < 1024; i++) {
			uint64_t word = fixture->words[i];

			if (!reached[i / 2] || word < ARENA || word >= ARENA + 8192 || reached[(word - ARENA) / 16])
				continue;
			reached[(word - ARENA) / 16] = changes = true;
		}
	}
}

static void random_heaps_agree_with_a_model(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 60; round++) {
		struct fixture *fixture = make();
		uint32_t seed = round;
		bool reached[512];

		for (size_t i = 0; i < 3; i++)
			fixture->roots[next_random(&seed) % 512] = ARENA + next_random(&seed) % 8192;
		for (size_t i = 0; i < 1024; i++)
			if (next_random(&seed) % 8 < 5)
				fixture->words[i] = ARENA + next_random(&seed) % 8192;
		model(fixture, reached);
		run(fixture, round % 3 ? 1 + round % 5 : 0); // and with a work list that is far too short
		for (size_t i = 0; i < 512; i++)
			assert_int_equal(ct_mark_has(&fixture->mark, small(i)), reached[i]);
		done(fixture);
	}
}

/* Every byte that describes the heap may say anything. */
static void hostile_heaps_end(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 400; round++) {
		struct fixture *fixture = make();
		uint32_t seed = round;

		for (size_t i = 0; i < 6; i++) {
			size_t at = next_random(&seed) % (SPANS * HEADER_BYTES);

			fixture->headers[at] = (uint8_t)next_random(&seed);
		}
		fixture->spans[next_random(&seed) % 64] ^= (uint8_t)next_random(&seed);
		for (size_t i = 0; i < sizeof(fixture->words) / 8; i++)
			fixture->words[i] = ARENA + next_random(&seed) % (PAGES * CT_GO_PAGE_BYTES);
		fixture->roots[0] = small(next_random(&seed) % 512);
		run(fixture, 0);
		assert_true(fixture->mark.marked <= 1100);
		done(fixture);
	}
}

static void a_copy_reads_like_the_target(void **state)
{
	struct fixture *fixture = make();
	uint8_t buffer[64];
	uint64_t word, there;

	(void)state;
	fixture->roots[511] = 0x1122334455667788;
	run(fixture, 0);
	assert_int_equal(ct_memory_read_word(&fixture->copy.memory, ROOTS + 511 * 8, &word), 0);
	assert_int_equal(word, 0x1122334455667788);
	memset(buffer, 0xff, sizeof(buffer));
	assert_int_equal(ct_memory_read(&fixture->copy.memory, ROOTS + 4096 - 8, buffer, sizeof(buffer)), 0);
	assert_int_equal(ct_load64(buffer), 0x1122334455667788);
	for (size_t i = 8; i < sizeof(buffer); i++)
		assert_int_equal(buffer[i], 0); // behind it nothing was copied
	assert_null(ct_copy_at(&fixture->copy, ROOTS - 4096, &there));
	assert_int_equal(there, 4096);
	assert_null(ct_copy_at(&fixture->copy, UINT64_MAX - 7, &there));
	done(fixture);
}

static void a_copy_has_a_bound(void **state)
{
	struct fixture *fixture = make();
	struct ct_copy copy;

	(void)state;
	ct_copy_init(&copy, &fixture->fake.memory, 8192);
	assert_int_equal(ct_copy_reserve(&copy, 4096), 0);
	assert_int_equal(ct_copy_add(&copy, HEADERS, HEADERS + 4096), 0);
	assert_int_equal(ct_copy_add(&copy, ARENA, ARENA + 8192), -ENOSPC);
	assert_int_equal(ct_copy_add(&copy, BITS, BITS + 4096), 0);
	assert_int_equal(ct_copy_add(&copy, ROOTS, ROOTS + 4096), -ENOSPC);
	assert_int_equal(copy.bytes, 8192);
	ct_copy_done(&copy);
}

static void a_stack_on_the_move_is_two(void **state)
{
	struct ct_stretch spans[] = { { 0x1000, 0x3000 }, { 0x8000, 0xa000 } }, stacks[2];
	const struct ct_freeze freeze = { .stacks = { .list = spans, .count = 2 } };
	static const struct ct_goroutine_layout layout = { .status = 144 };
	static const struct {
		uint64_t low, high;
		uint32_t status;
		size_t count;
		struct ct_stretch stacks[2];
	} cases[] = {
		{ 0x1800, 0x2000, CT_GOROUTINE_WAITING, 1, { { 0x1800, 0x2000 } } },
		{ 0x1800, 0x2000, CT_GOROUTINE_COPYING, 1, { { 0x1800, 0x2000 } } },
		{ 0x8800, 0x2000, CT_GOROUTINE_COPYING, 2, { { 0x8000, 0xa000 }, { 0x1000, 0x3000 } } },
		{ 0x1800, 0xa000, CT_GOROUTINE_COPYING, 2, { { 0x1000, 0x3000 }, { 0x8000, 0xa000 } } },
		{ 0x1800, 0xa000, CT_GOROUTINE_WAITING | CT_GOROUTINE_SCANNED, 2, { { 0x1000, 0x3000 }, { 0x8000, 0xa000 } } },
		{ 0x2800, 0x1800, CT_GOROUTINE_COPYING, 2, { { 0x1000, 0x3000 }, { 0x1000, 0x3000 } } },
		{ 0x8800, 0x2000, CT_GOROUTINE_WAITING, 0, { { 0 } } },
		{ 0x8800, 0x5000, CT_GOROUTINE_COPYING, 0, { { 0 } } }, // the other end is no stack
		{ 0, 0, CT_GOROUTINE_COPYING, 0, { { 0 } } },
	};
	uint8_t g[CT_G_BYTES] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_put(g + CT_G_STACK_LOW, cases[i].low, 8);
		fake_put(g + CT_G_STACK_HIGH, cases[i].high, 8);
		fake_put(g + layout.status, cases[i].status, 4);
		assert_int_equal(ct_freeze_stacks_of(&freeze, &layout, g, stacks), cases[i].count);
		assert_memory_equal(stacks, cases[i].stacks, cases[i].count * sizeof(stacks[0]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pointers_are_followed),
		cmocka_unit_test(large_objects_are_one),
		cmocka_unit_test(the_dead_are_not_marked),
		cmocka_unit_test(a_span_in_sweep_hides_nothing),
		cmocka_unit_test(words_beside_objects_mark_nothing),
		cmocka_unit_test(random_heaps_agree_with_a_model),
		cmocka_unit_test(hostile_heaps_end),
		cmocka_unit_test(a_copy_reads_like_the_target),
		cmocka_unit_test(a_copy_has_a_bound),
		cmocka_unit_test(a_stack_on_the_move_is_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
