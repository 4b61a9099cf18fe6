// SPDX-License-Identifier: Apache-2.0
/* Durations by size: enough for percentiles, in a fixed number of bytes, the same on every machine. */
#pragma once

#include <stdint.h>

/** Four buckets per doubling from 1 us on (a value is known to within 19%). */
#define CT_HISTOGRAM_BUCKETS 160

/** Durations. Zero-initialise. */
struct ct_histogram {
	uint64_t max_ns; /**< The longest; 0 none. */
	uint32_t buckets[CT_HISTOGRAM_BUCKETS];
};

/** Count one. */
void ct_histogram_add(struct ct_histogram *histogram, uint64_t duration_ns);

/** @return a duration in nanoseconds below which `quantile` (0..1) of them lie; 0 when there are none. */
uint64_t ct_histogram_quantile(const struct ct_histogram *histogram, double quantile);
