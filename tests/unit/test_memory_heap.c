// SPDX-License-Identifier: Apache-2.0
/*
 * A Go heap made by hand: which spans count, which of their elements live, and what numbers are not believed. Also the
 * names of closures, and the bounds of every read.
 */
#include "fake_memory.h"
#include "memory/closures.h"
#include "memory/heap.h"
#include "memory/objects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define MHEAP UINT64_C(0x600000)
#define ARENAS UINT64_C(0x7f0000000000)
#define HEAP_ARENA UINT64_C(0x7f1000000000)
#define HEADERS UINT64_C(0x7f2000000000)
#define ALLOC_BITS UINT64_C(0x7f3000000000)
#define ARENA UINT64_C(0xc000000000)
#define ELEMENT 80u
#define ELEMENTS 102u /* 8,192 / 80 */
#define SWEEPGEN 10u

/* One arena whose first page is a span of 80-byte elements, in the layout of one release. */
struct fixture {
	struct fake_memory fake;
	struct ct_go_layout go;
	struct ct_heap heap;
	uint8_t mheap[66200], headers[4096], bits[64], page[CT_GO_PAGE_BYTES];
	uint8_t *arenas, *spans;
};

static void put_arena_table(struct fixture *fixture)
{
	uint64_t index = (ARENA + CT_ARENA_BASE) / CT_ARENA_BYTES % CT_ARENA_COUNT;

	fixture->arenas = calloc(CT_ARENA_COUNT, 8);
	fixture->spans = calloc(1, fixture->go.heap->arena_spans + CT_ARENA_PAGES * 8);
	assert_true(fixture->arenas && fixture->spans);
	fake_put(fixture->arenas + 8 * index, HEAP_ARENA, 8);
	fake_put(fixture->spans + fixture->go.heap->arena_spans, HEADERS, 8);
	fake_put(fixture->mheap + fixture->go.heap->heap_arenas, ARENAS, 8);
	fake_put(fixture->mheap + fixture->go.heap->heap_sweepgen, SWEEPGEN, 4);
}

static void put_span(struct fixture *fixture, uint64_t elements, uint64_t free_index)
{
	const struct ct_heap_layout *layout = fixture->go.heap;

	fake_put(fixture->headers + 24, ARENA, 8);
	fake_put(fixture->headers + 32, 1, 8);
	fake_put(fixture->headers + layout->elements, elements, layout->count_bytes);
	fake_put(fixture->headers + layout->free_index, free_index, layout->count_bytes);
	fake_put(fixture->headers + layout->alloc_bits, ALLOC_BITS, 8);
	fake_put(fixture->headers + layout->sweepgen, SWEEPGEN, 4);
	fixture->headers[layout->state - 1] = 0;
	fixture->headers[layout->state] = 1;
	fake_put(fixture->headers + layout->element_bytes, ELEMENT, 8);
}

static struct fixture *begin(unsigned int minor)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	assert_int_equal(ct_go_layout_find(minor, &fixture.go), 0);
	put_arena_table(&fixture);
	put_span(&fixture, ELEMENTS, 2);
	fake_init(&fixture.fake);
	fake_add(&fixture.fake, MHEAP, fixture.mheap, sizeof(fixture.mheap));
	fake_add(&fixture.fake, ARENAS, fixture.arenas, CT_ARENA_COUNT * 8);
	fake_add(&fixture.fake, HEAP_ARENA, fixture.spans, fixture.go.heap->arena_spans + CT_ARENA_PAGES * 8);
	fake_add(&fixture.fake, HEADERS, fixture.headers, sizeof(fixture.headers));
	fake_add(&fixture.fake, ALLOC_BITS, fixture.bits, sizeof(fixture.bits));
	fake_add(&fixture.fake, ARENA, fixture.page, sizeof(fixture.page));
	fixture.heap = (struct ct_heap){ .memory = &fixture.fake.memory, .layout = fixture.go.heap, .mheap = MHEAP };
	return &fixture;
}

static void done(struct fixture *fixture)
{
	ct_heap_done(&fixture->heap);
	free(fixture->arenas);
	free(fixture->spans);
}

