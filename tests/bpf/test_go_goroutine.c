// SPDX-License-Identifier: Apache-2.0
/* Goroutines: start and end, and the context one captured, which must never be a neighbour's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "go_world.h"

#define NEW_G	     0xc000400000
#define FUNCTION     0xc000500000 // the function value {code, captured words...}
#define BOX	     0xc000502000 // a variable of its own
#define GO_STATEMENT 0x402345
#define ENTRY	     0x404000

/* The heap's index: one arena, and a span for the page of the function value and of the box. */
#define ARENAS	  0xc000600000
#define ARENA	  0xc000700000
#define SPAN	  0xc000800000
#define BASE	  0x800000000000
#define SPANS_AT  24
#define ELEM_AT	  104
#define PAGE_BITS 13

static struct go_world world;

static int set_up(void **state)
{
	(void)state;
	go_world_init(&world);
	shim_poke(NEW_G + GO_GOID, 77);
	shim_poke(NEW_G + GO_PARENT, GO_TASK);
	shim_poke(NEW_G + GO_GOPC, GO_STATEMENT);
	shim_poke(NEW_G + GO_STARTPC, ENTRY);
	shim_poke(NEW_G + GO_SCHED, FUNCTION);
	for (uint64_t i = 0; i < 8; i++)
		shim_poke(FUNCTION + 8 * i, i ? 0 : ENTRY);
	return 0;
}

/* Objects of so many bytes lie on the page of `address`. */
static void make_span(uint64_t address, uint64_t object_bytes)
{
	uint64_t span = SPAN + (address >> PAGE_BITS & 0xff) * 0x200;

	world.config.go.heap_arenas = ARENAS;
	world.config.go.heap_base = BASE;
	world.config.go.arena_spans = SPANS_AT;
	world.config.go.span_elem_bytes = ELEM_AT;
	go_world_configure(&world);
	shim_poke(ARENAS + 8 * ((address + BASE) >> 26), ARENA);
	shim_poke(ARENA + SPANS_AT + 8 * (address >> PAGE_BITS & 0x1fff), span);
	shim_poke(span + ELEM_AT, object_bytes);
}

static void capture(size_t word, struct go_interface value)
{
	shim_poke(FUNCTION + 8 * (word + 1), value.itab);
	shim_poke(FUNCTION + 8 * (word + 2), value.data);
}

static const struct ct_event_task_start *start(void)
{
	clear_events();
	world.regs.rbx = NEW_G;
	hit(go_begin, &world.regs, CT_COOKIE(CT_ROLE_GO_TASK_START, 0));
	return only(CT_EVENT_TASK_START).task_start;
}

static void test_start(void **state)
{
	const struct ct_event_task_start *event = start();

	(void)state;
	assert_int_equal(event->task, 77);
	assert_int_equal(event->creator, GO_TASK);
	assert_int_equal(event->entry, ENTRY);
	assert_int_equal(event->context, 0);
	assert_int_equal(event->header.flags, 0);
	assert_int_equal(event->entry_path, 0);
	assert_int_equal(event->path, 1);
	assert_int_equal(stack_of(1)->depth, 1);
	assert_int_equal(stack_of(1)->frames[0], GO_STATEMENT);
	// The same `go` statement again: the same path, not sent again.
	assert_int_equal(start()->path, 1);
	assert_int_equal(shim_events(), 1);
	assert_int_equal(all_counters(), 0);
}

/* Up to Go 1.20 nobody knows the creator; a `go` statement at 0 is none. */
static void test_start_with_less(void **state)
{
	(void)state;
	world.config.go.g_parent_goid = 0;
	world.config.go.g_sched_ctxt = 0;
	go_world_configure(&world);
	capture(0, go_context(&world, CT_KIND_CANCEL));
	shim_poke(NEW_G + GO_GOPC, 0);
	assert_int_equal(start()->creator, 0);
	assert_int_equal(start()->path, 0);
	assert_int_equal(start()->context, 0);
	world.config.take_stacks = 0;
	go_world_configure(&world);
	shim_poke(NEW_G + GO_GOPC, GO_STATEMENT);
	assert_int_equal(start()->path, 0);
}

/* A goroutine that cannot be read is none; nothing was lost that anybody could have known. */
static void test_unreadable_goroutine(void **state)
{
	(void)state;
	for (uint64_t read = 1; read <= 5; read++) {
		clear_events();
		shim.reads = 0;
		shim.fail_read = read;
		world.regs.rbx = NEW_G;
		hit(go_begin, &world.regs, CT_COOKIE(CT_ROLE_GO_TASK_START, 0));
		assert_int_equal(shim_events(), 0);
		assert_int_equal(counter(CT_COUNTER_READ_GOROUTINE), 1);
		assert_int_equal(all_counters(), 1);
	}
	shim.fail_read = 0;
	assert_int_equal(start()->header.sequence, 2);
}

