// SPDX-License-Identifier: Apache-2.0
/*
 * Which cancel is it? Every way into Go's cancel methods, as the callers in src/context/context.go make it, and the one
 * event it is told by.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "go_world.h"

#include <string.h>

static struct go_world world;

static int set_up(void **state)
{
	(void)state;
	go_world_init(&world);
	return 0;
}

/* What is told, and with what. */
enum told { NOTHING, EXPLICIT, DEADLINE, DEADLINE_BORN, PARENT, PARENT_BORN, CANCEL_CALL };

static void expect(enum told told, uint64_t context)
{
	static const uint8_t reasons[] = {
		[EXPLICIT] = CT_REASON_EXPLICIT,      [DEADLINE] = CT_REASON_DEADLINE,
		[DEADLINE_BORN] = CT_REASON_DEADLINE, [PARENT] = CT_REASON_PARENT,
		[PARENT_BORN] = CT_REASON_PARENT,
	};
	bool is_born = told == DEADLINE_BORN || told == PARENT_BORN;

	if (told == NOTHING) {
		assert_int_equal(shim_events(), 0);
		return;
	}
	if (told == CANCEL_CALL) {
		assert_int_equal(only(CT_EVENT_CANCEL_CALL).cancel_call->context, context);
		assert_int_not_equal(only(CT_EVENT_CANCEL_CALL).cancel_call->path, 0);
		return;
	}
	assert_int_equal(only(CT_EVENT_CANCEL).cancel->context, context);
	assert_int_equal(only(CT_EVENT_CANCEL).cancel->reason, reasons[told]);
	assert_int_equal(only(CT_EVENT_CANCEL).header->flags, is_born ? CT_CANCEL_BORN : 0);
	assert_int_equal(only(CT_EVENT_CANCEL).cancel->path != 0, told == EXPLICIT);
	assert_memory_equal(only(CT_EVENT_CANCEL).cancel->pad, "\0\0\0", 3);
}

/* The error and the cause of a call. */
enum error { CANCELED, EXCEEDED };
enum cause { NO_CAUSE, CAUSE };

/* One row of the table "which cancel is it". */
struct row {
	const char *name;
	uint32_t receiver;
	bool removes;
	enum error error;
	enum cause cause;
	uint64_t from;
	bool has_ended;
	enum told told;
};

#define CLOSURE	      (GO_CANCEL_CLOSURE + 0x20) // WithCancel.func1, not probed by itself here
#define TIMER_CLOSURE (GO_LIBRARY + 0x6000)	 // WithDeadlineCause.func2
#define CALLER(which) (GO_CALLER(CT_CALLER_##which) + 0x30)

