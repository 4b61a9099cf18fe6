// SPDX-License-Identifier: Apache-2.0
/*
 * What a census has to know of a program before it reads its memory: which Go, where the runtime keeps the heap and the
 * goroutines, which code belongs to cancel functions. Taken from the executable once; a recording keeps it as FACTS, so
 * that a replay needs no executable. Nothing here is a pointer into anything: addresses are those of the target.
 */
#pragma once

#include "ctxtrace/error.h"
#include "ctxtrace/source.h"
#include "memory/closures.h"
#include "symbol/binary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Zero-initialise; release with ct_census_facts_done(). */
struct ct_census_facts {
	uint64_t minor; /**< Go 1.x. */
	uint64_t mheap; /**< Address of runtime.mheap_. */
	uint64_t allgs; /**< Address of the slice runtime.allgs, 0 unknown: then one of the guesses is it. */
	uint64_t *allgs_guesses;
	size_t allgs_guess_count;
	uint64_t types, etypes; /**< Type descriptors. */
	uint64_t text, etext;
	uint64_t next_module; /**< Address of the main module's moduledata.next; 0 unknown. */
	uint64_t image_start, image_end; /**< The program's file-backed image. */
	uint64_t todo;	       /**< Up to 1.20: address of the variable context.todo, 0 unknown. */
	uint64_t time_base_ns; /**< CLOCK_MONOTONIC at the process's own monotonic zero, 0 unknown. */
	uint64_t has_inlined_creators; /**< 0 or 1. */
	struct ct_closures closures;
};

/**
 * Take them from an executable, all but `time_base_ns`.
 *
 * @param load_bias  Runtime address minus address as linked.
 * @return 0; -EOPNOTSUPP with a sentence when this is no program whose memory can be asked; negative errno.
 */
int ct_census_facts_load(struct ct_census_facts *facts, struct ct_binary *binary, uint64_t load_bias,
			 struct ct_error *reterr);

/** Room for one more guess where runtime.allgs is. @return 0; -ENOSPC; -ENOMEM. */
int ct_census_facts_guess_allgs(struct ct_census_facts *facts, uint64_t address);

/**
 * Tell them as FACTS events.
 *
 * @param time_ns  Of the events.
 * @return 0 or what the sink returned.
 */
int ct_census_facts_tell(const struct ct_census_facts *facts, uint64_t time_ns, ct_event_sink sink, void *opaque);

/**
 * Take the facts of one such event. Unknown ones are left out; whether they are plausible is for the census to find out.
 *
 * @return 0; -EPROTO for what no census told; -ENOMEM.
 */
int ct_census_facts_take(struct ct_census_facts *facts, const struct ct_event_facts *event);

/** Release. A zeroed one is fine. */
void ct_census_facts_done(struct ct_census_facts *facts);
