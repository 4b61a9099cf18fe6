// SPDX-License-Identifier: Apache-2.0
/*
 * Lost events are known exactly: their numbers are missing, counters say how many, and user space's reading of both
 * (user/source/gaps.c) agrees with what was really lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "go_world.h"
#include "source/gaps.h"

#define CREATE_TAKES 64 // a CREATE and its head in the ring

static struct go_world world;

static int set_up(void **state)
{
	(void)state;
	go_world_init(&world);
	world.config.take_stacks = 0;
	go_world_configure(&world);
	return 0;
}

static struct go_interface root, child;

static void make_one(void)
{
	go_create(&world, root, child);
}

static void begin(void)
{
	root = go_context(&world, CT_KIND_BACKGROUND);
	child = go_context(&world, CT_KIND_CANCEL);
}

static void test_full_ring(void **state)
{
	(void)state;
	begin();
	shim.ring_bytes = 4 * CREATE_TAKES; // the last byte is never used
	for (int i = 0; i < 10; i++)
		make_one();
	assert_int_equal(shim_events(), 3);
	assert_int_equal(counter(CT_COUNTER_RING_FULL), 7);
	assert_int_equal(drops(), 7);
	shim_consume();
	make_one();
	assert_int_equal(event_at(0, CT_EVENT_CREATE).header->sequence, 11);
}

/* Dice that fall the same way every time. */
static uint32_t dice_state;

static uint32_t dice(uint32_t bound)
{
	dice_state = dice_state * 1664525u + 1013904223u;
	return (dice_state >> 8) % bound;
}

/* User space's view: events as they come, drops as the counters say. */
struct reader {
	struct ct_gap_cpu cpus[SHIM_CPUS];
	uint64_t seen, told;
};

static uint64_t drops_of(uint32_t cpu)
{
	uint64_t *values;
	uint32_t zero = 0, running = shim.cpu;

	shim.cpu = cpu;
	values = shim_map_find(shim_map_of("counters", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8 * CT_COUNTER_MAX), &zero);
	shim.cpu = running;
	return values ? values[CT_COUNTER_RING_FULL] + values[CT_COUNTER_CONFIG_MISSING] : 0;
}

static void read_all(struct reader *reader)
{
	size_t count = shim_events(), bytes;

	for (size_t i = 0; i < count; i++) {
		const struct ct_event_header *header = shim_event(i, &bytes);
		struct ct_gap_cpu *cpu = &reader->cpus[header->cpu];

		reader->seen++;
		if (ct_gap_cpu_note(cpu, header))
			reader->told += ct_gap_cpu_jump(cpu, drops_of(header->cpu)).lost;
	}
	shim_consume();
	for (uint32_t cpu = 0; cpu < SHIM_CPUS; cpu++)
		reader->told += ct_gap_cpu_tick(&reader->cpus[cpu], drops_of(cpu)).lost;
}

/* Any schedule of CPUs and drains, and processes that come and go: nothing is lost unseen, nothing is told twice. */
static void play(uint32_t seed)
{
	struct reader reader = {.seen = 0};
	uint64_t made = 0;

	dice_state = seed;
	for (uint32_t cpu = 0; cpu < SHIM_CPUS; cpu++)
		ct_gap_cpu_init(&reader.cpus[cpu], 0);
	for (int step = 0; step < 3000; step++) {
		shim.cpu = dice(SHIM_CPUS);
		shim.process = dice(20) ? 100 : 101; // the other one has no settings
		make_one();
		made++;
		if (!dice(12))
			read_all(&reader);
	}
	read_all(&reader);
	assert_int_equal(reader.seen + reader.told, made);
	assert_int_equal(reader.told, drops());
	assert_true(counter(CT_COUNTER_RING_FULL) > 100);
	assert_true(counter(CT_COUNTER_CONFIG_MISSING) > 100);
}

static void test_any_schedule(void **state)
{
	for (uint32_t seed = 1; seed <= 20; seed++) {
		set_up(state);
		begin();
		shim.ring_bytes = 8 * CREATE_TAKES + 1;
		play(seed);
	}
}

/* One wake-up for each quarter of the ring that the backlog passes, and none besides. */
static void test_wake_ups(void **state)
{
	uint64_t quarter = (8 << 20) / 4 / CREATE_TAKES;

	(void)state;
	begin();
	for (uint64_t i = 1; i <= 4 * quarter - 1; i++) {
		make_one();
		if (i == quarter - 1)
			assert_int_equal(shim.wake_ups, 0);
		if (i == quarter || i == 2 * quarter - 1)
			assert_int_equal(shim.wake_ups, 1);
	}
	assert_int_equal(shim.wake_ups, 3);
	assert_int_equal(all_counters(), 0);
	make_one();
	assert_int_equal(counter(CT_COUNTER_RING_FULL), 1); // 8 MiB are full
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_full_ring, set_up),
		cmocka_unit_test_setup(test_any_schedule, set_up),
		cmocka_unit_test_setup(test_wake_ups, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