static const struct row rows[] = {
	{"app CancelFunc", CT_RECEIVER_CANCEL, true, CANCELED, NO_CAUSE, CLOSURE, false, EXPLICIT},
	{"app CancelFunc, timerCtx", CT_RECEIVER_TIMER, true, CANCELED, NO_CAUSE, CLOSURE, false, EXPLICIT},
	{"app CancelCauseFunc", CT_RECEIVER_CANCEL, true, CANCELED, CAUSE, CLOSURE, false, EXPLICIT},
	{"app CancelFunc, late", CT_RECEIVER_CANCEL, true, CANCELED, NO_CAUSE, CLOSURE, true, CANCEL_CALL},
	{"app CancelFunc, after the timer", CT_RECEIVER_TIMER, true, CANCELED, NO_CAUSE, CLOSURE, true, CANCEL_CALL},
	{"deadline timer", CT_RECEIVER_TIMER, true, EXCEEDED, NO_CAUSE, TIMER_CLOSURE, false, DEADLINE},
	{"deadline timer, with a cause", CT_RECEIVER_TIMER, true, EXCEEDED, CAUSE, TIMER_CLOSURE, false, DEADLINE},
	{"deadline timer, lost the race", CT_RECEIVER_TIMER, true, EXCEEDED, NO_CAUSE, TIMER_CLOSURE, true, NOTHING},
	{"deadline past at creation", CT_RECEIVER_TIMER, true, EXCEEDED, NO_CAUSE, CALLER(WITH_DEADLINE), false,
	 DEADLINE_BORN},
	{"app CancelFunc of that one", CT_RECEIVER_TIMER, false, CANCELED, NO_CAUSE, CLOSURE, true, CANCEL_CALL},
	{"cascade", CT_RECEIVER_CANCEL, false, CANCELED, CAUSE, CALLER(CANCEL), false, PARENT},
	{"cascade of a deadline", CT_RECEIVER_TIMER, false, EXCEEDED, CAUSE, CALLER(CANCEL), false, PARENT},
	{"cascade to a registration", CT_RECEIVER_AFTER_FUNC, false, CANCELED, CAUSE, CALLER(CANCEL), false, PARENT},
	{"cascade to one that has ended", CT_RECEIVER_CANCEL, false, CANCELED, CAUSE, CALLER(CANCEL), true, NOTHING},
	{"derived from a dead parent", CT_RECEIVER_CANCEL, false, CANCELED, CAUSE, CALLER(PROPAGATE), false,
	 PARENT_BORN},
	{"derived from a dead parent without a cause", CT_RECEIVER_CANCEL, false, CANCELED, NO_CAUSE,
	 CALLER(PROPAGATE), false, PARENT_BORN},
	{"derived from one past its deadline", CT_RECEIVER_TIMER, false, EXCEEDED, CAUSE, CALLER(PROPAGATE), false,
	 PARENT_BORN},
	{"foreign parent fired", CT_RECEIVER_CANCEL, false, CANCELED, CAUSE, CALLER(WATCHER), false, PARENT},
	{"foreign parent fired, no cause", CT_RECEIVER_CANCEL, false, EXCEEDED, NO_CAUSE, CALLER(WATCHER), false,
	 PARENT},
	{"foreign parent fired too late", CT_RECEIVER_CANCEL, false, CANCELED, CAUSE, CALLER(WATCHER), true, NOTHING},
	{"foreign parent's AfterFunc ran", CT_RECEIVER_TIMER, false, CANCELED, CAUSE, CALLER(FOREIGN), false, PARENT},
	{"foreign parent's AfterFunc ran, no cause (1.21)", CT_RECEIVER_CANCEL, false, CANCELED, NO_CAUSE,
	 CALLER(FOREIGN), false, PARENT},
	{"foreign parent's AfterFunc ran too late", CT_RECEIVER_CANCEL, false, EXCEEDED, NO_CAUSE, CALLER(FOREIGN),
	 true, NOTHING},
	{"inner call of a timerCtx", CT_RECEIVER_CANCEL, false, CANCELED, NO_CAUSE, CALLER(TIMER_CANCEL), false,
	 NOTHING},
	{"inner call, late", CT_RECEIVER_CANCEL, false, CANCELED, NO_CAUSE, CALLER(TIMER_CANCEL), true, NOTHING},
	{"inner call of the timer", CT_RECEIVER_CANCEL, false, EXCEEDED, NO_CAUSE, CALLER(TIMER_CANCEL), false,
	 NOTHING},
	{"inner call of an afterFuncCtx", CT_RECEIVER_CANCEL, false, CANCELED, NO_CAUSE, CALLER(AFTER_FUNC_CANCEL),
	 false, NOTHING},
	{"AfterFunc's stop won", CT_RECEIVER_AFTER_FUNC, true, CANCELED, NO_CAUSE, CLOSURE, false, EXPLICIT},
	{"PGO: the cancel method called by a closure it is half inlined into", CT_RECEIVER_CANCEL, false, CANCELED,
	 NO_CAUSE, CLOSURE, false, EXPLICIT},
	{"PGO: the same, late", CT_RECEIVER_CANCEL, false, CANCELED, NO_CAUSE, CLOSURE, true, CANCEL_CALL},
	{"PGO: the same of a timer", CT_RECEIVER_CANCEL, false, EXCEEDED, NO_CAUSE, TIMER_CLOSURE, false, DEADLINE},
	{"PGO: the same of a timer, late", CT_RECEIVER_CANCEL, false, EXCEEDED, NO_CAUSE, TIMER_CLOSURE, true,
	 NOTHING},
};

