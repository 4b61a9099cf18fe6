// SPDX-License-Identifier: Apache-2.0
/*
 * Reporters: renderings of one snapshot. A reporter computes no number of its own that another reporter could compute
 * differently; what several need is in the tree, in the findings, or in user/report/summary.h.
 *
 * To add one: a file user/report/NAME.c with a `const struct ct_reporter`, and a row in user/report/table.c.
 */
#pragma once

#include "ctxtrace/detect.h"
#include "ctxtrace/tree.h"

#include <stdbool.h>
#include <stdint.h>

struct ct_baseline;
struct ct_text;

/** What is to be reported. Everything is borrowed. */
struct ct_snapshot {
	const struct ct_tree *tree;
	const struct ct_findings *findings;
	const struct ct_baseline *baseline; /**< What the findings are marked by; NULL: none was given. */
	uint64_t now_ns;     /**< Time of the judgement, on the stream's clock. */
	uint64_t min_age_ns; /**< As chosen by the user, for messages. */
	uint32_t fail_on;    /**< Which findings are failures, for ct_finding_fails(). */
	const char *source_root;  /**< Directory of the repository's sources, absolute, no slash at the end; NULL. */
	const char *strip_prefix; /**< What file names of the repository begin with in the binary; NULL. */
	bool with_tree;	     /**< Add the live tree. */
	bool with_colour;    /**< The text goes to a terminal that shows colours. */
};

/** Ended contexts kept for a trace, and live ones shown in it: together some 30 MB of JSON, which viewers open. */
#define CT_REPORT_LIFETIMES_MAX 50000

/** One format. */
struct ct_reporter {
	const char *name;     /**< As given to --format. */
	const char *describe; /**< One line for --help. */
	const char *missing;  /**< This build has not got it: what was missing. NULL: it has. */
	bool is_binary;	      /**< No terminal can show it. */
	bool wants_lifetimes; /**< It shows ended contexts: the tree has to keep them (CT_REPORT_LIFETIMES_MAX). */
	/**
	 * Render.
	 *
	 * @param snapshot  What to render.
	 * @param text      Appended to; its `failed` says whether memory ran out.
	 * @return 0 or -ENOMEM.
	 */
	int (*write)(const struct ct_snapshot *snapshot, struct ct_text *text);
};

/** All reporters; ends with NULL. */
extern const struct ct_reporter *const ct_reporters[];

/** @return the reporter of this name, or NULL. */
const struct ct_reporter *ct_reporter_find(const char *name);
