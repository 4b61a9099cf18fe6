// SPDX-License-Identifier: Apache-2.0
/* exec and exit: of watched processes only, once each, and the settings go with the memory they speak of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "expect.h"
#include "kernel.h"

#define WATCHED 100
#define OTHER	200

static int set_up(void **state)
{
	const struct ct_process_config config = {.runtime = CT_RUNTIME_GO};

	(void)state;
	shim_reset();
	configure(WATCHED, &config);
	return 0;
}

/* The kernel counts the thread out before the tracepoint: `live` are the ones that stay. */
static void exit_thread(uint32_t process, int live)
{
	struct signal_struct signal = {.live = {live}};
	struct task_struct task = {.signal = &signal};
	uint64_t args[] = {(uint64_t)(uintptr_t)&task};

	shim.process = process;
	assert_int_equal(process_exit((struct bpf_raw_tracepoint_args *)args), 0);
	assert_int_equal(shim_reservations(), 0);
}

static void exec_process(uint32_t process)
{
	uint64_t args[3] = {0};

	shim.process = process;
	assert_int_equal(process_exec((struct bpf_raw_tracepoint_args *)args), 0);
	assert_int_equal(shim_reservations(), 0);
}

static void test_exec(void **state)
{
	(void)state;
	exec_process(OTHER);
	assert_int_equal(shim_events(), 0);
	assert_true(is_configured(WATCHED));
	exec_process(WATCHED);
	only(CT_EVENT_EXEC);
	assert_int_equal(only(CT_EVENT_EXEC).bytes, sizeof(struct ct_event_mark));
	assert_false(is_configured(WATCHED));
	// The new image is nobody's until user space has planned for it.
	exec_process(WATCHED);
	assert_int_equal(shim_events(), 1);
	assert_int_equal(all_counters(), 0);
}

static void test_exit(void **state)
{
	(void)state;
	exit_thread(OTHER, 0);
	exit_thread(WATCHED, 2);
	exit_thread(WATCHED, 1);
	assert_int_equal(shim_events(), 0);
	assert_true(is_configured(WATCHED));
	exit_thread(WATCHED, 0);
	only(CT_EVENT_EXIT);
	assert_false(is_configured(WATCHED));
	exit_thread(WATCHED, 0); // several threads may see 0 when all leave at once
	assert_int_equal(shim_events(), 1);
	assert_int_equal(all_counters(), 0);
}

static void test_exit_after_exec(void **state)
{
	(void)state;
	exec_process(WATCHED);
	exit_thread(WATCHED, 0);
	only(CT_EVENT_EXEC);
	assert_int_equal(shim_events(), 1);
}

static void test_several_processes(void **state)
{
	const struct ct_process_config config = {.runtime = CT_RUNTIME_C};

	(void)state;
	configure(OTHER, &config);
	exit_thread(OTHER, 0);
	assert_true(is_configured(WATCHED));
	assert_false(is_configured(OTHER));
	exec_process(WATCHED);
	event_at(0, CT_EVENT_EXIT);
	event_at(1, CT_EVENT_EXEC);
}

/* Without room the end of the process is lost, but counted, and the settings are gone all the same. */
static void test_no_room(void **state)
{
	(void)state;
	shim.ring_bytes = 8;
	exit_thread(WATCHED, 0);
	assert_int_equal(shim_events(), 0);
	assert_int_equal(counter(CT_COUNTER_RING_FULL), 1);
	assert_false(is_configured(WATCHED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_exec, set_up),
		cmocka_unit_test_setup(test_exit, set_up),
		cmocka_unit_test_setup(test_exit_after_exec, set_up),
		cmocka_unit_test_setup(test_several_processes, set_up),
		cmocka_unit_test_setup(test_no_room, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
