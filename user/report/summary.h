// SPDX-License-Identifier: Apache-2.0
/* What text and JSON both need from a snapshot. */
#pragma once

#include "ctxtrace/report.h"

/** Frames a report shows per site; deeper callers do not help. */
#define CT_FRAMES_SHOWN 12

/** Room for a time of RFC 3339. */
#define CT_TIMESTAMP_BYTES 40

/** When the window opened, in UTC. @return false when that is not known. */
bool ct_window_start(const struct ct_snapshot *snapshot, char ret_start[CT_TIMESTAMP_BYTES]);

/** @return how long the window was open, up to now. */
uint64_t ct_window_duration(const struct ct_snapshot *snapshot);

/** @return true when nothing could be spoken of: the window was no longer than --min-age, and something lives in it. */
bool ct_window_is_short(const struct ct_snapshot *snapshot);

/** @return events that never came: those in gaps, or those the kernel counted when that is more. */
uint64_t ct_lost_events(const struct ct_snapshot *snapshot);

/** @return contexts, sites and tasks that were not kept because of a cap. */
uint64_t ct_refused(const struct ct_snapshot *snapshot);

/** @return the last element of a path. Borrowed. */
const char *ct_base_name(const char *path);

/** @return "before the attach" of an adopted context, else its age. Lower bound for adopted ones. */
uint64_t ct_age(const struct ct_snapshot *snapshot, const struct ct_context *context);

/**
 * The live contexts in the order of a tree walk: each after its parent, siblings by age.
 *
 * @param ret_order  Indices with depths, to be freed with free().
 * @return how many, or -ENOMEM.
 */
struct ct_tree_entry {
	uint32_t index;
	uint32_t depth;
};
int ct_tree_order(const struct ct_snapshot *snapshot, struct ct_tree_entry **ret_order);

/**
 * The same of the oldest `most` contexts, and of these only what is less deep than `depth_end`. Of a million contexts it
 * costs a look at each, and no more.
 */
int ct_tree_excerpt(const struct ct_snapshot *snapshot, size_t most, size_t depth_end, struct ct_tree_entry **ret_order);
