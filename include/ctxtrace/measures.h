// SPDX-License-Identifier: Apache-2.0
/*
 * Process-wide counts and distributions, kept for exporters of time series: whole counts that only rise, in buckets whose
 * bounds never change, each with the last thing it counted. Fixed size, whatever the target does.
 */
#pragma once

#include "ctxtrace/event.h"

#include <stdint.h>

struct ct_tree;

/** One thing that was counted. */
struct ct_sample {
	uint64_t time_ns; /**< When; 0: nothing was counted yet. */
	uint64_t value;
	uint32_t site; /**< Where the context was made. */
};

/** Buckets of a distribution, the one without an upper bound included. */
#define CT_MEASURE_BUCKETS 20

/** Upper bounds, inclusive and ascending; the bucket behind the last one has none. */
struct ct_bounds {
	uint64_t upper[CT_MEASURE_BUCKETS - 1];
	unsigned int count;
};

/** Of durations, in nanoseconds: 100 us to an hour. */
extern const struct ct_bounds ct_duration_bounds;

/** Of shares of a whole, which is CT_NSEC_PER_SEC: 5% to all of it. */
extern const struct ct_bounds ct_share_bounds;

/** How often, by size. Zero-initialise. */
struct ct_measure {
	uint64_t sum_s, sum_ns; /**< In nanoseconds it would wrap within days on a busy server. */
	struct ct_measure_bucket {
		uint64_t count; /**< In this bucket alone. */
		struct ct_sample last;
	} buckets[CT_MEASURE_BUCKETS];
};

/** Count one. */
void ct_measure_add(struct ct_measure *measure, const struct ct_bounds *bounds, const struct ct_sample *sample);

/** What a tree has counted since its begin. */
struct ct_measures {
	uint64_t created[CT_KIND_END]; /**< As ct_totals.created, by kind. */
	uint64_t live[CT_KIND_END];    /**< As ct_totals.live, by kind; of adopted contexts too. */
	struct ct_sample last_created[CT_KIND_END];
	struct ct_sample last_ended[CT_REASON_END]; /**< As ct_totals.ended; the value is 1. */
	struct ct_measure lifetime[CT_REASON_END];  /**< Of contexts whose end was seen. */
	struct ct_measure deadline_used; /**< As ct_site.deadline_used, of all sites. */
	struct ct_measure cancel_latency; /**< As ct_site.cancel_latency, of all sites. */
};

/** @return what was counted. Borrowed from the tree. */
const struct ct_measures *ct_tree_measures(const struct ct_tree *tree);