/* How many spans of 80-byte elements the heap has now. */
static size_t spans_of(struct fixture *fixture)
{
	assert_int_equal(ct_heap_load(&fixture->heap, ct_size_bit(ELEMENT)), 0);
	return fixture->heap.span_count;
}

static void every_release_has_a_heap(void **state)
{
	struct ct_go_layout layout;

	(void)state;
	for (unsigned int minor = 17; minor <= 27; minor++) {
		struct fixture *fixture = begin(minor);
		struct ct_span span;

		assert_int_equal(spans_of(fixture), 1);
		assert_int_equal(fixture->heap.spans[0].elements, ELEMENTS);
		assert_int_equal(fixture->heap.spans[0].free_index, 2);
		assert_int_equal(ct_heap_span_at(&fixture->heap, ARENA + 3 * ELEMENT, &span), 0);
		assert_int_equal(span.start, ARENA);
		done(fixture);
	}
	assert_int_equal(ct_go_layout_find(16, &layout), -EOPNOTSUPP);
	assert_int_equal(ct_go_layout_find(28, &layout), -EOPNOTSUPP);
	assert_int_equal(ct_go_layout_find(UINT32_MAX, &layout), -EOPNOTSUPP);
}

/* Below freeindex all live; from there on the bits of the last collection tell. */
/* The pages of a freed span keep their entries, and its header is that of the span right behind them now. */
static void a_span_behind_its_own_stale_entries_counts(void **state)
{
	struct fixture *fixture = begin(26);
	uint8_t *entries = fixture->spans + fixture->go.heap->arena_spans;

	(void)state;
	for (unsigned int page = 0; page < 7; page++)
		fake_put(entries + 8 * (size_t)page, HEADERS, 8);
	fake_put(fixture->headers + 24, ARENA + 3 * CT_GO_PAGE_BYTES, 8);
	fake_put(fixture->headers + 32, 2, 8); // pages 3 and 4; 5 and 6 are stale as well
	assert_int_equal(spans_of(fixture), 1);
	assert_int_equal(fixture->heap.spans[0].start, ARENA + 3 * CT_GO_PAGE_BYTES);
	done(fixture);
}

static void elements_live_by_index_or_bit(void **state)
{
	static struct ct_span_view view;
	struct fixture *fixture = begin(26);

	(void)state;
	fixture->bits[0] = 0x88; // elements 3 and 7
	fixture->bits[12] = 0x20; // element 101, the last
	assert_int_equal(spans_of(fixture), 1);
	assert_int_equal(ct_heap_view(&fixture->heap, &fixture->heap.spans[0], &view), 0);
	assert_true(view.is_swept);
	for (uint32_t i = 0; i < ELEMENTS; i++) {
		bool has_survived = i == 3 || i == 7 || i == 101; // the first two were made since

		assert_int_equal(ct_view_has_survived(&view, i), has_survived);
		assert_int_equal(ct_view_is_live(&view, i), i < 2 || has_survived);
	}
	done(fixture);
}

/* Swept since the last collection began, or cached since: then, and only then, the bits are of now. The same two for a
 * collection that began while the heap was being read: one generation, two counts, later. */
static void unswept_bits_are_not_of_now(void **state)
{
	static const struct {
		int ahead;
		bool is_swept;
	} cases[] = { { -2, false }, { -1, false }, { 0, true }, { 1, false },
		    { 2, true },   { 3, true },	  { 4, false }, { 5, true } };
	static struct ct_span_view view;
	struct fixture *fixture = begin(26);

	(void)state;
	assert_int_equal(spans_of(fixture), 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_put(fixture->headers + fixture->go.heap->sweepgen, (uint64_t)(SWEEPGEN + cases[i].ahead), 4);
		assert_int_equal(ct_heap_view(&fixture->heap, &fixture->heap.spans[0], &view), 0);
		assert_int_equal(view.is_swept, cases[i].is_swept);
	}
	done(fixture);
}

