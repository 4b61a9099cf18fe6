// SPDX-License-Identifier: Apache-2.0
/*
 * Lives of contexts on lanes of a timeline, for viewers that draw a lane as a stack: two lives on one lane are apart,
 * or one lies within the other. A goroutine has a lane, and more where its contexts overlap otherwise.
 */
#pragma once

#include "ctxtrace/report.h"

/** Lives within each other on one lane. Perfetto leaves out what lies deeper than 255; nobody reads so many. */
#define CT_LANE_DEPTH_MAX 64

/** Lanes of one goroutine; lives that fit on none of them are left out and counted. */
#define CT_LANES_MAX 256

/** One life, placed. */
struct ct_life {
	struct ct_lifetime of; /**< Of a live context: `end_ns` is now and `reason` CT_REASON_NONE. */
	uint32_t lane;	       /**< Number over all tasks from 1; 0 for one that was left out. */
};

/** One lane. */
struct ct_lane {
	uint64_t task;	 /**< 0: of contexts whose maker is unknown. */
	uint32_t number; /**< Among those of its task, from 1. */
};

/** A timeline. Release with ct_timeline_done(). */
struct ct_timeline {
	struct ct_life *lives; /**< By task, begin, the longer one first. */
	size_t count;
	struct ct_lane *lanes; /**< Lane N is lanes[N - 1]. */
	uint32_t lanes_count;
	uint64_t left_out; /**< Contexts that are not in it, for any reason. */
};

/** Place every context the tree has or had. @return 0 or -ENOMEM. */
int ct_timeline_make(const struct ct_snapshot *snapshot, struct ct_timeline *ret);

/** Release it. A zeroed one is fine. */
void ct_timeline_done(struct ct_timeline *timeline);
