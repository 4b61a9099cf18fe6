// SPDX-License-Identifier: Apache-2.0
/* A Go context is made: what CREATE says about it, its parent and its deadline, and what it says when memory fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "go_world.h"

#define MONOTONIC (UINT64_C(1) << 63)
#define CARRY	  0x01
#define ZERO	  0x40

static struct go_world world;

static int set_up(void **state)
{
	(void)state;
	go_world_init(&world);
	return 0;
}

/* Make a child of this kind; the ring holds its CREATE and nothing from before. */
static const struct ct_event_create *create(struct go_interface parent, uint32_t kind)
{
	struct go_interface child = go_context(&world, kind);

	clear_events();
	go_create(&world, parent, child);
	assert_int_equal(only(CT_EVENT_CREATE).create->context, child.data);
	assert_int_equal(only(CT_EVENT_CREATE).create->pad, 0);
	return only(CT_EVENT_CREATE).create;
}

static void test_child_of_background(void **state)
{
	const struct ct_event_create *event;

	(void)state;
	event = create(go_context(&world, CT_KIND_BACKGROUND), CT_KIND_CANCEL);
	assert_int_equal(event->kind, CT_KIND_CANCEL);
	assert_int_equal(event->parent, 0);
	assert_int_equal(event->parent_kind, CT_KIND_BACKGROUND);
	assert_int_equal(event->task, GO_TASK);
	assert_int_equal(event->deadline_ns, 0);
	assert_int_equal(event->hops, 0);
	assert_int_equal(event->header.flags, 0);
	assert_int_equal(event->path, 1);
	assert_int_equal(all_counters(), 0);
	// Its path came first, and both are numbered without a hole.
	assert_int_equal(event_at(0, CT_EVENT_STACK).header->sequence, 1);
	assert_int_equal(event->header.sequence, 2);
	assert_true(event->header.time_ns >= 1000);
}

static void test_kinds(void **state)
{
	static const uint32_t kinds[] = {CT_KIND_CANCEL, CT_KIND_DEADLINE, CT_KIND_AFTER_FUNC};
	struct go_interface root = go_context(&world, CT_KIND_TODO);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(create(root, kinds[i])->kind, kinds[i]);
		assert_int_equal(create(root, kinds[i])->parent_kind, CT_KIND_TODO);
	}
	// Neither a type nobody knows nor one that cannot be cancelled is taken for something else.
	assert_int_equal(create(root, CT_KIND_FOREIGN)->kind, CT_KIND_UNKNOWN);
	assert_int_equal(create(root, CT_KIND_VALUE)->kind, CT_KIND_UNKNOWN);
	assert_int_equal(all_counters(), 0);
}

static void test_parents_that_can_be_cancelled(void **state)
{
	static const uint32_t kinds[] = {CT_KIND_CANCEL, CT_KIND_DEADLINE, CT_KIND_AFTER_FUNC};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct go_interface parent = go_context(&world, kinds[i]);
		const struct ct_event_create *event = create(parent, CT_KIND_CANCEL);

		assert_int_equal(event->parent, parent.data);
		assert_int_equal(event->parent_kind, CT_KIND_CANCEL);
		assert_int_equal(event->header.flags, 0);
	}
}

/* Go 1.17-1.20: other registers, and both roots are of one type. */
static void test_old_releases(void **state)
{
	struct go_interface parent = go_context(&world, CT_KIND_CANCEL), root = go_context(&world, CT_KIND_BACKGROUND);

	(void)state;
	go_world_make_old(&world, 17);
	assert_int_equal(create(parent, CT_KIND_DEADLINE)->parent, parent.data);
	root.data = GO_BACKGROUND;
	assert_int_equal(create(root, CT_KIND_CANCEL)->parent_kind, CT_KIND_BACKGROUND);
	assert_int_equal(create(root, CT_KIND_CANCEL)->parent, 0);
	root.data = GO_TODO;
	assert_int_equal(create(root, CT_KIND_CANCEL)->parent_kind, CT_KIND_TODO);
	assert_int_equal(create(go_wrap(&world, CT_KIND_VALUE, root), CT_KIND_CANCEL)->parent_kind, CT_KIND_TODO);
	assert_int_equal(all_counters(), 0);
}

/* What the innermost frames are: of the library, up to the program's. @return the flags of a context of this kind. */
static uint8_t flags_through(const uint64_t *stack, size_t count, uint32_t kind)
{
	go_stack(&world, stack, count);
	return create(go_context(&world, CT_KIND_CANCEL), kind)->header.flags;
}
#define FLAGS(kind, ...) \
	flags_through((const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), kind)

