// SPDX-License-Identifier: Apache-2.0
// Counters, spread over cache lines: threads that create contexts all day must not meet on one word.
#include "private.h"

#include <string.h>

struct cctx_shard cctx_shards[CCTX_SHARDS];

// 0: this thread has none yet.
static _Thread_local unsigned int own_shard __attribute__((tls_model("initial-exec")));
static atomic_uint next_shard;

void cctx_count(unsigned int counter)
{
	if (!own_shard)
		own_shard = 1 + atomic_fetch_add_explicit(&next_shard, 1, memory_order_relaxed) % CCTX_SHARDS;
	atomic_fetch_add_explicit(&cctx_shards[own_shard - 1].value[counter], 1, memory_order_relaxed);
}

static void sum_shards(uint64_t sums[CCTX_COUNT_END])
{
	memset(sums, 0, sizeof(*sums) * CCTX_COUNT_END);
	for (unsigned int shard = 0; shard < CCTX_SHARDS; shard++) {
		for (unsigned int counter = 0; counter < CCTX_COUNT_END; counter++)
			sums[counter] += atomic_load_explicit(&cctx_shards[shard].value[counter], memory_order_relaxed);
	}
}

static uint64_t sum_of(const uint64_t *values, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += values[i];
	return sum;
}

// Counters are read one after the other, so while threads are at work an end may be seen before its beginning.
static uint64_t difference(uint64_t begun, uint64_t ended)
{
	return begun > ended ? begun - ended : 0;
}

void cctx_stats(struct cctx_stats *ret_stats)
{
	uint64_t sums[CCTX_COUNT_END];
	const uint64_t *created = &sums[CCTX_COUNT_CREATED];
	const uint64_t *ended = &sums[CCTX_COUNT_ENDED];
	uint64_t cancellable, derived, gone;

	sum_shards(sums);
	memcpy(ret_stats->created, created, sizeof(ret_stats->created));
	ret_stats->ended_explicit = ended[CCTX_REASON_EXPLICIT];
	ret_stats->ended_deadline = ended[CCTX_REASON_DEADLINE];
	ret_stats->ended_parent = ended[CCTX_REASON_PARENT];
	ret_stats->freed = sums[CCTX_COUNT_FREED];
	ret_stats->cancel_called = sums[CCTX_COUNT_CANCEL_CALLED];
	ret_stats->abandoned = sums[CCTX_COUNT_ABANDONED];
	ret_stats->abandoned_after_func = sums[CCTX_COUNT_ABANDONED_AFTER_FUNC];
	cancellable = created[CCTX_KIND_CANCEL] + created[CCTX_KIND_DEADLINE] + created[CCTX_KIND_AFTER_FUNC];
	gone = sum_of(ended, CCTX_REASON_PARENT + 1) + ret_stats->freed;
	ret_stats->live = difference(cancellable, gone);
	derived = sum_of(created, CCTX_KIND_END) - created[CCTX_KIND_ROOT];
	ret_stats->allocated = difference(derived, sums[CCTX_COUNT_DESTROYED]);
	ret_stats->armed = difference(sums[CCTX_COUNT_ARMED], sums[CCTX_COUNT_DISARMED]);
	ret_stats->tasks = sums[CCTX_COUNT_TASKS_BEGUN];
	ret_stats->tasks_live = difference(ret_stats->tasks, sums[CCTX_COUNT_TASKS_ENDED]);
	ret_stats->requests = sums[CCTX_COUNT_REQUESTS_BEGUN];
	ret_stats->requests_live = difference(ret_stats->requests, sums[CCTX_COUNT_REQUESTS_ENDED]);
}
