// SPDX-License-Identifier: Apache-2.0
/* What tests of the kernel side ask: the events of the ring, the counters, the settings of a process. */
#pragma once

#include "programs.h"

#include "ctxtrace/event.h"
#include "ctxtrace/process_config.h"
#include "ctxtrace/source.h"

/** Tell the kernel side about a process, as attach does. */
void configure(uint32_t process, const struct ct_process_config *config);

/** Is the process still configured? */
bool is_configured(uint32_t process);

/** Run a program on a hit of `role`; the programs return 0 and leave no reservation open. */
void hit(ct_program program, struct pt_regs *regs, uint64_t cookie);

/** A counter's total over all CPUs. */
uint64_t counter(enum ct_counter which);

/** Sum of all counters. */
uint64_t all_counters(void);

/** Sum of the counters that stand for lost events. */
uint64_t drops(void);

/**
 * The only event in the ring besides STACK events, which come before it; it must decode and be of this type. The ring
 * is left as it is.
 */
struct ct_event only(uint8_t type);

/** There is no event but STACK. */
void nothing(void);

/** The event at `index`, which must decode and be of this type. */
struct ct_event event_at(size_t index, uint8_t type);

/** The STACK of a path, which must be in the ring once. */
const struct ct_event_stack *stack_of(uint32_t path);

/** Forget all events and counters: the next hit starts with an empty ring. Paths and settings stay. */
void clear_events(void);
