// SPDX-License-Identifier: Apache-2.0
/*
 * The status line of a live session on a terminal: rate, live contexts, findings so far, drops. And, terminal or not,
 * one line when a finding is first confirmed. All on standard error.
 */
#pragma once

#include "agent/pipeline.h"

#define CT_ANNOUNCED_MAX 256

/** State of the line. Zero-initialise, then ct_status_init(). */
struct ct_status {
	bool is_terminal;
	bool is_quiet;
	bool is_shown; /**< A line stands on the terminal and must be wiped before other text. */
	uint64_t last_ns;
	uint64_t last_events;
	uint64_t announced[CT_ANNOUNCED_MAX]; /**< Fingerprints told already. */
	unsigned int announced_count;
};

/** Look at standard error. */
void ct_status_init(struct ct_status *status, const struct ct_options *options);

/** Redraw the line and announce findings confirmed since the last call. */
void ct_status_update(struct ct_status *status, const struct ct_tree *tree, const struct ct_findings *findings,
		      uint64_t now_ns);

/** Redraw the line of a long reading: how much of the memory was read. Not before it has taken half a second. */
void ct_status_reading(struct ct_status *status, unsigned int percent, uint64_t now_ns);

/** Wipe the line. */
void ct_status_clear(struct ct_status *status);
