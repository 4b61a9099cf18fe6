// SPDX-License-Identifier: Apache-2.0
/*
 * The interface a tracer sees. This program defines the probe functions itself; the library calls them through its
 * procedure linkage table, so every call arrives here, in order and with its arguments. The library's own bodies are
 * looked at as bytes.
 */
#include "test_context.h"

#include "context/probe_points.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

enum call {
	CREATE = 1,
	CANCEL,
	CANCEL_CALL,
	ABANDON,
	DESTROY,
	ARM,
	DISARM,
	REQUEST_BEGIN,
	REQUEST_END,
	TASK_BEGIN,
	TASK_END,
};

/** One call of a probe function. */
struct record {
	enum call call;
	uint64_t argument[5];
};

static struct record records[256];
static size_t records_count;
static pthread_mutex_t records_lock = PTHREAD_MUTEX_INITIALIZER;

static void record(enum call call, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	pthread_mutex_lock(&records_lock);
	if (records_count < sizeof(records) / sizeof(records[0]))
		records[records_count++] = (struct record){.call = call, .argument = {a, b, c, d, e}};
	pthread_mutex_unlock(&records_lock);
}

/** Return addresses as a tracer walks them: from the frame pointer of the caller upwards. */
static const void *last_walk[16];

static void walk(const void *frame)
{
	const void *const *fp = frame;

	memset(last_walk, 0, sizeof(last_walk));
	for (size_t i = 0; i < 16 && fp; i++) {
		const void *const *next = (const void *const *)fp[0];

		last_walk[i] = fp[1];
		if (next <= fp)
			break;
		fp = next;
	}
}

void cctx_create_(uint64_t id, uint64_t parent, uint64_t kind, uint64_t deadline_ns, uint64_t flags)
{
	walk(__builtin_frame_address(0));
	record(CREATE, id, parent, kind, deadline_ns, flags);
}

void cctx_cancel_(uint64_t id, uint64_t reason, const char *cause)
{
	walk(__builtin_frame_address(0));
	record(CANCEL, id, reason, (uint64_t)(uintptr_t)cause, 0, 0);
}

void cctx_cancel_call_(uint64_t id)
{
	record(CANCEL_CALL, id, 0, 0, 0, 0);
}

void cctx_abandon_(uint64_t id)
{
	walk(__builtin_frame_address(0));
	record(ABANDON, id, 0, 0, 0, 0);
}

void cctx_destroy_(uint64_t id)
{
	record(DESTROY, id, 0, 0, 0, 0);
}

void cctx_timer_arm_(uint64_t id, uint64_t deadline_ns)
{
	record(ARM, id, deadline_ns, 0, 0, 0);
}

void cctx_timer_disarm_(uint64_t id, uint64_t fired)
{
	record(DISARM, id, fired, 0, 0, 0);
}

void cctx_request_begin_(uint64_t id, const char *label)
{
	record(REQUEST_BEGIN, id, (uint64_t)(uintptr_t)label, 0, 0, 0);
}

void cctx_request_end_(uint64_t id, uint64_t status)
{
	record(REQUEST_END, id, status, 0, 0, 0);
}

void cctx_task_begin_(uint64_t task, uint64_t id, const char *label)
{
	(void)label;
	record(TASK_BEGIN, task, id, 0, 0, 0);
}

void cctx_task_end_(uint64_t task)
{
	record(TASK_END, task, 0, 0, 0, 0);
}

static uint64_t id_of(const void *ctx)
{
	return (uint64_t)(uintptr_t)ctx;
}

static int forget(void **state)
{
	(void)state;
	// Roots are announced once per process: not part of the tests that follow.
	cctx_background();
	records_count = 0;
	return 0;
}

static void expect(size_t at, enum call call, uint64_t a, uint64_t b)
{
	assert_true(at < records_count);
	assert_int_equal(records[at].call, call);
	assert_true(records[at].argument[0] == a);
	assert_true(records[at].argument[1] == b);
}