/*
 * A deadline later than the one above: WithDeadlineCause calls WithCancel, which may be inlined; 1.20 has a function
 * between them. One that is asked for and made, a plain WithCancel, and a frame of it further up are none.
 */
static void test_later_deadlines(void **state)
{
	const uint64_t asked = GO_CALLER(CT_CALLER_WITH_DEADLINE) + 0x20, plain = GO_LIBRARY + 0x10;

	(void)state;
	assert_int_equal(FLAGS(CT_KIND_CANCEL, plain, asked, GO_HANDLER, GO_MAIN), CT_CREATE_ASKED_LATER);
	assert_int_equal(FLAGS(CT_KIND_CANCEL, asked, GO_HANDLER, GO_MAIN), CT_CREATE_ASKED_LATER);
	assert_int_equal(FLAGS(CT_KIND_CANCEL, plain, plain, asked, plain, GO_HANDLER, GO_MAIN), CT_CREATE_ASKED_LATER);
	assert_int_equal(FLAGS(CT_KIND_DEADLINE, asked, GO_HANDLER, GO_MAIN), 0);
	assert_int_equal(FLAGS(CT_KIND_AFTER_FUNC, plain, GO_HANDLER, GO_MAIN), 0);
	assert_int_equal(FLAGS(CT_KIND_CANCEL, plain, GO_HANDLER, GO_MAIN), 0);
	assert_int_equal(FLAGS(CT_KIND_CANCEL, plain, GO_HANDLER, asked, GO_MAIN), 0);
	// The same path again: its STACK has been told.
	assert_int_equal(FLAGS(CT_KIND_CANCEL, plain, asked, GO_HANDLER, GO_MAIN), CT_CREATE_ASKED_LATER);
	assert_int_equal(all_counters(), 0);
	world.config.take_stacks = 0;
	go_world_configure(&world);
	assert_int_equal(FLAGS(CT_KIND_CANCEL, plain, asked, GO_HANDLER, GO_MAIN), 0);
}

static struct go_interface wrap_times(uint32_t kind, struct go_interface inner, unsigned int times)
{
	while (times--)
		inner = go_wrap(&world, kind, inner);
	return inner;
}

static void test_links_are_walked(void **state)
{
	struct go_interface parent = go_context(&world, CT_KIND_CANCEL);
	const struct ct_event_create *event;

	(void)state;
	for (unsigned int links = 0; links <= 32; links++) {
		event = create(wrap_times(CT_KIND_VALUE, parent, links), CT_KIND_CANCEL);
		assert_int_equal(event->parent, parent.data);
		assert_int_equal(event->parent_kind, CT_KIND_CANCEL);
		assert_int_equal(event->hops, links);
		assert_int_equal(event->header.flags, 0);
	}
	event = create(wrap_times(CT_GO_TYPE_STOP_CTX, parent, 3), CT_KIND_CANCEL);
	assert_int_equal(event->hops, 3);
	assert_int_equal(event->header.flags, 0);
	assert_int_equal(all_counters(), 0);
}

static void test_detached_links_leave_a_flag(void **state)
{
	struct go_interface parent = go_context(&world, CT_KIND_DEADLINE);
	struct go_interface root = go_context(&world, CT_KIND_BACKGROUND);
	const struct ct_event_create *event;

	(void)state;
	event = create(go_wrap(&world, CT_KIND_VALUE, go_wrap(&world, CT_KIND_DETACHED, parent)), CT_KIND_CANCEL);
	assert_int_equal(event->parent, parent.data);
	assert_int_equal(event->hops, 2);
	assert_int_equal(event->header.flags, CT_CREATE_DETACHED);
	event = create(go_wrap(&world, CT_KIND_DETACHED, root), CT_KIND_CANCEL);
	assert_int_equal(event->parent, 0);
	assert_int_equal(event->parent_kind, CT_KIND_BACKGROUND);
	assert_int_equal(event->header.flags, CT_CREATE_DETACHED);
}

static void test_deeper_than_the_walk(void **state)
{
	struct go_interface parent = go_context(&world, CT_KIND_CANCEL), loop = go_context(&world, CT_KIND_VALUE);

	(void)state;
	for (unsigned int links = 33; links < 36; links++) {
		const struct ct_event_create *event =
			create(wrap_times(CT_KIND_VALUE, parent, links), CT_KIND_CANCEL);

		assert_int_equal(event->parent, 0);
		assert_int_equal(event->parent_kind, 0);
		assert_int_equal(event->header.flags, CT_CREATE_PARENT_UNREAD);
		assert_int_equal(counter(CT_COUNTER_PARENT_DEEP), 1);
	}
	// A value context that wraps itself.
	shim_poke(loop.data, loop.itab);
	shim_poke(loop.data + 8, loop.data);
	assert_int_equal(create(loop, CT_KIND_CANCEL)->header.flags, CT_CREATE_PARENT_UNREAD);
	assert_int_equal(all_counters(), 1);
	assert_int_equal(counter(CT_COUNTER_PARENT_DEEP), 1);
}

