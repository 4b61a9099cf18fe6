// SPDX-License-Identifier: Apache-2.0
/*
 * Goroutines that are older than the attach, and those whose end was lost: what a reading of the target's memory says of
 * them becomes TASK_SEEN events, so that the tree knows every goroutine there is. Here too: which of them are the
 * runtime's own, and numbers for the places they come from.
 *
 * A goroutine that ended may still be in memory. Every end that comes while memory is read is kept, and of those before it
 * the last ones: between the probe in runtime.goexit1 and the word "dead" lie microseconds, or a turn at the processor.
 * What is adopted wrongly all the same is gone in the next reading, and taken back.
 */
#pragma once

#include "agent/ended_list.h"
#include "agent/paths.h"
#include "memory/census.h"

/** Ends that are remembered; more than half a second of the fastest program measured. Powers of two. */
#define CT_GOROUTINE_ENDS 65536u
#define CT_GOROUTINE_END_WAYS 4u

#define CT_GOROUTINE_ENTRIES 256u

/** Of one session. Zero-initialise. */
struct ct_goroutines {
	struct ct_paths paths; /**< Of all that memory tells. */
	struct ct_binary *binary; /**< Borrowed. */
	uint64_t load_bias;
	uint64_t *ends; /**< The last goids that ended, in sets; NULL: no memory, or none ended. */
	struct {
		uint64_t address;
		bool is_system;
	} entries[CT_GOROUTINE_ENTRIES]; /**< Functions looked up last. */
};

/** @return whether the function with which a goroutine begins makes it one of the runtime's own, as the runtime counts. */
bool ct_goroutines_is_system(struct ct_goroutines *goroutines, uint64_t entry);

/** Remember that a goroutine has ended. */
void ct_goroutines_note_end(struct ct_goroutines *goroutines, uint64_t task);

/** @return whether it is known to have ended; of ends long ago it may be forgotten. */
bool ct_goroutines_has_ended(const struct ct_goroutines *goroutines, uint64_t task);

/** One telling. */
struct ct_goroutines_telling {
	struct ct_goroutines *goroutines;
	struct ct_pipeline *pipeline;
	const struct ct_census_result *result; /**< A complete reading that has its goroutines. */
	struct ct_ended_list *ended;	       /**< Goids that ended since it began. */
	void (*breathe)(void *opaque);	       /**< Called often. */
	void *opaque;
};

/** Push what differs from the tree. @return 0 or -ENOMEM. */
int ct_goroutines_tell(const struct ct_goroutines_telling *telling);

/** Release it. */
void ct_goroutines_done(struct ct_goroutines *goroutines);
