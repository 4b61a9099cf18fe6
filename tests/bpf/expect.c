// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "expect.h"

static struct shim_map *processes(void)
{
	return shim_map_of("processes", BPF_MAP_TYPE_HASH, sizeof(uint32_t), sizeof(struct ct_process_config));
}

void configure(uint32_t process, const struct ct_process_config *config)
{
	assert_int_equal(shim_map_update(processes(), &process, config, BPF_ANY), 0);
}

bool is_configured(uint32_t process)
{
	return shim_map_find(processes(), &process);
}

void hit(ct_program program, struct pt_regs *regs, uint64_t cookie)
{
	shim.cookie = cookie;
	assert_int_equal(program(regs), 0);
	assert_int_equal(shim_reservations(), 0);
}

static uint64_t *counters_of_cpu(void)
{
	struct shim_map *map = shim_map_of("counters", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint32_t),
					   CT_COUNTER_MAX * sizeof(uint64_t));
	uint32_t zero = 0;

	shim_map_limit(map, 1);
	return shim_map_find(map, &zero);
}

uint64_t counter(enum ct_counter which)
{
	uint32_t cpu = shim.cpu;
	uint64_t total = 0;

	for (shim.cpu = 0; shim.cpu < SHIM_CPUS; shim.cpu++)
		total += counters_of_cpu()[which];
	shim.cpu = cpu;
	return total;
}

uint64_t all_counters(void)
{
	uint64_t total = 0;

	for (int i = 0; i < CT_COUNTER_MAX; i++)
		total += counter((enum ct_counter)i);
	return total;
}

uint64_t drops(void)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < CT_COUNTER_END; i++)
		total += ct_counter_is_drop(i) ? counter((enum ct_counter)i) : 0;
	return total;
}

struct ct_event event_at(size_t index, uint8_t type)
{
	struct ct_event event = {.bytes = 0};
	size_t bytes = 0;
	const void *found = shim_event(index, &bytes);

	assert_non_null(found);
	assert_int_equal(ct_event_decode(found, bytes, &event), 0);
	assert_string_equal(ct_event_name(event.header->type), ct_event_name(type));
	assert_int_equal(event.header->cpu, shim.cpu);
	return event;
}

struct ct_event only(uint8_t type)
{
	size_t count = shim_events();

	assert_true(count > 0);
	for (size_t i = 0; i + 1 < count; i++)
		event_at(i, CT_EVENT_STACK);
	return event_at(count - 1, type);
}

void nothing(void)
{
	for (size_t i = 0; i < shim_events(); i++)
		event_at(i, CT_EVENT_STACK);
}

const struct ct_event_stack *stack_of(uint32_t path)
{
	const struct ct_event_stack *found = NULL;

	for (size_t i = 0, bytes; i < shim_events(); i++) {
		const struct ct_event_stack *stack = shim_event(i, &bytes);

		if (stack->header.type != CT_EVENT_STACK || stack->path != path)
			continue;
		assert_null(found);
		found = stack;
	}
	assert_non_null(found);
	return found;
}

void clear_events(void)
{
	shim_consume();
	for (uint32_t cpu = shim.cpu, i = 0; i < SHIM_CPUS; shim.cpu = cpu, i++) {
		shim.cpu = i;
		for (int which = 0; which < CT_COUNTER_MAX; which++)
			counters_of_cpu()[which] = 0;
	}
}
