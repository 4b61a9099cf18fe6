// SPDX-License-Identifier: Apache-2.0
#include "ctxtrace/histogram.h"

/*
 * Bucket b begins at 2^(b/4) microseconds. Fixed point with 16 bits below the microsecond keeps the arithmetic whole
 * and the result the same on every machine.
 */
#define POINT 16
static const uint32_t quarters[4] = { 65536, 77936, 92682, 110218 }; // 2^(0, 1/4, 1/2, 3/4), fixed point

static unsigned int bucket_of(uint64_t duration_ns)
{
	uint64_t micros;
	unsigned int doubling, quarter = 3, bucket;

	if (duration_ns >= UINT64_MAX >> POINT)
		return CT_HISTOGRAM_BUCKETS - 1; // more than three days
	micros = (duration_ns << POINT) / 1000;
	if (micros < quarters[0])
		return 0;
	doubling = 63u - POINT - (unsigned int)__builtin_clzll(micros);
	while (micros >> doubling < quarters[quarter])
		quarter--;
	bucket = doubling * 4 + quarter;
	return bucket < CT_HISTOGRAM_BUCKETS ? bucket : CT_HISTOGRAM_BUCKETS - 1;
}

static uint64_t bucket_end_ns(unsigned int bucket)
{
	uint64_t micros = (uint64_t)quarters[(bucket + 1) % 4] << (bucket + 1) / 4;

	return (micros >> POINT) * 1000 + ((micros & ((1u << POINT) - 1)) * 1000 >> POINT);
}

void ct_histogram_add(struct ct_histogram *histogram, uint64_t duration_ns)
{
	uint32_t *bucket = &histogram->buckets[bucket_of(duration_ns)];

	*bucket += *bucket < UINT32_MAX;
	if (duration_ns > histogram->max_ns)
		histogram->max_ns = duration_ns;
}

uint64_t ct_histogram_quantile(const struct ct_histogram *histogram, double quantile)
{
	uint64_t count = 0, below = 0;
	unsigned int bucket = 0;

	for (unsigned int i = 0; i < CT_HISTOGRAM_BUCKETS; i++)
		count += histogram->buckets[i];
	if (!count)
		return 0;
	for (; bucket < CT_HISTOGRAM_BUCKETS - 1; bucket++) {
		below += histogram->buckets[bucket];
		if (below && (double)below >= quantile * (double)count)
			break;
	}
	if (bucket == CT_HISTOGRAM_BUCKETS - 1 || bucket_end_ns(bucket) > histogram->max_ns)
		return histogram->max_ns; // the last bucket has no end
	return bucket_end_ns(bucket);
}