/* The error of a row; as the cause it is what the library passes on where the program gave none. */
static struct go_interface error_of(const struct row *row)
{
	return row->error == EXCEEDED ? go_deadline_exceeded(&world) : go_canceled(&world);
}

static void play(const struct row *row)
{
	struct go_cancel_call call = {
		.receiver = row->receiver,
		.context = go_object(&world),
		.removes = row->removes,
		.error = error_of(row),
		.cause = row->cause == CAUSE ? error_of(row) : (struct go_interface){0, 0},
		.from = row->from,
	};

	if (row->has_ended)
		go_end_context(&world, call.context);
	clear_events();
	go_cancel(&world, &call);
	expect(row->told, call.context);
	assert_int_equal(all_counters(), 0);
}

static void test_every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		print_message("  %s\n", rows[i].name);
		play(&rows[i]);
	}
}

/* Up to 1.19 no cause tells the parent's end; what stands in its registers is garbage. */
static void test_rows_before_causes(void **state)
{
	static const struct row old[] = {
		{"app CancelFunc", CT_RECEIVER_CANCEL, true, CANCELED, NO_CAUSE, CLOSURE, false, EXPLICIT},
		{"app CancelFunc, late", CT_RECEIVER_TIMER, true, CANCELED, NO_CAUSE, CLOSURE, true, CANCEL_CALL},
		{"deadline timer", CT_RECEIVER_TIMER, true, EXCEEDED, NO_CAUSE, TIMER_CLOSURE, false, DEADLINE},
		{"deadline past at creation", CT_RECEIVER_TIMER, true, EXCEEDED, NO_CAUSE, CALLER(WITH_DEADLINE), false,
		 DEADLINE_BORN},
		{"app CancelFunc of that one", CT_RECEIVER_TIMER, false, CANCELED, NO_CAUSE, CLOSURE, true,
		 CANCEL_CALL},
		{"cascade", CT_RECEIVER_CANCEL, false, CANCELED, NO_CAUSE, CALLER(CANCEL), false, PARENT},
		{"derived from a dead parent", CT_RECEIVER_CANCEL, false, CANCELED, NO_CAUSE, CALLER(PROPAGATE), false,
		 PARENT_BORN},
		{"foreign parent fired", CT_RECEIVER_CANCEL, false, CANCELED, NO_CAUSE, CALLER(WATCHER), false, PARENT},
		{"foreign parent fired, its closure not known", CT_RECEIVER_CANCEL, false, EXCEEDED, NO_CAUSE,
		 GO_LIBRARY + 0x7000, false, PARENT},
		{"inner call", CT_RECEIVER_CANCEL, false, CANCELED, NO_CAUSE, CALLER(TIMER_CANCEL), false, NOTHING},
	};

	(void)state;
	go_world_make_old(&world, 19);
	for (size_t i = 0; i < sizeof(old) / sizeof(*old); i++) {
		print_message("  %s\n", old[i].name);
		play(&old[i]);
	}
}