static void never(void *opaque)
{
	(void)opaque;
	fail_msg("a stopped function ran");
}

static void test_roots_are_announced_once(void **state)
{
	(void)state;
	cctx_t *todo = cctx_todo();

	cctx_todo();
	assert_int_equal(records_count, 1);
	expect(0, CREATE, id_of(todo), 0);
	assert_int_equal(records[0].argument[2], CCTX_KIND_ROOT);
	assert_int_equal(records[0].argument[4], CCTX_CREATE_TODO);
	// And can be told by name when that was missed.
	assert_ptr_equal(dlsym(RTLD_DEFAULT, "cctx_todo_"), todo);
	assert_ptr_equal(dlsym(RTLD_DEFAULT, "cctx_background_"), cctx_background());
}

static void test_life_of_a_context(void **state)
{
	(void)state;
	cctx_t *ctx = cctx_with_timeout(cctx_background(), 3600 * CCTX_SECOND);
	uint64_t id = id_of(ctx);
	int64_t deadline_ns = 0;

	cctx_deadline(ctx, &deadline_ns);
	cctx_cancel(ctx, "enough");
	cctx_cancel(ctx, NULL);
	assert_string_equal((const char *)(uintptr_t)records[3].argument[2], "enough");
	cctx_unref(ctx);
	expect(0, CREATE, id, id_of(cctx_background()));
	assert_int_equal(records[0].argument[2], CCTX_KIND_DEADLINE);
	assert_true(records[0].argument[3] == (uint64_t)deadline_ns);
	expect(1, ARM, id, (uint64_t)deadline_ns);
	expect(2, DISARM, id, 0);
	expect(3, CANCEL, id, 1);
	expect(4, CANCEL_CALL, id, 0);
	expect(5, DESTROY, id, 0);
	assert_int_equal(records_count, 6);
}

static void test_cascade_tells_parents_before_children(void **state)
{
	(void)state;
	cctx_t *top = cctx_with_cancel(cctx_background());
	cctx_t *value = cctx_with_value(top, state, NULL, NULL);
	cctx_t *child = cctx_with_cancel(value);

	expect(1, CREATE, id_of(value), id_of(top));
	// The parent as the program gave it, not the nearest that can be cancelled.
	expect(2, CREATE, id_of(child), id_of(value));
	cctx_cancel(top, NULL);
	expect(3, CANCEL, id_of(top), 1);
	expect(4, CANCEL, id_of(child), 3);
	assert_true(records[4].argument[2] == 0);
	cctx_unref(child);
	cctx_unref(value);
	cctx_unref(top);
	assert_int_equal(records_count, 8);
}

static void test_born_ended(void **state)
{
	(void)state;
	cctx_t *late = cctx_with_timeout(cctx_background(), 0);
	cctx_t *child = cctx_with_cancel(late);

	expect(1, CANCEL, id_of(late), 2 | 0x100);
	expect(2, CREATE, id_of(child), id_of(late));
	expect(3, CANCEL, id_of(child), 3 | 0x100);
	assert_int_equal(records_count, 4);
	cctx_unref(child);
	cctx_unref(late);
	expect(4, DESTROY, id_of(child), 0);
	expect(5, DESTROY, id_of(late), 0);
}

static void test_abandon_and_after_func(void **state)
{
	(void)state;
	cctx_t *parent = cctx_with_cancel(cctx_background());
	cctx_t *lost = cctx_with_cancel(parent);
	cctx_stop_t *stop = cctx_after_func(parent, never, NULL);

	assert_int_equal(records[2].argument[2], CCTX_KIND_AFTER_FUNC);
	cctx_unref(lost);
	expect(3, ABANDON, id_of(lost), 0);
	assert_true(cctx_stop(stop));
	expect(4, CANCEL, id_of(stop), 1);
	cctx_stop_release(stop);
	expect(5, DESTROY, id_of(stop), 0);
	cctx_cancel(parent, NULL);
	expect(6, CANCEL, id_of(parent), 1);
	expect(7, CANCEL, id_of(lost), 3);
	expect(8, DESTROY, id_of(lost), 0);
	cctx_unref(parent);
	// Nothing keeps it: abandoned and freed, and it never ended.
	lost = cctx_with_cancel(cctx_background());
	cctx_unref(lost);
	expect(11, ABANDON, id_of(lost), 0);
	expect(12, DESTROY, id_of(lost), 0);
}

