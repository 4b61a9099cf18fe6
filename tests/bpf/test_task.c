// SPDX-License-Identifier: Apache-2.0
/* exec and exit: of watched processes only, once each, and the settings go with the memory they speak of. And threads. */
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

#define CREATOR	  101
#define CHILD	  102
#define HANDLE_AT 0x7ffe0000

static const struct ct_process_config threads = {.runtime = CT_RUNTIME_C, .watch_threads = 1};

/* As the kernel does on the creator's thread, before the new one runs. */
static void fork_thread(uint32_t process, uint32_t child_process)
{
	struct task_struct child = {.pid = CHILD, .tgid = (int)child_process};
	uint64_t args[] = {0, (uint64_t)(uintptr_t)&child};

	shim.process = process;
	shim.thread = CREATOR;
	assert_int_equal(process_fork((struct bpf_raw_tracepoint_args *)args), 0);
	assert_int_equal(shim_reservations(), 0);
}

static struct shim_map *spawns(void)
{
	return shim_map_of("spawns", BPF_MAP_TYPE_HASH, sizeof(uint32_t), 40);
}

static void note_spawn(void)
{
	const struct {
		uint64_t handle_at, entry, context;
		uint32_t path, entry_path, flags, pad;
	} spawn = {HANDLE_AT, 0x401180, 0xa000, 7, 8, CT_TASK_THREAD | CT_TASK_SPAWNED | CT_TASK_LIBRARY, 0};
	uint32_t creator = CREATOR;

	assert_int_equal(shim_map_update(spawns(), &creator, &spawn, BPF_ANY), 0);
}

static void test_thread(void **state)
{
	struct {
		uint64_t handle;
		uint32_t process, pad;
	} key = {.handle = 0x7f0000000700, .process = WATCHED};
	const struct ct_event_task_start *start;
	const uint32_t *known;

	(void)state;
	configure(WATCHED, &threads);
	shim_poke(HANDLE_AT, key.handle);
	note_spawn();
	fork_thread(WATCHED, WATCHED);
	start = only(CT_EVENT_TASK_START).task_start;
	assert_int_equal(start->task, CHILD);
	assert_int_equal(start->creator, CREATOR);
	assert_int_equal(start->context, 0xa000);
	assert_int_equal(start->entry, 0x401180);
	assert_int_equal(start->path, 7);
	assert_int_equal(start->entry_path, 8);
	assert_int_equal(start->header.flags, CT_TASK_THREAD | CT_TASK_SPAWNED | CT_TASK_LIBRARY);
	known = shim_map_find(shim_map_of("handles", BPF_MAP_TYPE_LRU_HASH, sizeof(key), sizeof(uint32_t)), &key);
	assert_non_null(known);
	assert_int_equal(*known, CHILD);
	// It was told once: the next thread is made by something else.
	clear_events();
	fork_thread(WATCHED, WATCHED);
	start = only(CT_EVENT_TASK_START).task_start;
	assert_int_equal(start->context, 0);
	assert_int_equal(start->entry, 0);
	assert_int_equal(start->path, 0);
	assert_int_equal(start->entry_path, 0);
	assert_int_equal(start->header.flags, CT_TASK_THREAD | CT_TASK_SPAWNED);
	assert_int_equal(all_counters(), 0);
}

/* Its handle cannot be read, or there is no room: it is told, or counted, all the same. */
static void test_thread_in_trouble(void **state)
{
	(void)state;
	configure(WATCHED, &threads);
	note_spawn();
	fork_thread(WATCHED, WATCHED);
	assert_int_equal(only(CT_EVENT_TASK_START).task_start->path, 7);
	clear_events();
	shim.ring_bytes = 8;
	fork_thread(WATCHED, WATCHED);
	assert_int_equal(counter(CT_COUNTER_RING_FULL), 1);
	assert_int_equal(shim_events(), 0);
}

static void test_other_forks(void **state)
{
	(void)state;
	fork_thread(WATCHED, WATCHED); // nobody asked for its threads
	fork_thread(OTHER, OTHER);
	configure(WATCHED, &threads);
	note_spawn();
	fork_thread(WATCHED, OTHER); // a process
	assert_int_equal(shim_events(), 0);
	assert_int_equal(shim_map_count(spawns()), 1);
	assert_int_equal(all_counters(), 0);
}

static void test_thread_end(void **state)
{
	(void)state;
	shim.thread = CREATOR;
	exit_thread(WATCHED, 2); // not asked for
	configure(WATCHED, &threads);
	note_spawn(); // pthread_create had failed
	exit_thread(OTHER, 2);
	assert_int_equal(shim_events(), 0);
	exit_thread(WATCHED, 2);
	assert_int_equal(only(CT_EVENT_TASK_END).task_end->task, CREATOR);
	assert_int_equal(only(CT_EVENT_TASK_END).header->flags, CT_TASK_THREAD);
	assert_int_equal(shim_map_count(spawns()), 0);
	clear_events();
	exit_thread(WATCHED, 0); // the last one ends the process
	only(CT_EVENT_EXIT);
	assert_int_equal(all_counters(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_exec, set_up),
		cmocka_unit_test_setup(test_exit, set_up),
		cmocka_unit_test_setup(test_exit_after_exec, set_up),
		cmocka_unit_test_setup(test_several_processes, set_up),
		cmocka_unit_test_setup(test_no_room, set_up),
		cmocka_unit_test_setup(test_thread, set_up),
		cmocka_unit_test_setup(test_thread_in_trouble, set_up),
		cmocka_unit_test_setup(test_other_forks, set_up),
		cmocka_unit_test_setup(test_thread_end, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