static void test_foreign_parent(void **state)
{
	struct go_interface parent = go_context(&world, CT_KIND_FOREIGN);
	const struct ct_event_create *event = create(go_wrap(&world, CT_KIND_VALUE, parent), CT_KIND_CANCEL);

	(void)state;
	assert_int_equal(event->parent, parent.data);
	assert_int_equal(event->parent_kind, CT_KIND_FOREIGN);
	assert_int_equal(event->hops, 1);
	assert_int_equal(event->header.flags, CT_CREATE_WATCHED);
	assert_int_equal(all_counters(), 0);
}

static uint64_t deadline_of(uint64_t wall, int64_t ext)
{
	struct go_interface root = go_context(&world, CT_KIND_BACKGROUND);
	struct go_interface child = go_context(&world, CT_KIND_DEADLINE);

	clear_events();
	go_set_deadline(child.data, wall, ext);
	go_create(&world, root, child);
	return only(CT_EVENT_CREATE).create->deadline_ns;
}

static void test_deadlines(void **state)
{
	(void)state;
	world.config.go.time_base_ns = 5000;
	go_world_configure(&world);
	assert_int_equal(deadline_of(MONOTONIC | 7, 30), 5030);
	assert_int_equal(deadline_of(MONOTONIC, -4999), 1);
	// Before the clock began: it has one, long past.
	assert_int_equal(deadline_of(MONOTONIC, -5000), 1);
	assert_int_equal(deadline_of(MONOTONIC, INT64_MIN + 1), 1);
	// As far away as it can be: never.
	assert_int_equal(deadline_of(MONOTONIC, INT64_MAX), 0);
	assert_int_equal(deadline_of(MONOTONIC, INT64_MAX - 4999), 0);
	assert_int_equal(deadline_of(MONOTONIC, INT64_MAX - 5000), INT64_MAX);
	// A wall clock reading only (time.Date, a time that went through an encoding).
	assert_int_equal(deadline_of(7, 30), 0);
	assert_int_equal(all_counters(), 0);
	// The process's clock could not be read at the attach.
	world.config.go.time_base_ns = 0;
	go_world_configure(&world);
	assert_int_equal(deadline_of(MONOTONIC, 30), 0);
	assert_int_equal(all_counters(), 0);
}

/* Every read of one hit, in order, and what its failure does. */
static const struct {
	enum ct_counter counts;
	uint8_t kind, parent_kind, flags;
	bool has_deadline, has_task, has_parent, has_path;
} failures[] = {
	// the child's type: then nobody knows where a deadline would be, and one read less is made
	{CT_COUNTER_READ_CONTEXT, CT_KIND_UNKNOWN, CT_KIND_CANCEL, 0, false, true, true, true},
	// deadline, goroutine id
	{CT_COUNTER_READ_CONTEXT, CT_KIND_DEADLINE, CT_KIND_CANCEL, 0, false, true, true, true},
	{CT_COUNTER_READ_TASK, CT_KIND_DEADLINE, CT_KIND_CANCEL, 0, true, false, true, true},
	// the parent's type, what it wraps, the type of that
	{CT_COUNTER_READ_PARENT, CT_KIND_DEADLINE, 0, CT_CREATE_PARENT_UNREAD, true, true, false, true},
	{CT_COUNTER_READ_PARENT, CT_KIND_DEADLINE, 0, CT_CREATE_PARENT_UNREAD, true, true, false, true},
	{CT_COUNTER_READ_PARENT, CT_KIND_DEADLINE, 0, CT_CREATE_PARENT_UNREAD, true, true, false, true},
	// the return address: no path
	{CT_COUNTER_READ_STACK, CT_KIND_DEADLINE, CT_KIND_CANCEL, 0, true, true, true, false},
	// the first frame of the caller: only the library is on the path, which is none
	{CT_COUNTER_READ_STACK, CT_KIND_DEADLINE, CT_KIND_CANCEL, 0, true, true, true, false},
	// the frames above it: the path ends early
	{CT_COUNTER_READ_STACK, CT_KIND_DEADLINE, CT_KIND_CANCEL, 0, true, true, true, true},
};

