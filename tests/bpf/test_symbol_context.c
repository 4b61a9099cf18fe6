// SPDX-License-Identifier: Apache-2.0
/* Contexts of a C library: what each probe's arguments become, and the links that lie between contexts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "expect.h"

#include <string.h>

#define STACK	   0x7f0000001000
#define CALLER	   0x401234
#define BACKGROUND 0x600010
#define TODO	   0x600020
#define BORN	   0x100

/* enum cctx_kind, and the flag of a root. */
enum { ROOT = 1, CANCEL, DEADLINE, VALUE, DETACHED, AFTER_FUNC };
#define IS_TODO 1
#define ASKED_LATER 2

static struct ct_process_config config;

static int set_up(void **state)
{
	(void)state;
	shim_reset();
	config = (struct ct_process_config){.runtime = CT_RUNTIME_C, .take_stacks = 1};
	config.go.background = BACKGROUND;
	config.go.todo = TODO;
	configure(shim.process, &config);
	shim_poke(STACK, CALLER);
	return 0;
}

static void call(ct_program program, enum ct_role role, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	struct pt_regs regs = {.rdi = a, .rsi = b, .rdx = c, .rcx = d, .r8 = e, .rsp = STACK};

	hit(program, &regs, CT_COOKIE(role, 0));
}

static void make(uint64_t context, uint64_t parent, uint64_t kind, uint64_t flags)
{
	call(c_begin, CT_ROLE_C_CREATE, context, parent, kind, 0, flags);
}

static void end(enum ct_role role, uint64_t context)
{
	call(c_end, role, context, 0, 0, 0, 0);
}

/* CREATE of a fresh child; the ring holds it and nothing from before. */
static const struct ct_event_create *child_of(uint64_t parent)
{
	static uint64_t next = 0x10000;

	clear_events();
	make(next += 0x100, parent, CANCEL, 0);
	assert_int_equal(only(CT_EVENT_CREATE).create->context, next);
	return only(CT_EVENT_CREATE).create;
}

static void test_create(void **state)
{
	static const struct {
		uint64_t kind;
		uint8_t told;
	} kinds[] = {{CANCEL, CT_KIND_CANCEL},
		     {DEADLINE, CT_KIND_DEADLINE},
		     {AFTER_FUNC, CT_KIND_AFTER_FUNC},
		     {0, CT_KIND_UNKNOWN},
		     {7, CT_KIND_UNKNOWN},
		     {UINT64_MAX, CT_KIND_UNKNOWN}};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		const struct ct_event_create *event;

		clear_events();
		call(c_begin, CT_ROLE_C_CREATE, 0x1000, 0x2000, kinds[i].kind, 12345, 0);
		event = only(CT_EVENT_CREATE).create;
		assert_int_equal(event->context, 0x1000);
		assert_int_equal(event->parent, 0x2000);
		assert_int_equal(event->parent_kind, CT_KIND_CANCEL);
		assert_int_equal(event->kind, kinds[i].told);
		assert_int_equal(event->deadline_ns, 12345);
		assert_int_equal(event->task, shim.thread);
		assert_int_equal(event->path, 1);
		assert_int_equal(event->hops, 0);
		assert_int_equal(event->pad, 0);
		assert_int_equal(event->header.flags, 0);
	}
	assert_int_equal(all_counters(), 0);
}

static void test_later_deadline(void **state)
{
	(void)state;
	make(0x1000, 0x2000, CANCEL, ASKED_LATER);
	assert_int_equal(only(CT_EVENT_CREATE).header->flags, CT_CREATE_ASKED_LATER);
}

/* A string of words that are mapped; what lies behind is not. */
static void poke_text(uint64_t at, const char *text)
{
	for (size_t i = 0; i <= strlen(text); i += 8) {
		uint64_t word = 0;

		memcpy(&word, text + i, strlen(text) - i < 8 ? strlen(text) - i : 8);
		shim_poke(at + i, word);
	}
}