static void test_requests_and_tasks(void **state)
{
	(void)state;
	cctx_t *ctx = cctx_background();

	cctx_request_begin(ctx, "GET /");
	cctx_task_begin(ctx, NULL);
	cctx_task_end();
	cctx_request_end(ctx, -5);
	assert_string_equal((const char *)(uintptr_t)records[0].argument[1], "GET /");
	assert_int_equal(records[0].call, REQUEST_BEGIN);
	assert_true(records[1].argument[1] == id_of(ctx));
	expect(2, TASK_END, records[1].argument[0], 0);
	expect(3, REQUEST_END, id_of(ctx), (uint64_t)-5);
}

/** Where the function at work returns to: the walk has to come by exactly there. */
static const void *way_back;

static bool walk_comes_by_way_back(void)
{
	for (size_t i = 0; i < 16 && last_walk[i]; i++) {
		if (last_walk[i] == way_back)
			return true;
	}
	return false;
}

static __attribute__((noinline)) cctx_t *make_here(cctx_t *parent)
{
	cctx_t *ctx;

	way_back = __builtin_return_address(0);
	ctx = cctx_with_timeout(parent, 60 * CCTX_SECOND);
	assert_true(walk_comes_by_way_back());
	return ctx;
}

static __attribute__((noinline)) void cancel_here(cctx_t *ctx)
{
	way_back = __builtin_return_address(0);
	cctx_cancel(ctx, NULL);
	assert_true(walk_comes_by_way_back());
}

static __attribute__((noinline)) void drop_here(cctx_t *ctx)
{
	way_back = __builtin_return_address(0);
	cctx_unref(ctx);
	assert_true(walk_comes_by_way_back());
}

static void test_frame_pointers_lead_to_the_program(void **state)
{
	(void)state;
	cctx_t *ctx = make_here(cctx_background());

	cancel_here(ctx);
	cctx_unref(ctx);
	drop_here(cctx_with_cancel(cctx_background()));
}

#if defined(__x86_64__)
static void test_probe_functions_begin_with_a_nop(void **state)
{
	(void)state;
	static const char *const names[] = {
		"cctx_create_",	     "cctx_cancel_",	 "cctx_cancel_call_",  "cctx_abandon_",
		"cctx_destroy_",     "cctx_timer_arm_",	 "cctx_timer_disarm_", "cctx_request_begin_",
		"cctx_request_end_", "cctx_task_begin_", "cctx_task_end_",
	};
	static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
	void *library = dlopen("libctxtrace-context.so.0", RTLD_NOW | RTLD_NOLOAD);

	assert_non_null(library);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const uint8_t *code = dlsym(library, names[i]);

		assert_non_null(code);
		assert_ptr_not_equal(code, dlsym(RTLD_DEFAULT, names[i]));
		if (!memcmp(code, endbr64, sizeof(endbr64)))
			code += sizeof(endbr64);
		assert_int_equal(*code, 0x90);
	}
	dlclose(library);
}
#else
static void test_probe_functions_begin_with_a_nop(void **state)
{
	(void)state;
	print_message("skipped: the first instruction is only known for x86-64 here\n");
	skip();
}
#endif

#define TEST(function) cmocka_unit_test_setup(function, forget)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_roots_are_announced_once),
		TEST(test_life_of_a_context),
		TEST(test_cascade_tells_parents_before_children),
		TEST(test_born_ended),
		TEST(test_abandon_and_after_func),
		TEST(test_requests_and_tasks),
		TEST(test_frame_pointers_lead_to_the_program),
		TEST(test_probe_functions_begin_with_a_nop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
