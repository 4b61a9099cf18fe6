// SPDX-License-Identifier: Apache-2.0
#include "detect/groups.h"

#include <errno.h>

#define BUCKETS 65536u /* 256 kB; with a million claims a bucket of single ones stays below every threshold in use */

int ct_crowd_init(struct ct_crowd *crowd, const struct ct_allocator *allocator)
{
	uint32_t *counts = ct_allocate(allocator, BUCKETS * sizeof(*counts));

	if (!counts)
		return -ENOMEM;
	*crowd = (struct ct_crowd){ .counts = counts, .allocator = allocator };
	return 0;
}

void ct_crowd_done(struct ct_crowd *crowd)
{
	if (crowd->counts)
		ct_release(crowd->allocator, crowd->counts);
	*crowd = (struct ct_crowd){ 0 };
}

static uint32_t bucket_of(uint8_t detector, uint32_t site, const struct ct_claim *claim)
{
	uint64_t hash = claim->anchor * UINT64_C(0x9e3779b97f4a7c15);

	hash ^= ((uint64_t)site << 16 | (uint64_t)detector << 8 | claim->is_weak) * UINT64_C(0xc2b2ae3d27d4eb4f);
	hash ^= hash >> 29;
	hash *= UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(hash >> 48) % BUCKETS;
}

void ct_crowd_add(struct ct_crowd *crowd, uint8_t detector, uint32_t site, const struct ct_claim *claim)
{
	crowd->counts[bucket_of(detector, site, claim)]++;
}

uint32_t ct_crowd_count(const struct ct_crowd *crowd, uint8_t detector, uint32_t site, const struct ct_claim *claim)
{
	return crowd->counts[bucket_of(detector, site, claim)];
}