static void test_each_read_may_fail(void **state)
{
	struct go_interface parent = go_wrap(&world, CT_KIND_VALUE, go_context(&world, CT_KIND_CANCEL));

	(void)state;
	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
		struct go_interface child = go_context(&world, CT_KIND_DEADLINE);
		const struct ct_event_create *event;

		go_set_deadline(child.data, MONOTONIC, 500);
		clear_events();
		shim.reads = 0;
		shim.fail_read = i + 1;
		go_create(&world, parent, child);
		shim.fail_read = 0;
		event = only(CT_EVENT_CREATE).create;
		assert_true(counter(failures[i].counts) >= 1);
		assert_int_equal(all_counters(), counter(failures[i].counts));
		assert_int_equal(drops(), 0);
		assert_int_equal(event->kind, failures[i].kind);
		assert_int_equal(event->header.flags, failures[i].flags);
		assert_int_equal(event->parent_kind, failures[i].parent_kind);
		assert_int_equal(event->parent != 0, failures[i].has_parent);
		assert_int_equal(event->deadline_ns, failures[i].has_deadline ? 1500 : 0);
		assert_int_equal(event->task, failures[i].has_task ? GO_TASK : 0);
		assert_int_equal(event->path != 0, failures[i].has_path);
	}
}

/* Go 1.17-1.20: the probe is on the branch of the stack check; a stack that grows brings the thread here again. */
static void test_stack_check(void **state)
{
	static const struct {
		uint64_t flags;
		bool is_told;
	} cases[] = {{0, true}, {CARRY, false}, {ZERO, false}, {CARRY | ZERO, false}, {~(uint64_t)(CARRY | ZERO), true}};
	struct go_interface root = go_context(&world, CT_KIND_BACKGROUND);
	uint32_t told = 0;

	(void)state;
	world.config.take_stacks = 0;
	go_world_configure(&world);
	create(root, CT_KIND_CANCEL); // sets the registers
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		clear_events();
		world.regs.eflags = cases[i].flags;
		hit(go_begin, &world.regs, CT_COOKIE(CT_ROLE_GO_CREATE, 0) | CT_COOKIE_AT_STACK_CHECK);
		assert_int_equal(shim_events(), cases[i].is_told);
		told += cases[i].is_told;
		if (cases[i].is_told) // what was skipped took no number
			assert_int_equal(only(CT_EVENT_CREATE).header->sequence, 1 + told);
	}
	clear_events();
	world.regs.eflags = CARRY;
	hit(go_begin, &world.regs, CT_COOKIE(CT_ROLE_GO_CREATE, 0)); // elsewhere flags mean nothing
	only(CT_EVENT_CREATE);
}

static void test_process_without_settings(void **state)
{
	struct go_interface root = go_context(&world, CT_KIND_BACKGROUND);

	(void)state;
	create(root, CT_KIND_CANCEL);
	shim.process++;
	clear_events();
	go_create(&world, root, go_context(&world, CT_KIND_CANCEL));
	assert_int_equal(shim_events(), 0);
	assert_int_equal(counter(CT_COUNTER_CONFIG_MISSING), 1);
	assert_int_equal(drops(), 1);
	shim.process--;
	go_create(&world, root, go_context(&world, CT_KIND_CANCEL));
	assert_int_equal(only(CT_EVENT_CREATE).header->sequence, 4); // 3 is the hole
}

static void test_roles_of_others(void **state)
{
	(void)state;
	for (uint32_t role = 0; role < CT_ROLE_END; role++) {
		if (role == CT_ROLE_GO_CREATE || role == CT_ROLE_GO_CREATE_OLD || role == CT_ROLE_GO_TASK_START)
			continue;
		hit(go_begin, &world.regs, CT_COOKIE(role, 0));
	}
	assert_int_equal(shim_events(), 0);
	assert_int_equal(all_counters(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_child_of_background, set_up),
		cmocka_unit_test_setup(test_kinds, set_up),
		cmocka_unit_test_setup(test_parents_that_can_be_cancelled, set_up),
		cmocka_unit_test_setup(test_old_releases, set_up),
		cmocka_unit_test_setup(test_later_deadlines, set_up),
		cmocka_unit_test_setup(test_links_are_walked, set_up),
		cmocka_unit_test_setup(test_detached_links_leave_a_flag, set_up),
		cmocka_unit_test_setup(test_deeper_than_the_walk, set_up),
		cmocka_unit_test_setup(test_foreign_parent, set_up),
		cmocka_unit_test_setup(test_deadlines, set_up),
		cmocka_unit_test_setup(test_each_read_may_fail, set_up),
		cmocka_unit_test_setup(test_stack_check, set_up),
		cmocka_unit_test_setup(test_process_without_settings, set_up),
		cmocka_unit_test_setup(test_roles_of_others, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
