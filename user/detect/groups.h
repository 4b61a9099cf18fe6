// SPDX-License-Identifier: Apache-2.0
/*
 * Groups under construction: what each detector gathers per site while the contexts are walked once.
 *
 * Memory grows with sites, not with contexts. Two things would break that: anchors (a task, a parent), of which there
 * may be one per context, and unknown sites, which are told apart by their parent. Anchored groups are built only where
 * a crowd is possible (struct ct_crowd), and unknown sites stop being told apart after a bound.
 */
#pragma once

#include "detect/detector.h"

/** Counts, per bucket of anchors, how many contexts claim it: an upper bound for every anchor in the bucket. */
struct ct_crowd {
	uint32_t *counts;
	const struct ct_allocator *allocator;
};

/** @return 0 or -ENOMEM. */
int ct_crowd_init(struct ct_crowd *crowd, const struct ct_allocator *allocator);

/** Release it. A zeroed one is fine. */
void ct_crowd_done(struct ct_crowd *crowd);

/** Count one context of a detector, site and anchor. */
void ct_crowd_add(struct ct_crowd *crowd, uint8_t detector, uint32_t site, const struct ct_claim *claim);

/** @return how many were counted at most. */
uint32_t ct_crowd_count(const struct ct_crowd *crowd, uint8_t detector, uint32_t site, const struct ct_claim *claim);

/** Unknown sites told apart by their parent; the rest is one group per detector and kind. */
#define CT_UNKNOWN_GROUPS_MAX 256

/** Groups in the order they were first met, with an index over them. */
struct ct_groups {
	struct ct_group *list;
	uint32_t count;
	uint32_t capacity;
	uint32_t *slots; /**< Open addressing: position in `list` plus one; 0 empty. */
	uint32_t slots_count;
	uint32_t unknown_count;
	const struct ct_allocator *allocator;
};

/** Prepare an empty set; allocates nothing. */
void ct_groups_init(struct ct_groups *groups, const struct ct_allocator *allocator);

/** Release it. */
void ct_groups_done(struct ct_groups *groups);

/** Put a context into its group. @return 0 or -ENOMEM. */
int ct_groups_add(struct ct_groups *groups, const struct ct_detect_input *input, uint8_t detector,
		  const struct ct_context *context, const struct ct_claim *claim);

/**
 * Once every context is in its group: does this one, of a known site, tell where those of an unknown site below the same
 * live parent were made? See `twin_site`.
 */
void ct_groups_note_twin(struct ct_groups *groups, const struct ct_detect_input *input, uint8_t detector,
			 const struct ct_context *context, const struct ct_claim *claim);

/** Put a task or a request into its group. @return 0 or -ENOMEM. */
int ct_groups_add_work(struct ct_groups *groups, uint8_t detector, enum ct_subject subject, const struct ct_work *work);

/** Make sure a site has a group, be it empty, before any context is added. @return 0 or -ENOMEM. */
int ct_groups_touch(struct ct_groups *groups, uint8_t detector, uint32_t site, const struct ct_claim *claim);