/* A header with one number that cannot be: the span does not count. */
static void refuse(uint8_t offset, uint64_t value, size_t bytes)
{
	struct fixture *fixture = begin(26);

	fake_put(fixture->headers + offset, value, bytes);
	assert_int_equal(spans_of(fixture), 0);
	done(fixture);
}

static void hostile_spans_do_not_count(void **state)
{
	struct ct_go_layout go;
	const struct ct_heap_layout *layout;

	(void)state;
	assert_int_equal(ct_go_layout_find(26, &go), 0);
	layout = go.heap;
	refuse(layout->state, 0, 1);			     // dead
	refuse(layout->state, 2, 1);			     // a stack
	refuse((uint8_t)(layout->state - 1), 1, 1);	     // without pointers
	refuse(layout->element_bytes, 0, 8);
	refuse(layout->element_bytes, 84, 8);
	refuse(layout->element_bytes, 136, 8);
	refuse(layout->element_bytes, UINT64_MAX - 7, 8);
	refuse(layout->elements, 0, layout->count_bytes);
	refuse(layout->elements, ELEMENTS + 1, layout->count_bytes); // more than there is room for
	refuse(layout->elements, UINT16_MAX, layout->count_bytes);
	refuse(layout->free_index, ELEMENTS + 1, layout->count_bytes);
	refuse(24, ARENA + CT_GO_PAGE_BYTES, 8); // not the page that names it
	refuse(24, ARENA + 8, 8);
	refuse(32, 0, 8);
	refuse(32, UINT64_MAX, 8);
	refuse(32, CT_SPAN_BYTES_MAX / CT_GO_PAGE_BYTES + 1, 8);
}

static void what_is_no_heap_is_told(void **state)
{
	struct fixture *fixture = begin(26);

	(void)state;
	fake_put(fixture->mheap + fixture->go.heap->heap_sweepgen, 11, 4);
	assert_int_equal(ct_heap_load(&fixture->heap, UINT32_MAX), -EPROTO);
	fake_put(fixture->mheap + fixture->go.heap->heap_sweepgen, SWEEPGEN, 4);
	fake_put(fixture->mheap + fixture->go.heap->heap_arenas, ARENAS + 8, 8);
	assert_int_equal(ct_heap_load(&fixture->heap, UINT32_MAX), -EPROTO);
	fake_put(fixture->mheap + fixture->go.heap->heap_arenas, 0, 8);
	assert_int_equal(ct_heap_load(&fixture->heap, UINT32_MAX), -EAGAIN); // not set up yet
	fake_put(fixture->mheap + fixture->go.heap->heap_arenas, UINT64_C(0x7f4000000000), 8);
	assert_int_equal(ct_heap_load(&fixture->heap, UINT32_MAX), -EFAULT);
	done(fixture);
}

static void spans_that_change_meanwhile_are_told(void **state)
{
	static struct ct_span_view view;
	struct fixture *fixture = begin(26);
	struct ct_span span;

	(void)state;
	assert_int_equal(spans_of(fixture), 1);
	fake_put(fixture->headers + fixture->go.heap->elements, 50, 2);
	assert_int_equal(ct_heap_view(&fixture->heap, &fixture->heap.spans[0], &view), -EAGAIN);
	fixture->headers[fixture->go.heap->state] = 0;
	assert_int_equal(ct_heap_view(&fixture->heap, &fixture->heap.spans[0], &view), -EAGAIN);
	assert_int_equal(ct_heap_span_at(&fixture->heap, ARENA, &span), -ENOENT);
	put_span(fixture, ELEMENTS, 2);
	fake_put(fixture->headers + fixture->go.heap->alloc_bits, 0, 8); // bits that are not there
	assert_int_equal(ct_heap_view(&fixture->heap, &fixture->heap.spans[0], &view), -EAGAIN);
	done(fixture);
}