static struct ct_event cancel_with(uint64_t reason, uint64_t cause, uint8_t type)
{
	clear_events();
	call(c_end, CT_ROLE_C_CANCEL, 0x1000, reason, cause, 0, 0);
	return only(type);
}

static void test_causes(void **state)
{
	static const char long_text[] = "0123456789012345678901234567890123456789012345678901234567890123456789"
					"0123456789012345678901234";
	const struct ct_event_cancel_cause *event;

	(void)state;
	poke_text(0x5000, "stopped by the operator");
	event = cancel_with(CT_REASON_EXPLICIT, 0x5000, CT_EVENT_CANCEL_CAUSE).cancel_cause;
	assert_int_equal(event->context, 0x1000);
	assert_int_equal(event->path, 1);
	assert_int_equal(event->reason, CT_REASON_EXPLICIT);
	assert_int_equal(event->type, 0);
	assert_int_equal(event->text_bytes, 23);
	assert_int_equal(event->read_bytes, 23);
	assert_string_equal(event->text, "stopped by the operator");
	// As long as there is room for, and one more.
	poke_text(0x6000, long_text);
	event = cancel_with(CT_REASON_DEADLINE, 0x6000, CT_EVENT_CANCEL_CAUSE).cancel_cause;
	assert_int_equal(event->read_bytes, 95);
	assert_int_equal(event->text_bytes, 95);
	event = cancel_with(CT_REASON_DEADLINE | BORN, 0x6000 - 8, CT_EVENT_CANCEL_CAUSE).cancel_cause;
	assert_int_equal(event->header.flags, CT_CANCEL_BORN);
	assert_int_equal(event->read_bytes, 0);
	assert_int_equal(counter(CT_COUNTER_READ_CAUSE), 1);
	shim_poke(0x6000 - 8, UINT64_C(0x6161616161616161));
	event = cancel_with(CT_REASON_DEADLINE, 0x6000 - 8, CT_EVENT_CANCEL_CAUSE).cancel_cause;
	assert_int_equal(event->read_bytes, 95);
	assert_int_equal(event->text_bytes, 96); // it goes on
	// No cause; and what a parent passes on was told with the parent.
	assert_int_equal(cancel_with(CT_REASON_EXPLICIT, 0, CT_EVENT_CANCEL).cancel->path, 1);
	assert_int_equal(cancel_with(CT_REASON_PARENT, 0x5000, CT_EVENT_CANCEL).cancel->path, 0);
	event = cancel_with(CT_REASON_PARENT | BORN, 0x5000, CT_EVENT_CANCEL_CAUSE).cancel_cause;
	assert_string_equal(event->text, "stopped by the operator");
	assert_int_equal(drops(), 0);
}

static void expect_root(const struct ct_event_create *event, uint8_t kind, uint8_t hops, uint8_t flags)
{
	assert_int_equal(event->parent, 0);
	assert_int_equal(event->parent_kind, kind);
	assert_int_equal(event->hops, hops);
	assert_int_equal(event->header.flags, flags);
}

static void test_roots(void **state)
{
	(void)state;
	make(0x1000, 0, ROOT, 0);
	make(0x2000, 0, ROOT, IS_TODO);
	assert_int_equal(shim_events(), 0);
	expect_root(child_of(0x1000), CT_KIND_BACKGROUND, 0, 0);
	expect_root(child_of(0x2000), CT_KIND_TODO, 0, 0);
	// Announced before we came: known by their addresses.
	expect_root(child_of(BACKGROUND), CT_KIND_BACKGROUND, 0, 0);
	expect_root(child_of(TODO), CT_KIND_TODO, 0, 0);
	// No parent at all is no root either.
	expect_root(child_of(0), 0, 0, CT_CREATE_PARENT_UNREAD);
}

