// SPDX-License-Identifier: Apache-2.0
/* The clocks, read in the agent only: the rooms below get time in events. */
#pragma once

#include "base/time.h"

#include <time.h>

static inline uint64_t ct_clock_read(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * CT_NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/** @return processor time of all our threads: what work has cost, however long others had the processors meanwhile. */
static inline uint64_t ct_clock_cpu_ns(void)
{
	return ct_clock_read(CLOCK_PROCESS_CPUTIME_ID);
}

/** @return CLOCK_MONOTONIC, the time of all events. */
static inline uint64_t ct_clock_ns(void)
{
	return ct_clock_read(CLOCK_MONOTONIC);
}
