// SPDX-License-Identifier: Apache-2.0
/*
 * The live source: the kernel's ring as a stream of events. It checks the numbers of the events and puts a GAP where
 * some are missing; it adds TICK and COUNTERS. What the events mean is not its business.
 */
#pragma once

#include "ctxtrace/source.h"

/**
 * Open the stream.
 *
 * @param ring_fd      The ring; borrowed, must stay open.
 * @param counters_fd  Per-CPU counters, CT_COUNTER_MAX of __u64; borrowed, must stay open.
 * @param ret_source   The source; to be released with its `done`.
 * @return 0 or negative errno, told in reterr.
 */
int ct_source_live_new(int ring_fd, int counters_fd, struct ct_source **ret_source, struct ct_error *reterr);

/** A descriptor that polls readable when the ring is a quarter full. Drain by a timer of 5-10 ms as well. Borrowed. */
int ct_source_live_epoll_fd(const struct ct_source *source);

/**
 * Let time pass: drain, tell drops that no later event has shown (GAP), changed counters (COUNTERS), and the TICK.
 *
 * @param now_ns  CLOCK_MONOTONIC, read before the call.
 * @return how many events came from the ring, or negative errno as `drain`.
 */
int ct_source_live_tick(struct ct_source *source, uint64_t now_ns, ct_event_sink sink, void *opaque,
			struct ct_error *reterr);