static void test_links(void **state)
{
	const struct ct_event_create *event;

	(void)state;
	make(0x1000, 0xa000, VALUE, 0);
	make(0x2000, 0x1000, VALUE, 0);
	assert_int_equal(shim_events(), 0);
	event = child_of(0x2000);
	assert_int_equal(event->parent, 0xa000);
	assert_int_equal(event->parent_kind, CT_KIND_CANCEL);
	assert_int_equal(event->hops, 2);
	assert_int_equal(event->header.flags, 0);
	make(0x3000, 0x2000, DETACHED, 0);
	make(0x4000, 0x3000, VALUE, 0);
	event = child_of(0x4000);
	assert_int_equal(event->parent, 0xa000);
	assert_int_equal(event->hops, 4);
	assert_int_equal(event->header.flags, CT_CREATE_DETACHED);
	make(0x5000, BACKGROUND, VALUE, 0);
	expect_root(child_of(0x5000), CT_KIND_BACKGROUND, 1, 0);
	make(0x6000, 0, VALUE, 0);
	expect_root(child_of(0x6000), 0, 1, CT_CREATE_PARENT_UNREAD);
	assert_int_equal(all_counters(), 0);
}

static void test_long_chains(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 300; i++)
		make(0x100000 + i, i ? 0x100000 + i - 1 : 0xa000, VALUE, 0);
	assert_int_equal(child_of(0x100000 + 253)->hops, 254);
	assert_int_equal(child_of(0x100000 + 254)->hops, 255);
	assert_int_equal(child_of(0x100000 + 299)->hops, 255);
	assert_int_equal(child_of(0x100000 + 299)->parent, 0xa000);
}

/* A link's memory goes back silently; what is made there later is itself again. */
static void test_destroy(void **state)
{
	(void)state;
	make(0x1000, 0xa000, VALUE, 0);
	clear_events();
	end(CT_ROLE_C_DESTROY, 0x1000);
	assert_int_equal(shim_events(), 0);
	assert_int_equal(child_of(0x1000)->parent, 0x1000);
	clear_events();
	end(CT_ROLE_C_DESTROY, 0x1000);
	assert_int_equal(only(CT_EVENT_FREE).context->context, 0x1000);
}

static void test_abandon(void **state)
{
	(void)state;
	make(0x1000, 0xa000, DETACHED, 0);
	clear_events();
	end(CT_ROLE_C_ABANDON, 0x1000); // nobody cancels a link
	assert_int_equal(shim_events(), 0);
	end(CT_ROLE_C_ABANDON, 0xa000);
	assert_int_equal(only(CT_EVENT_ABANDON).context->context, 0xa000);
	assert_int_equal(child_of(0x1000)->parent, 0xa000); // the link is still there
}

static void test_links_belong_to_a_process(void **state)
{
	(void)state;
	make(0x1000, 0xa000, VALUE, 0);
	shim.process = 200;
	configure(200, &config);
	assert_int_equal(child_of(0x1000)->parent, 0x1000);
	shim.process = 100;
	assert_int_equal(child_of(0x1000)->parent, 0xa000);
}

/* A link that finds no room is counted, and looks like a context. */
static void test_links_full(void **state)
{
	(void)state;
	shim_map_limit(shim_map_of("links", BPF_MAP_TYPE_HASH, 16, 16), 1);
	make(0x1000, 0xa000, VALUE, 0);
	make(0x2000, 0xb000, VALUE, 0);
	assert_int_equal(counter(CT_COUNTER_MAP_UPDATE), 1);
	assert_int_equal(drops(), 0);
	assert_int_equal(child_of(0x2000)->parent, 0x2000);
	assert_int_equal(child_of(0x1000)->parent, 0xa000);
}

static void cancel(uint64_t context, uint64_t reason)
{
	clear_events();
	call(c_end, CT_ROLE_C_CANCEL, context, reason, 0, 0, 0);
}