static void test_end(void **state)
{
	(void)state;
	clear_events();
	hit(go_end, &world.regs, CT_COOKIE(CT_ROLE_GO_TASK_END, 0));
	assert_int_equal(only(CT_EVENT_TASK_END).task_end->task, GO_TASK);
	assert_int_equal(all_counters(), 0);
	world.regs.r14 = 0x10; // not a goroutine
	clear_events();
	hit(go_end, &world.regs, CT_COOKIE(CT_ROLE_GO_TASK_END, 0));
	assert_int_equal(only(CT_EVENT_TASK_END).task_end->task, 0);
	assert_int_equal(counter(CT_COUNTER_READ_TASK), 1);
}

static void test_request_becomes_something_else(void **state)
{
	static const struct {
		enum ct_role role;
		uint8_t flags;
	} rows[] = { { CT_ROLE_GO_HIJACK, CT_REQUEST_HIJACKED }, { CT_ROLE_GO_FLUSH, CT_REQUEST_STREAM } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		clear_events();
		hit(go_end, &world.regs, CT_COOKIE(rows[i].role, 0));
		assert_int_equal(only(CT_EVENT_REQUEST).request->task, GO_TASK);
		assert_int_equal(only(CT_EVENT_REQUEST).request->context, 0);
		assert_int_equal(only(CT_EVENT_REQUEST).header->flags, rows[i].flags);
	}
}

/* Without the heap's index the first pair is looked at, which belongs to the function value whatever its size. */
static void test_captured_without_heap(void **state)
{
	struct go_interface context = go_context(&world, CT_KIND_CANCEL);

	(void)state;
	capture(0, context);
	assert_int_equal(start()->context, context.data);
	shim_poke(FUNCTION + 8, 5);
	capture(1, context);
	assert_int_equal(start()->context, 0);
	assert_int_equal(all_counters(), 0);
}

/* A program that is traced from its first instruction has no heap yet; where it will be found is known. */
static void test_captured_with_heap_to_come(void **state)
{
	const uint64_t arenas_at = ARENAS - 0x1000;
	struct go_interface context = go_context(&world, CT_KIND_CANCEL);

	(void)state;
	make_span(FUNCTION, 32);
	world.config.go.heap_arenas = 0;
	world.config.go.heap_arenas_at = arenas_at;
	go_world_configure(&world);
	shim_poke(arenas_at, 0);
	shim_poke(FUNCTION + 8, 5);
	capture(1, context);
	assert_int_equal(start()->context, 0);
	shim_poke(arenas_at, ARENAS);
	assert_int_equal(start()->context, context.data);
	assert_int_equal(all_counters(), 0);
}

/* With it every pair inside the object, and none outside. */
static void test_captured_within_the_object(void **state)
{
	struct go_interface context = go_context(&world, CT_KIND_DEADLINE);

	(void)state;
	for (size_t word = 0; word < 3; word++) {
		for (uint64_t words = 1; words <= 8; words++) {
			bool is_inside = word + 2 <= words - 1;

			set_up(state);
			context = go_context(&world, CT_KIND_DEADLINE);
			capture(word, context);
			make_span(FUNCTION, 8 * words);
			assert_int_equal(start()->context, is_inside ? context.data : 0);
		}
	}
	// A function value that is not on the heap (a static closure) captured nothing.
	set_up(state);
	capture(0, go_context(&world, CT_KIND_CANCEL));
	make_span(BOX, 16);
	assert_int_equal(start()->context, 0);
	assert_int_equal(all_counters(), 0);
}

/* One context twice is one. Of two nobody knows which the goroutine works with. */
static void test_captured_two(void **state)
{
	struct go_interface context = go_context(&world, CT_KIND_DEADLINE);

	(void)state;
	make_span(FUNCTION, 64);
	capture(0, context);
	capture(5, context);
	assert_int_equal(start()->context, context.data);
	capture(5, go_context(&world, CT_KIND_CANCEL));
	assert_int_equal(start()->context, 0);
}