/* 1.20: the error word is in a cancelCtx to which the timerCtx points. */
static void test_split_timer(void **state)
{
	uint64_t timer = go_object(&world), inside = go_object(&world);
	struct go_cancel_call call = {CT_RECEIVER_TIMER, timer, true, go_canceled(&world), {0, 0}, CLOSURE};

	(void)state;
	go_world_make_old(&world, 20);
	shim_poke(timer, inside);
	shim_poke(timer + GO_ERR, 1); // belongs to something else
	clear_events();
	go_cancel(&world, &call);
	expect(EXPLICIT, timer);
	go_end_context(&world, inside);
	clear_events();
	go_cancel(&world, &call);
	expect(CANCEL_CALL, timer);
	// A cancelCtx is not split.
	call = (struct go_cancel_call){CT_RECEIVER_CANCEL, inside, true, go_canceled(&world), {0, 0}, CLOSURE};
	clear_events();
	go_cancel(&world, &call);
	expect(CANCEL_CALL, inside);
}

static struct go_cancel_call inner_of_closure(uint64_t context, uint64_t from)
{
	return (struct go_cancel_call){CT_RECEIVER_CANCEL, context, true, go_canceled(&world), {0, 0}, from};
}

/* Profile-guided builds: the closure is probed too, and the method it may still call tells nothing again. */
static void test_closure_is_told_once(void **state)
{
	uint64_t context = go_object(&world);
	struct go_cancel_call call = inner_of_closure(context, CLOSURE);

	(void)state;
	go_cancel_closure(&world, context);
	expect(EXPLICIT, context);
	clear_events();
	go_cancel(&world, &call);
	expect(NOTHING, context);
	// The method ends it; the next call is a late one, and again one event.
	go_end_context(&world, context);
	go_cancel_closure(&world, context);
	expect(CANCEL_CALL, context);
	clear_events();
	go_cancel(&world, &call);
	expect(NOTHING, context);
	assert_int_equal(all_counters(), 0);
}

/* What another goroutine, another context or another caller does is not the closure's doing. */
static void test_closure_stands_for_itself_only(void **state)
{
	uint64_t context = go_object(&world), other = go_object(&world);
	struct go_cancel_call call = inner_of_closure(other, CLOSURE);

	(void)state;
	go_cancel_closure(&world, context);
	clear_events();
	go_cancel(&world, &call);
	expect(EXPLICIT, other);
	call = inner_of_closure(context, GO_CANCEL_CLOSURE + 0xc + 4096); // not within the closure
	clear_events();
	go_cancel(&world, &call);
	expect(EXPLICIT, context);
	call = inner_of_closure(context, GO_CANCEL_CLOSURE); // in front of its probe
	clear_events();
	go_cancel(&world, &call);
	expect(EXPLICIT, context);
	call = inner_of_closure(context, CLOSURE);
	world.regs.r14 += 0x400;
	clear_events();
	go_cancel(&world, &call);
	expect(EXPLICIT, context);
	world.regs.r14 -= 0x400;
	// The end of its parent comes from the method itself and is never the closure's.
	call = (struct go_cancel_call){CT_RECEIVER_CANCEL, context, false, go_canceled(&world), go_canceled(&world),
				       CALLER(CANCEL)};
	clear_events();
	go_cancel(&world, &call);
	expect(PARENT, context);
}

static void test_closures_map_full(void **state)
{
	struct shim_map *map = shim_map_of("closure_calls", BPF_MAP_TYPE_HASH, 16, 16);
	uint64_t context = go_object(&world);

	(void)state;
	shim_map_limit(map, 1);
	go_cancel_closure(&world, context);
	world.regs.r14 += 0x400;
	clear_events();
	go_cancel_closure(&world, context);
	expect(EXPLICIT, context); // told all the same
	assert_int_equal(counter(CT_COUNTER_MAP_UPDATE), 1);
	assert_int_equal(drops(), 0);
}

/* Reads of one hit: return address, type of the error, error word. The first two decide, so without them nothing is
 * told and the hole in the numbers says so; the third only tells a late call from the end. */
