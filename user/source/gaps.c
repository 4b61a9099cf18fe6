// SPDX-License-Identifier: Apache-2.0
#include "source/gaps.h"

void ct_gap_cpu_init(struct ct_gap_cpu *cpu, uint64_t now_ns)
{
	*cpu = (struct ct_gap_cpu){ .time_ns = now_ns };
}

static uint64_t least(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

bool ct_gap_cpu_note(struct ct_gap_cpu *cpu, const struct ct_event_header *header)
{
	int32_t step = (int32_t)(header->sequence - cpu->sequence);
	uint64_t before_ns = cpu->time_ns;
	uint64_t jumped, credited;

	if (header->time_ns > cpu->time_ns)
		cpu->time_ns = header->time_ns;
	if (step <= 0) {
		// Late: one of the missing numbers, and so no drop.
		if (cpu->missing)
			cpu->missing--;
		return false;
	}
	cpu->sequence = header->sequence;
	jumped = (uint64_t)step - 1;
	credited = least(jumped, cpu->credit);
	cpu->credit -= credited;
	jumped -= credited;
	if (jumped && !cpu->missing)
		cpu->doubt_ns = before_ns;
	cpu->missing += jumped;
	return jumped > 0;
}

// The counter is read after the event was; it may have run ahead, so only so many as are wanted are told.
static struct ct_gap tell(struct ct_gap_cpu *cpu, uint64_t lost, uint64_t before_ns)
{
	struct ct_gap gap = { .from_ns = cpu->missing ? cpu->doubt_ns : before_ns, .lost = lost };

	cpu->told += lost;
	cpu->missing -= least(cpu->missing, lost);
	return gap;
}

struct ct_gap ct_gap_cpu_jump(struct ct_gap_cpu *cpu, uint64_t drops)
{
	uint64_t untold = drops > cpu->told ? drops - cpu->told : 0;

	return tell(cpu, least(untold, cpu->missing), cpu->time_ns);
}

struct ct_gap ct_gap_cpu_tick(struct ct_gap_cpu *cpu, uint64_t drops)
{
	uint64_t untold = drops > cpu->told ? drops - cpu->told : 0;

	// Numbers still missing when no drop is left to explain them belong to events that are merely late.
	if (!untold)
		cpu->missing = 0;
	cpu->credit += untold - least(untold, cpu->missing);
	return tell(cpu, untold, cpu->time_ns);
}