static void test_cancel(void **state)
{
	(void)state;
	for (uint64_t reason = CT_REASON_EXPLICIT; reason <= CT_REASON_PARENT; reason++) {
		for (uint64_t born = 0; born <= BORN; born += BORN) {
			const struct ct_event_cancel *event;

			cancel(0x1000, reason | born);
			event = only(CT_EVENT_CANCEL).cancel;
			assert_int_equal(event->context, 0x1000);
			assert_int_equal(event->reason, reason);
			assert_int_equal(event->header.flags, born ? CT_CANCEL_BORN : 0);
			assert_int_equal(event->path, reason == CT_REASON_EXPLICIT ? 1 : 0);
			assert_memory_equal(event->pad, "\0\0\0", 3);
		}
	}
	assert_int_equal(all_counters(), 0);
}

/* A reason that is none ends nothing; its number is missing. */
static void test_cancel_without_reason(void **state)
{
	static const uint64_t reasons[] = {0, CT_REASON_FREED, CT_REASON_END, 0xff, BORN};

	(void)state;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		cancel(0x1000, reasons[i]);
		assert_int_equal(shim_events(), 0);
		assert_int_equal(counter(CT_COUNTER_READ_CANCEL), 1);
		assert_int_equal(drops(), 1);
	}
	cancel(0x1000, CT_REASON_DEADLINE);
	assert_int_equal(only(CT_EVENT_CANCEL).header->sequence, 6);
}

static void test_cancel_call(void **state)
{
	(void)state;
	end(CT_ROLE_C_CANCEL_CALL, 0x1000);
	assert_int_equal(only(CT_EVENT_CANCEL_CALL).cancel_call->context, 0x1000);
	assert_int_equal(only(CT_EVENT_CANCEL_CALL).cancel_call->path, 1);
	assert_int_equal(only(CT_EVENT_CANCEL_CALL).cancel_call->pad, 0);
	assert_int_equal(stack_of(1)->frames[0], CALLER);
}

static uint64_t request(ct_program program, enum ct_role role, uint64_t context)
{
	const struct ct_event_request *event;

	clear_events();
	call(program, role, context, 0, 0, 0, 0);
	event = only(CT_EVENT_REQUEST).request;
	assert_int_equal(event->task, shim.thread);
	assert_int_equal(event->header.flags, role == CT_ROLE_C_REQUEST_END ? CT_REQUEST_END : 0);
	return event->context;
}

/* A request on a value context is one on the context that can end it; both ends agree. */
static void test_request(void **state)
{
	(void)state;
	make(0x1000, 0xa000, VALUE, 0);
	make(0x2000, BACKGROUND, VALUE, 0);
	assert_int_equal(request(c_begin, CT_ROLE_C_REQUEST_BEGIN, 0xa000), 0xa000);
	assert_int_equal(request(c_end, CT_ROLE_C_REQUEST_END, 0xa000), 0xa000);
	assert_int_equal(request(c_begin, CT_ROLE_C_REQUEST_BEGIN, 0x1000), 0xa000);
	assert_int_equal(request(c_end, CT_ROLE_C_REQUEST_END, 0x1000), 0xa000);
	assert_int_equal(request(c_begin, CT_ROLE_C_REQUEST_BEGIN, 0x2000), 0x2000);
	assert_int_equal(request(c_end, CT_ROLE_C_REQUEST_END, 0x2000), 0x2000);
}

static const struct ct_event_task_start *begin_task(uint64_t context)
{
	clear_events();
	call(c_begin, CT_ROLE_C_TASK_BEGIN, 4711, context, 0, 0, 0);
	return only(CT_EVENT_TASK_START).task_start;
}

static void test_tasks(void **state)
{
	const struct ct_event_task_start *event;

	(void)state;
	make(0x1000, 0xa000, VALUE, 0);
	make(0x2000, 0x1000, DETACHED, 0);
	event = begin_task(0x1000);
	assert_int_equal(event->task, shim.thread); // not the number the target has for it
	assert_int_equal(event->context, 0xa000);
	assert_int_equal(event->header.flags, CT_TASK_THREAD);
	assert_int_equal(event->creator, 0);
	assert_int_equal(event->entry, 0);
	assert_int_equal(event->path, 1);
	assert_int_equal(event->entry_path, 0);
	assert_int_equal(begin_task(0x2000)->context, 0);
	assert_int_equal(begin_task(BACKGROUND)->context, 0);
	assert_int_equal(begin_task(0)->context, 0);
	clear_events();
	call(c_end, CT_ROLE_C_TASK_END, 4711, 0, 0, 0, 0);
	assert_int_equal(only(CT_EVENT_TASK_END).task_end->task, shim.thread);
}