static void addresses_are_found_in_their_span(void **state)
{
	struct fixture *fixture = begin(26);
	struct ct_span span;

	(void)state;
	assert_int_equal(spans_of(fixture), 1);
	assert_ptr_equal(ct_heap_find(&fixture->heap, ARENA), &fixture->heap.spans[0]);
	assert_ptr_equal(ct_heap_find(&fixture->heap, ARENA + ELEMENTS * ELEMENT - 1), &fixture->heap.spans[0]);
	assert_null(ct_heap_find(&fixture->heap, ARENA + ELEMENTS * ELEMENT)); // its tail is no element
	assert_null(ct_heap_find(&fixture->heap, ARENA - 1));
	assert_int_equal(ct_heap_span_at(&fixture->heap, ARENA + ELEMENTS * ELEMENT, &span), -ENOENT);
	assert_int_equal(ct_heap_span_at(&fixture->heap, ARENA + CT_GO_PAGE_BYTES, &span), -ENOENT);
	assert_int_equal(ct_heap_span_at(&fixture->heap, ARENA + CT_ARENA_BYTES, &span), -ENOENT);
	assert_true(ct_heap_contains(&fixture->heap, ARENA + CT_ARENA_BYTES - 1));
	assert_false(ct_heap_contains(&fixture->heap, ARENA + CT_ARENA_BYTES));
	assert_false(ct_heap_contains(&fixture->heap, ARENA - 1));
	assert_int_equal(ct_heap_load(&fixture->heap, ct_size_bit(112)), 0); // other sizes only
	assert_int_equal(fixture->heap.span_count, 0);
	done(fixture);
}

/* A second span at page 1: 40,960 bytes, one object, no pointers. */
static void put_large_span(struct fixture *fixture)
{
	const struct ct_heap_layout *layout = fixture->go.heap;
	uint8_t *header = fixture->headers + 512;

	fake_put(header + 24, ARENA + CT_GO_PAGE_BYTES, 8);
	fake_put(header + 32, 5, 8);
	fake_put(header + layout->elements, 1, layout->count_bytes);
	fake_put(header + layout->free_index, 1, layout->count_bytes);
	header[layout->state - 1] = 1;
	header[layout->state] = 1;
	fake_put(header + layout->element_bytes, 5 * CT_GO_PAGE_BYTES, 8);
	for (size_t page = 1; page < 6; page++)
		fake_put(fixture->spans + layout->arena_spans + page * 8, HEADERS + 512, 8);
}

static void objects_are_found_by_any_address_inside(void **state)
{
	struct fixture *fixture = begin(26);
	struct ct_objects objects = { 0 };
	const struct ct_object_span *span;

	(void)state;
	put_large_span(fixture);
	assert_int_equal(spans_of(fixture), 1); // the census itself has no use for large objects
	assert_int_equal(ct_objects_load(&objects, &fixture->heap), 0);
	assert_int_equal(objects.count, 2);
	assert_int_equal(objects.bytes_with_pointers, CT_GO_PAGE_BYTES);
	span = ct_objects_find(&objects, ARENA + 3 * ELEMENT + 79);
	assert_non_null(span);
	assert_true(span->has_pointers && ct_object_start(span, ARENA + 3 * ELEMENT + 79) == ARENA + 3 * ELEMENT);
	span = ct_objects_find(&objects, ARENA + 6 * CT_GO_PAGE_BYTES - 1);
	assert_non_null(span);
	assert_true(!span->has_pointers && ct_object_start(span, ARENA + 40000) == ARENA + CT_GO_PAGE_BYTES);
	assert_null(ct_objects_find(&objects, ARENA + (uint64_t)ELEMENT * ELEMENTS)); // the rest of its page
	assert_null(ct_objects_find(&objects, ARENA - 1));
	assert_null(ct_objects_find(&objects, ARENA + 6 * CT_GO_PAGE_BYTES));
	ct_objects_done(&objects);
	done(fixture);
}

/* A listing taken while spans came and went names one page twice: an address still has one answer. */
static void overlapping_spans_are_dropped(void **state)
{
	struct fixture *fixture = begin(26);
	const struct ct_heap_layout *layout = fixture->go.heap;
	struct ct_objects objects = { 0 };

	(void)state;
	put_large_span(fixture);
	fake_put(fixture->headers + 32, 3, 8); // the first span claims three pages, two of them the other's
	assert_int_equal(spans_of(fixture), 1);
	assert_int_equal(ct_objects_load(&objects, &fixture->heap), 0);
	assert_int_equal(objects.count, 1);
	assert_true(objects.spans[0].start == ARENA);
	fake_put(fixture->headers + layout->element_bytes, 0, 8);
	assert_int_equal(ct_objects_load(&objects, &fixture->heap), 0);
	assert_int_equal(objects.count, 1);
	assert_true(objects.spans[0].start == ARENA + CT_GO_PAGE_BYTES);
	ct_objects_done(&objects);
	done(fixture);
}

