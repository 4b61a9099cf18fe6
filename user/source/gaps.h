// SPDX-License-Identifier: Apache-2.0
/*
 * Where events were lost, and how many.
 *
 * Two witnesses, per CPU. Numbers: each event takes one before it asks for room, so a jump shows between which two
 * events something is missing. Counters: the kernel counts each drop, so the sum is exact. A jump alone proves nothing:
 * a program can be preempted between taking its number and its room, and its event comes late, out of order. A counter
 * alone has no place. So a gap is told when both agree; a drop without a jump is told by the next tick and its jump,
 * when it comes, is not told again.
 */
#pragma once

#include "ctxtrace/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What is known about one CPU. */
struct ct_gap_cpu {
	uint64_t time_ns;  /**< Of its latest event, or of the start. */
	uint64_t doubt_ns; /**< Of the event before the first number that is missing; valid while `missing`. */
	uint64_t missing;  /**< Numbers jumped over that no drop explains so far. */
	uint64_t credit;   /**< Drops told at a tick whose numbers have not been jumped over yet. */
	uint64_t told;	   /**< Drops told in all. */
	uint32_t sequence; /**< Highest number seen. */
};

/** Lost events: `lost` of them after `from_ns` and before the event or tick at hand. */
struct ct_gap {
	uint64_t from_ns;
	uint64_t lost; /**< 0: none. */
};

/** Start at `now_ns`, with no event seen. */
void ct_gap_cpu_init(struct ct_gap_cpu *cpu, uint64_t now_ns);

/** Take note of an event of this CPU. @return true when numbers are missing: then ask ct_gap_cpu_jump(). */
bool ct_gap_cpu_note(struct ct_gap_cpu *cpu, const struct ct_event_header *header);

/** After a jump. @param drops  The CPU's counted drops now. @return the gap before the event just noted. */
struct ct_gap ct_gap_cpu_jump(struct ct_gap_cpu *cpu, uint64_t drops);

/** At a tick, when all events have been noted. @return the drops not told so far. */
struct ct_gap ct_gap_cpu_tick(struct ct_gap_cpu *cpu, uint64_t drops);