/* What pthread_create was given, as the next thread made on this one will tell it. */
struct spawn {
	uint64_t handle_at, entry, context;
	uint32_t path, entry_path, flags, pad;
};

static struct shim_map *spawns(void)
{
	return shim_map_of("spawns", BPF_MAP_TYPE_HASH, sizeof(uint32_t), sizeof(struct spawn));
}

static const struct spawn *spawn(uint64_t entry, uint64_t argument)
{
	clear_events();
	call(c_begin, CT_ROLE_C_SPAWN, 0x7000, 0, entry, argument, 0);
	nothing();
	return shim_map_find(spawns(), &shim.thread);
}

static void test_spawn(void **state)
{
	const struct spawn *noted;

	(void)state;
	make(0x1000, 0xa000, VALUE, 0);
	make(0x2000, 0x1000, DETACHED, 0);
	noted = spawn(0x401180, 0xa000);
	assert_int_equal(noted->handle_at, 0x7000);
	assert_int_equal(noted->entry, 0x401180);
	assert_int_equal(noted->context, 0xa000);
	assert_int_equal(noted->flags, CT_TASK_THREAD | CT_TASK_SPAWNED);
	assert_int_equal(stack_of(noted->path)->frames[0], CALLER);
	assert_int_equal(stack_of(noted->entry_path)->frames[0], 0x401181);
	assert_int_equal(stack_of(noted->entry_path)->depth, 1);
	// A value leads to what can be cancelled; what nothing ends is no context of a request.
	assert_int_equal(spawn(0x401180, 0x1000)->context, 0xa000);
	assert_int_equal(spawn(0x401180, 0)->context, 0);
	assert_int_equal(spawn(0x401180, 0)->flags, CT_TASK_THREAD | CT_TASK_SPAWNED);
	assert_int_equal(spawn(0x401180, 0x2000)->context, 0);
	assert_int_equal(spawn(0x401180, 0x2000)->flags, CT_TASK_THREAD | CT_TASK_SPAWNED | CT_TASK_DETACHED);
	assert_int_equal(spawn(0x401180, BACKGROUND)->flags, CT_TASK_THREAD | CT_TASK_SPAWNED | CT_TASK_DETACHED);
	assert_int_equal(spawn(0, 0)->entry_path, 0);
	assert_int_equal(all_counters(), 0);
}

/* Called from the library, or with a function of it. */
static void test_spawn_of_library(void **state)
{
	(void)state;
	config.library[0] = (struct ct_range){CALLER, CALLER + 1};
	configure(shim.process, &config);
	assert_true(spawn(0x500000, 0xa000)->flags & CT_TASK_LIBRARY);
	config.library[0] = (struct ct_range){0x500000, 0x500100};
	configure(shim.process, &config);
	assert_true(spawn(0x500000, 0xa000)->flags & CT_TASK_LIBRARY);
	assert_false(spawn(0x500100, 0xa000)->flags & CT_TASK_LIBRARY);
}

static void test_spawns_full(void **state)
{
	(void)state;
	shim_map_limit(spawns(), 1);
	assert_non_null(spawn(0x401180, 0));
	shim.thread++;
	assert_null(spawn(0x401180, 0));
	assert_int_equal(counter(CT_COUNTER_MAP_UPDATE), 1);
	assert_int_equal(drops(), 0);
}