static void reads_have_bounds(void **state)
{
	static struct ct_memory_window window;
	uint8_t page[4096] = { 7 }, byte = 0;
	struct fake_memory fake;
	uint64_t word = 77;

	(void)state;
	fake_init(&fake);
	fake_add(&fake, 0x10000, page, sizeof(page));
	assert_int_equal(ct_memory_read(&fake.memory, 0, &byte, 1), -EFAULT);
	assert_int_equal(ct_memory_read(&fake.memory, 4095, &byte, 1), -EFAULT);
	assert_int_equal(ct_memory_read(&fake.memory, UINT64_MAX, &byte, 1), -EFAULT);
	assert_int_equal(ct_memory_read(&fake.memory, (UINT64_C(1) << 48) - 1, &byte, 2), -EFAULT);
	assert_int_equal(ct_memory_read(&fake.memory, 0x10000, &byte, SIZE_MAX), -EFAULT);
	assert_int_equal(fake.reads, 0); // none of these reached the target
	assert_int_equal(ct_memory_read(&fake.memory, 1, NULL, 0), 0);
	assert_int_equal(ct_memory_read_word(&fake.memory, 0x10ffc, &word), -EFAULT);
	assert_int_equal(word, 77);
	assert_int_equal(ct_memory_window_read(&window, &fake.memory, 0x10000, &byte, 1), 0); // its window ends beyond the page
	assert_int_equal(byte, 7);
	assert_int_equal(ct_memory_window_read(&window, &fake.memory, 0x10fff, &word, 8), -EFAULT);
	assert_int_equal(ct_memory_window_read(&window, &fake.memory, UINT64_MAX - 2, &word, 8), -EFAULT);
}