/* What it captured leads to what can end it: through links, and to nothing behind a detached one or at a root. */
static void test_captured_chains(void **state)
{
	struct go_interface parent = go_context(&world, CT_KIND_AFTER_FUNC);
	struct go_interface foreign = go_context(&world, CT_KIND_FOREIGN);

	(void)state;
	capture(0, go_wrap(&world, CT_KIND_VALUE, go_wrap(&world, CT_KIND_VALUE, parent)));
	assert_int_equal(start()->context, parent.data);
	capture(0, go_wrap(&world, CT_KIND_DETACHED, parent));
	assert_int_equal(start()->context, 0);
	capture(0, go_wrap(&world, CT_KIND_VALUE, go_context(&world, CT_KIND_BACKGROUND)));
	assert_int_equal(start()->context, 0);
	capture(0, go_wrap(&world, CT_KIND_VALUE, foreign));
	assert_int_equal(start()->context, foreign.data);
	// An interface of some other type is no context, nor is an error.
	capture(0, foreign);
	assert_int_equal(start()->context, 0);
	capture(0, (struct go_interface){go_deadline_exceeded(&world).itab, 1});
	assert_int_equal(start()->context, 0);
	// A nil context, a small number that looks like an itab.
	capture(0, (struct go_interface){parent.itab, 0});
	assert_int_equal(start()->context, 0);
	capture(0, (struct go_interface){4095, parent.data});
	assert_int_equal(start()->context, 0);
	assert_int_equal(all_counters(), 0);
}

/* A variable that is assigned to after it was captured: the function value holds its address. */
static void test_captured_by_reference(void **state)
{
	for (size_t word = 0; word < 3; word++) {
		struct go_interface context;

		set_up(state);
		context = go_context(&world, CT_KIND_CANCEL);
		make_span(FUNCTION, 32);
		make_span(BOX, 16);
		shim_poke(BOX + 0x20, context.itab);
		shim_poke(BOX + 0x28, context.data);
		shim_poke(FUNCTION + 8 * (word + 1), BOX + 0x20);
		assert_int_equal(start()->context, context.data);
	}
	// An object of another size is no such variable.
	make_span(BOX, 24);
	assert_int_equal(start()->context, 0);
	assert_int_equal(all_counters(), 0);
}

/* A context of the program's own type, whose data is an interface as well: nobody knows what it makes of it. */
static void test_captured_foreign_context(void **state)
{
	const uint64_t foreign_itab = BOX + 0x100, context_type = BOX + 0x200;
	struct go_interface context = go_context(&world, CT_KIND_CANCEL);

	(void)state;
	make_span(FUNCTION, 32);
	make_span(BOX, 16);
	shim_poke(BOX + 0x20, context.itab);
	shim_poke(BOX + 0x28, context.data);
	shim_poke(context.itab, context_type);
	shim_poke(foreign_itab, context_type);
	shim_poke(foreign_itab + 8, 0x505000);
	shim_poke(FUNCTION + 8, foreign_itab);
	shim_poke(FUNCTION + 16, BOX + 0x20);
	assert_int_equal(start()->context, 0);
	shim_poke(foreign_itab, context_type + 8); // of another interface: what follows is a variable
	assert_int_equal(start()->context, context.data);
	assert_int_equal(all_counters(), 0);
}

/* Every read on the way to a captured context fails once: the start is told all the same, with or without it. */
static void test_each_read_of_a_captured_context_may_fail(void **state)
{
	struct go_interface context;
	uint64_t reads;

	(void)state;
	make_span(FUNCTION, 32);
	make_span(BOX, 16);
	context = go_context(&world, CT_KIND_CANCEL);
	shim_poke(BOX, context.itab);
	shim_poke(BOX + 8, context.data);
	shim_poke(FUNCTION + 16, BOX);
	shim.reads = 0;
	assert_int_equal(start()->context, context.data);
	reads = shim.reads;
	assert_true(reads > 8);
	for (uint64_t read = 6; read <= reads; read++) { // the first five are the goroutine's own
		const struct ct_event_task_start *event;

		shim.reads = 0;
		shim.fail_read = read;
		event = start();
		assert_int_equal(event->task, 77);
		assert_true(event->context == 0 || event->context == context.data);
		assert_int_equal(drops(), 0);
	}
	shim.fail_read = 0;
	shim_poke(NEW_G + GO_SCHED, 0);
	assert_int_equal(start()->context, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_start, set_up),
		cmocka_unit_test_setup(test_start_with_less, set_up),
		cmocka_unit_test_setup(test_unreadable_goroutine, set_up),
		cmocka_unit_test_setup(test_end, set_up),
		cmocka_unit_test_setup(test_captured_without_heap, set_up),
		cmocka_unit_test_setup(test_captured_with_heap_to_come, set_up),
		cmocka_unit_test_setup(test_captured_within_the_object, set_up),
		cmocka_unit_test_setup(test_request_becomes_something_else, set_up),
		cmocka_unit_test_setup(test_captured_two, set_up),
		cmocka_unit_test_setup(test_captured_chains, set_up),
		cmocka_unit_test_setup(test_captured_by_reference, set_up),
		cmocka_unit_test_setup(test_captured_foreign_context, set_up),
		cmocka_unit_test_setup(test_each_read_of_a_captured_context_may_fail, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