static void test_unreadable(void **state)
{
	uint64_t context = go_object(&world);
	struct go_cancel_call call = inner_of_closure(context, CLOSURE);
	uint32_t sequence;

	(void)state;
	go_cancel(&world, &call);
	sequence = only(CT_EVENT_CANCEL).header->sequence;
	for (uint64_t read = 1; read <= 2; read++) {
		clear_events();
		shim.reads = 0;
		shim.fail_read = read;
		go_cancel(&world, &call);
		expect(NOTHING, context);
		assert_int_equal(counter(CT_COUNTER_READ_CANCEL), 1);
		assert_int_equal(drops(), 1);
	}
	clear_events();
	go_end_context(&world, context);
	shim.reads = 0;
	shim.fail_read = 3;
	go_cancel(&world, &call);
	expect(EXPLICIT, context);
	assert_int_equal(counter(CT_COUNTER_READ_CONTEXT), 1);
	assert_int_equal(drops(), 0);
	assert_int_equal(only(CT_EVENT_CANCEL).header->sequence, sequence + 3);
}

/* A call with a cause that says something. @return its event. */
static const struct ct_event_cancel_cause *with_cause(struct go_interface cause)
{
	uint64_t context = go_object(&world);
	struct go_cancel_call call = {CT_RECEIVER_CANCEL, context, true, go_canceled(&world), cause, CLOSURE};
	const struct ct_event_cancel_cause *event;

	clear_events();
	go_cancel(&world, &call);
	event = only(CT_EVENT_CANCEL_CAUSE).cancel_cause;
	assert_int_equal(event->context, context);
	assert_int_equal(event->reason, CT_REASON_EXPLICIT);
	assert_int_not_equal(event->path, 0);
	assert_memory_equal(event->pad, "\0\0\0", 3);
	for (uint32_t i = event->read_bytes; i < sizeof(event->text); i++)
		assert_int_equal(event->text[i], 0);
	return event;
}

static void test_cause_text(void **state)
{
	static const char text[] = "client quota exceeded";
	static const char hundred[] = "0123456789012345678901234567890123456789012345678901234567890123456789"
				      "012345678901234567890123456789";
	const struct ct_event_cancel_cause *event;

	(void)state;
	event = with_cause(go_error(&world, CT_GO_TYPE_ERROR_TEXT, text, strlen(text)));
	assert_int_equal(event->type, go_type(CT_GO_TYPE_ERROR_TEXT));
	assert_int_equal(event->text_bytes, strlen(text));
	assert_int_equal(event->read_bytes, strlen(text));
	assert_memory_equal(event->text, text, strlen(text));
	event = with_cause(go_error(&world, CT_GO_TYPE_ERROR_TEXT, hundred, 100));
	assert_int_equal(event->text_bytes, 100);
	assert_int_equal(event->read_bytes, CT_CAUSE_TEXT_BYTES);
	assert_memory_equal(event->text, hundred, CT_CAUSE_TEXT_BYTES);
	assert_int_equal(all_counters(), 0);
}

/* Lengths nobody could have, texts that are not in memory, types whose text is not known how to read. */
static void test_cause_without_text(void **state)
{
	static const uint64_t lengths[] = {CT_CAUSE_TEXT_BYTES + 1, UINT32_MAX, UINT64_MAX, UINT64_C(1) << 63};
	struct go_interface cause;
	const struct ct_event_cancel_cause *event;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		event = with_cause(go_error(&world, CT_GO_TYPE_ERROR_TEXT, "short", lengths[i]));
		assert_int_equal(event->read_bytes, 0); // what is told to be there is not
		assert_int_equal(event->text_bytes, lengths[i] < CT_CAUSE_TEXT_MOST ? lengths[i] : CT_CAUSE_TEXT_MOST);
	}
	event = with_cause(go_error(&world, CT_GO_TYPE_ERROR_TEXT, NULL, 20));
	assert_int_equal(event->read_bytes, 0);
	assert_int_equal(event->text_address, 0x10); // user space may find it in the file
	assert_int_equal(event->text_bytes, 20);
	event = with_cause(go_error(&world, CT_GO_TYPE_ERROR_TEXT, NULL, 0));
	assert_int_equal(event->text_bytes, 0);
	assert_int_equal(all_counters(), 0);
	event = with_cause(go_error(&world, 0, "not to be read", 14));
	assert_int_equal(event->type, GO_QUOTA_ERROR);
	assert_int_equal(event->text_address, 0);
	assert_int_equal(all_counters(), 0);
	cause = go_error(&world, CT_GO_TYPE_ERROR_TEXT, "gone", 4);
	shim_unmap(cause.data);
	event = with_cause(cause);
	assert_int_equal(event->text_address, 0);
	assert_int_equal(counter(CT_COUNTER_READ_CAUSE), 1);
	assert_int_equal(drops(), 0);
}