/* Who waits for a thread that nobody knows tells nothing. */
static void test_join(void **state)
{
	struct {
		uint64_t handle;
		uint32_t process, pad;
	} key = {.handle = 0x7f00, .process = shim.process};
	struct shim_map *handles = shim_map_of("handles", BPF_MAP_TYPE_LRU_HASH, sizeof(key), sizeof(uint32_t));
	uint32_t thread = 4711;

	(void)state;
	call(c_begin, CT_ROLE_C_JOIN, 0x7f00, 0, 0, 0, 0);
	assert_int_equal(shim_events(), 0);
	assert_int_equal(shim_map_update(handles, &key, &thread, BPF_ANY), 0);
	call(c_begin, CT_ROLE_C_JOIN, 0x7f00, 0, 0, 0, 0);
	assert_int_equal(only(CT_EVENT_TASK_JOIN).task_join->task, 4711);
	assert_int_equal(only(CT_EVENT_TASK_JOIN).task_join->by, shim.thread);
	assert_int_equal(all_counters(), 0);
}

/* Every probe of either program, without settings and without room: counted, and nothing else. */
static void test_no_settings_and_no_room(void **state)
{
	(void)state;
	for (uint32_t role = CT_ROLE_C_CREATE; role <= CT_ROLE_C_TASK_END; role++) {
		bool begins = role == CT_ROLE_C_CREATE || role == CT_ROLE_C_REQUEST_BEGIN || role == CT_ROLE_C_TASK_BEGIN;

		clear_events();
		shim.process = 999;
		call(begins ? c_begin : c_end, role, 0x1000, CT_REASON_EXPLICIT, CANCEL, 0, 0);
		assert_int_equal(counter(CT_COUNTER_CONFIG_MISSING), 1);
		shim.process = 100;
		shim.ring_bytes = 16;
		call(begins ? c_begin : c_end, role, 0x1000, CT_REASON_EXPLICIT, CANCEL, 0, 0);
		shim.ring_bytes = 0;
		assert_int_equal(counter(CT_COUNTER_RING_FULL), 1);
		assert_int_equal(drops(), 2);
		assert_int_equal(shim_events(), 0);
		call(begins ? c_end : c_begin, role, 0x1000, CT_REASON_EXPLICIT, CANCEL, 0, 0); // not its program
		assert_int_equal(shim_events(), 0);
		assert_int_equal(drops(), 2);
	}
}

static void test_unreadable_stack(void **state)
{
	(void)state;
	shim_unmap(STACK);
	assert_int_equal(child_of(0xa000)->path, 0);
	assert_int_equal(counter(CT_COUNTER_READ_STACK), 1);
	cancel(0x1000, CT_REASON_EXPLICIT);
	assert_int_equal(only(CT_EVENT_CANCEL).cancel->path, 0);
	assert_int_equal(drops(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_create, set_up),
		cmocka_unit_test_setup(test_later_deadline, set_up),
		cmocka_unit_test_setup(test_causes, set_up),
		cmocka_unit_test_setup(test_roots, set_up),
		cmocka_unit_test_setup(test_links, set_up),
		cmocka_unit_test_setup(test_long_chains, set_up),
		cmocka_unit_test_setup(test_destroy, set_up),
		cmocka_unit_test_setup(test_abandon, set_up),
		cmocka_unit_test_setup(test_links_belong_to_a_process, set_up),
		cmocka_unit_test_setup(test_links_full, set_up),
		cmocka_unit_test_setup(test_cancel, set_up),
		cmocka_unit_test_setup(test_cancel_without_reason, set_up),
		cmocka_unit_test_setup(test_cancel_call, set_up),
		cmocka_unit_test_setup(test_request, set_up),
		cmocka_unit_test_setup(test_tasks, set_up),
		cmocka_unit_test_setup(test_spawn, set_up),
		cmocka_unit_test_setup(test_spawn_of_library, set_up),
		cmocka_unit_test_setup(test_spawns_full, set_up),
		cmocka_unit_test_setup(test_join, set_up),
		cmocka_unit_test_setup(test_no_settings_and_no_room, set_up),
		cmocka_unit_test_setup(test_unreadable_stack, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
