// SPDX-License-Identifier: Apache-2.0
/*
 * Baselines: the findings of an earlier run, accepted as they were. A known finding is reported all the same, marked, and
 * is no reason to fail; a suppressed one (report/suppress.h) is a rule of a person's and leaves the report.
 *
 * The file is text, sorted, one finding a line, so that a review sees what is accepted and a merge has nothing to solve:
 *
 *	KIND SEVERITY FINGERPRINT PLACES FUNCTION (FILE) < CALLER < CALLER...
 *
 * The fingerprint identifies (kind and function names, no lines or addresses); from FUNCTION on it is for people. PLACES
 * are the lines of creation that have this fingerprint: one more is a finding that nobody has accepted. A finding of an
 * unknown site has no line, and only its kind of context.
 */
#pragma once

#include "base/text.h"
#include "ctxtrace/detect.h"
#include "ctxtrace/error.h"

/** The entries of one file. */
struct ct_baseline;

/** An entry that was not seen by the last ct_baseline_mark(). */
struct ct_baseline_entry {
	enum ct_finding_kind kind;
	enum ct_severity severity;
	uint64_t fingerprint;
	const char *site; /**< As the file has it, borrowed; may hold anything. */
};

/** Read a file. @return 0 or negative errno; a bad line is told with its number. */
int ct_baseline_load(const char *path, struct ct_baseline **ret_baseline, struct ct_error *reterr);

/** Free it. NULL is fine. */
void ct_baseline_free(struct ct_baseline *baseline);

/**
 * Mark each finding as known, new or worse, and each entry as seen or not. What an earlier call marked is forgotten.
 *
 * @return 0 or -ENOMEM; nothing is marked then.
 */
int ct_baseline_mark(struct ct_baseline *baseline, const struct ct_tree *tree, struct ct_findings *findings);

/** @return findings that were marked so. */
uint64_t ct_baseline_count(const struct ct_baseline *baseline, enum ct_baseline_mark mark);

/** @return entries that were not seen. */
uint64_t ct_baseline_unseen_count(const struct ct_baseline *baseline);

/** Step over the entries that were not seen. Start with *cursor = 0. @return false at the end. */
bool ct_baseline_unseen(const struct ct_baseline *baseline, size_t *cursor, struct ct_baseline_entry *ret_entry);

/**
 * Render a baseline of these findings.
 *
 * @param known     What is kept beside them, with the worse of both where it is the same; NULL: nothing.
 * @param text      Appended to.
 * @return 0; -ENOMEM; -E2BIG when there are more than a baseline holds.
 */
int ct_baseline_render(const struct ct_baseline *known, const struct ct_tree *tree, const struct ct_findings *findings,
		       struct ct_text *text);