static void closures_go_by_their_names(void **state)
{
	static const struct {
		const char *name;
		unsigned int minor;
		enum ct_closure_role role;
	} cases[] = {
		{ "context.WithCancel.func1", 26, CT_CLOSURE_CANCEL },
		{ "main.serve.WithCancel.func12", 26, CT_CLOSURE_CANCEL }, // inlined
		{ "context.WithCancelCause.func1", 21, CT_CLOSURE_CANCEL },
		{ "main.MyWithCancel.func1", 26, CT_CLOSURE_NONE },
		{ "main.(*waiter).AfterFunc.func1", 26, CT_CLOSURE_NONE }, // a method of the program's own
		{ "example.com/my.org/wait.AfterFunc.func1", 26, CT_CLOSURE_NONE }, // a function of it
		{ "example.com/my.org/wait.(*T[...]).run.AfterFunc.func1", 26, CT_CLOSURE_AFTER_FUNC },
		{ "mycontext.WithCancel.func1", 26, CT_CLOSURE_NONE },
		{ "context.WithCancel", 26, CT_CLOSURE_NONE },
		{ "context.WithCancel.func", 26, CT_CLOSURE_NONE },
		{ "WithCancel.func1", 26, CT_CLOSURE_NONE },
		{ "context.AfterFunc.func1", 26, CT_CLOSURE_AFTER_FUNC },
		{ "context.WithDeadlineCause.func1", 26, CT_CLOSURE_DEADLINE },
		{ "context.WithDeadlineCause.func2", 26, CT_CLOSURE_TIMER },
		{ "context.WithDeadlineCause.func3", 21, CT_CLOSURE_DEADLINE },
		{ "context.WithDeadlineCause.func2", 20, CT_CLOSURE_NONE },
		{ "context.WithDeadline.func2", 20, CT_CLOSURE_TIMER },
		{ "context.WithDeadline.func2", 21, CT_CLOSURE_NONE },
		{ "context.(*cancelCtx).propagateCancel.func2", 26, CT_CLOSURE_WATCHER },
		{ "context.propagateCancel.func1", 17, CT_CLOSURE_WATCHER },
		{ "", 26, CT_CLOSURE_NONE },
		{ "123", 26, CT_CLOSURE_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (ct_closure_role_of(cases[i].name, cases[i].minor) != cases[i].role)
			fail_msg("%s in 1.%u", cases[i].name, cases[i].minor);
	assert_true(ct_closure_is_owner(CT_CLOSURE_CANCEL) && ct_closure_is_owner(CT_CLOSURE_AFTER_FUNC));
	assert_false(ct_closure_is_owner(CT_CLOSURE_TIMER) || ct_closure_is_owner(CT_CLOSURE_NONE));
}

static void closures_are_found_by_address(void **state)
{
	struct ct_closures closures = { 0 };

	(void)state;
	assert_int_equal(ct_closures_look(&closures, 0x401000), CT_CLOSURE_NONE);
	for (uint64_t i = 1; i <= 5000; i++) // many inlined copies: the table grows
		assert_int_equal(ct_closures_add(&closures, 0x400000 + 32 * i, i % 2 ? CT_CLOSURE_CANCEL :
										       CT_CLOSURE_TIMER),
				 0);
	assert_int_equal(ct_closures_add(&closures, 0x400020, CT_CLOSURE_WATCHER), 0); // one address, one role
	assert_int_equal(ct_closures_add(&closures, 0, CT_CLOSURE_WATCHER), 0);
	assert_int_equal(closures.count, 5000);
	assert_int_equal(ct_closures_look(&closures, 0x400020), CT_CLOSURE_WATCHER);
	for (uint64_t i = 2; i <= 5000; i++)
		assert_int_equal(ct_closures_look(&closures, 0x400000 + 32 * i),
				 i % 2 ? CT_CLOSURE_CANCEL : CT_CLOSURE_TIMER);
	assert_int_equal(ct_closures_look(&closures, 0), CT_CLOSURE_NONE);
	assert_int_equal(ct_closures_look(&closures, 0x400021), CT_CLOSURE_NONE);
	ct_closures_done(&closures);
}

/* A return address lies behind its call, so it may be the first byte of the next function, never of its own. */
static void calls_are_found_by_return_address(void **state)
{
	struct ct_closures closures = { 0 };

	(void)state;
	assert_false(ct_closures_is_call(&closures, 0x400010));
	for (uint64_t i = 100; i; i--) // in any order
		assert_int_equal(ct_closures_add_call(&closures, 0x400000 + 64 * i, 0x400000 + 64 * i + 32), 0);
	assert_int_equal(closures.calls_count, 100);
	for (uint64_t start = 0x400040; start <= 0x401900; start += 64) {
		assert_false(ct_closures_is_call(&closures, start));
		assert_true(ct_closures_is_call(&closures, start + 5) && ct_closures_is_call(&closures, start + 32));
		assert_false(ct_closures_is_call(&closures, start + 33));
	}
	assert_false(ct_closures_is_call(&closures, 0) || ct_closures_is_call(&closures, UINT64_MAX));
	ct_closures_done(&closures);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_release_has_a_heap),
		cmocka_unit_test(a_span_behind_its_own_stale_entries_counts),
		cmocka_unit_test(elements_live_by_index_or_bit),
		cmocka_unit_test(unswept_bits_are_not_of_now),
		cmocka_unit_test(hostile_spans_do_not_count),
		cmocka_unit_test(what_is_no_heap_is_told),
		cmocka_unit_test(spans_that_change_meanwhile_are_told),
		cmocka_unit_test(addresses_are_found_in_their_span),
		cmocka_unit_test(objects_are_found_by_any_address_inside),
		cmocka_unit_test(overlapping_spans_are_dropped),
		cmocka_unit_test(reads_have_bounds),
		cmocka_unit_test(closures_go_by_their_names),
		cmocka_unit_test(closures_are_found_by_address),
		cmocka_unit_test(calls_are_found_by_return_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
