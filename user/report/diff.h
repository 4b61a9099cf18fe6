// SPDX-License-Identifier: Apache-2.0
/*
 * Two reports compared: which findings are new, grown, gone or unchanged. A finding is the same when its fingerprint is.
 *
 * Two lives of a program, and two censuses, are compared by count: more is grown. Two windows that somebody opened and
 * closed are compared by rate, because one may have been open for longer; there, more than chance makes (two standard
 * deviations of a count) is grown. The rate is the report's own: it knows over which part of its window contexts old
 * enough to be counted were made. A severity that rose is grown, whatever the count.
 */
#pragma once

#include "base/text.h"
#include "report/digest.h"

/** What became of a finding, in the order it is told. */
enum ct_change { CT_CHANGE_NEW, CT_CHANGE_GROWN, CT_CHANGE_GONE, CT_CHANGE_UNCHANGED, CT_CHANGE_END };

/** One finding in A, in B, or in both; borrowed from the digests. */
struct ct_diff_row {
	enum ct_change change;
	const struct ct_digest_finding *a, *b; /**< NULL: not there. */
};

/** The comparison. Zero-initialise; release with ct_diff_done(). */
struct ct_diff {
	const char *names[2]; /**< Of A and B; borrowed, as all that follows. */
	const struct ct_digest *reports[2];
	bool is_by_rate;
	struct ct_diff_row *rows; /**< By change, then the most severe first. */
	size_t count;
	uint64_t counts[CT_CHANGE_END];
	struct ct_text notes; /**< What a reader must know, one sentence a line: other programs, lost events. */
};

/** Compare. @return 0 or -ENOMEM. */
int ct_diff_make(const char *const names[2], const struct ct_digest *const reports[2], struct ct_diff *ret_diff);

/** Release it. */
void ct_diff_done(struct ct_diff *diff);

/** @return "new", "grown", "gone" or "unchanged". */
const char *ct_change_name(enum ct_change change);

/** Render it for people. */
void ct_diff_text(const struct ct_diff *diff, struct ct_text *text);

/** Render it for programs, schema ctxtrace-diff/1. */
void ct_diff_json(const struct ct_diff *diff, struct ct_text *text);