/* What the error says anyway is no cause, and one that cannot be read is none either: the end is told all the same. */
static void test_no_cause(void **state)
{
	struct go_interface none[] = {go_canceled(&world), go_deadline_exceeded(&world), {0x18, 0x600100}};
	uint64_t context = go_object(&world);

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		struct go_cancel_call call = {CT_RECEIVER_CANCEL, context, true, go_canceled(&world), none[i], CLOSURE};

		clear_events();
		go_cancel(&world, &call);
		expect(EXPLICIT, context);
		assert_int_equal(counter(CT_COUNTER_READ_CAUSE), i == 2);
		assert_int_equal(drops(), 0);
	}
}

/* Told where it begins: by the timer, born late or of a dead parent, from a foreign parent; not once more below. */
static void test_cause_is_told_at_its_origin(void **state)
{
	struct {
		uint32_t receiver;
		bool removes;
		enum error error;
		uint64_t from;
		uint8_t reason, flags;
		bool is_told;
	} cases[] = {
		{CT_RECEIVER_TIMER, true, EXCEEDED, TIMER_CLOSURE, CT_REASON_DEADLINE, 0, true},
		{CT_RECEIVER_TIMER, true, EXCEEDED, CALLER(WITH_DEADLINE), CT_REASON_DEADLINE, CT_CANCEL_BORN, true},
		{CT_RECEIVER_CANCEL, false, CANCELED, CALLER(PROPAGATE), CT_REASON_PARENT, CT_CANCEL_BORN, true},
		{CT_RECEIVER_CANCEL, false, CANCELED, CALLER(WATCHER), CT_REASON_PARENT, 0, true},
		{CT_RECEIVER_CANCEL, false, CANCELED, CALLER(FOREIGN), CT_REASON_PARENT, 0, true},
		{CT_RECEIVER_CANCEL, false, EXCEEDED, CALLER(CANCEL), CT_REASON_PARENT, 0, false},
	};
	struct go_interface cause = go_error(&world, CT_GO_TYPE_ERROR_TEXT, "why", 3);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct go_cancel_call call = {
			cases[i].receiver, go_object(&world), cases[i].removes,
			cases[i].error == EXCEEDED ? go_deadline_exceeded(&world) : go_canceled(&world), cause, cases[i].from};
		struct ct_event event;

		clear_events();
		go_cancel(&world, &call);
		event = only(cases[i].is_told ? CT_EVENT_CANCEL_CAUSE : CT_EVENT_CANCEL);
		assert_int_equal(event.cancel->reason, cases[i].reason);
		assert_int_equal(event.header->flags, cases[i].flags);
		assert_int_equal(event.cancel->path, 0);
	}
	assert_int_equal(all_counters(), 0);
}

/* Profile-guided builds: the closure of WithCancelCause is given the cause; in others' registers is garbage. */
static void test_cause_of_a_closure(void **state)
{
	uint64_t context = go_object(&world);
	struct go_interface cause = go_error(&world, CT_GO_TYPE_ERROR_TEXT, "why", 3);

	(void)state;
	world.regs.rax = cause.itab;
	world.regs.rbx = cause.data;
	go_cancel_closure(&world, context);
	expect(EXPLICIT, context);
	clear_events();
	go_cancel_closure_with(&world, context, CT_RECEIVER_CANCEL | CT_RECEIVER_TAKES_CAUSE);
	assert_memory_equal(only(CT_EVENT_CANCEL_CAUSE).cancel_cause->text, "why", 3);
	world.regs.rax = 0;
	clear_events();
	go_cancel_closure_with(&world, context, CT_RECEIVER_CANCEL | CT_RECEIVER_TAKES_CAUSE);
	expect(EXPLICIT, context);
	assert_int_equal(all_counters(), 0);
}

/* Up to 1.19 what stands in the registers of a cause is garbage. */
static void test_no_cause_before_it_was_there(void **state)
{
	uint64_t context = go_object(&world);
	struct go_interface cause = go_error(&world, CT_GO_TYPE_ERROR_TEXT, "why", 3);
	struct go_cancel_call call = {CT_RECEIVER_CANCEL, context, true, go_canceled(&world), cause, CLOSURE};

	(void)state;
	go_world_make_old(&world, 19);
	go_cancel(&world, &call);
	expect(EXPLICIT, context);
	assert_int_equal(all_counters(), 0);
}

static void test_unreadable_closure(void **state)
{
	struct pt_regs regs = world.regs;

	(void)state;
	regs.rdx = 0x10; // no closure
	hit(go_end, &regs, CT_COOKIE(CT_ROLE_GO_CANCEL_CLOSURE, 0));
	expect(NOTHING, 0);
	assert_int_equal(counter(CT_COUNTER_READ_CANCEL), 1);
	assert_int_equal(drops(), 1);
}

static void test_stack_check_and_other_roles(void **state)
{
	(void)state;
	world.regs.eflags = 0x41;
	for (uint32_t role = 0; role < CT_ROLE_END; role++)
		hit(go_end, &world.regs, CT_COOKIE(role, 0) | CT_COOKIE_AT_STACK_CHECK);
	world.regs.eflags = 0;
	for (uint32_t role = 0; role < CT_ROLE_END; role++)
		if (role != CT_ROLE_GO_CANCEL && role != CT_ROLE_GO_CANCEL_CLOSURE && role != CT_ROLE_GO_TASK_END &&
		    role != CT_ROLE_GO_HIJACK && role != CT_ROLE_GO_FLUSH)
			hit(go_end, &world.regs, CT_COOKIE(role, 0) | CT_COOKIE_AT_STACK_CHECK);
	expect(NOTHING, 0);
	assert_int_equal(all_counters(), 0);
	shim.process++;
	hit(go_end, &world.regs, CT_COOKIE(CT_ROLE_GO_CANCEL, 0));
	assert_int_equal(counter(CT_COUNTER_CONFIG_MISSING), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_every_row, set_up),
		cmocka_unit_test_setup(test_rows_before_causes, set_up),
		cmocka_unit_test_setup(test_split_timer, set_up),
		cmocka_unit_test_setup(test_closure_is_told_once, set_up),
		cmocka_unit_test_setup(test_closure_stands_for_itself_only, set_up),
		cmocka_unit_test_setup(test_closures_map_full, set_up),
		cmocka_unit_test_setup(test_unreadable, set_up),
		cmocka_unit_test_setup(test_cause_text, set_up),
		cmocka_unit_test_setup(test_cause_without_text, set_up),
		cmocka_unit_test_setup(test_no_cause, set_up),
		cmocka_unit_test_setup(test_cause_is_told_at_its_origin, set_up),
		cmocka_unit_test_setup(test_cause_of_a_closure, set_up),
		cmocka_unit_test_setup(test_no_cause_before_it_was_there, set_up),
		cmocka_unit_test_setup(test_unreadable_closure, set_up),
		cmocka_unit_test_setup(test_stack_check_and_other_roles, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
