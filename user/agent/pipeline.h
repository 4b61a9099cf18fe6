// SPDX-License-Identifier: Apache-2.0
/*
 * The one way of an event through user space: record it, explain it (--why), apply it to the tree. The live agent and
 * `replay` push the same events through the same pipeline, so their reports cannot differ.
 */
#pragma once

#include "agent/baseline_file.h"
#include "agent/ended_list.h"
#include "agent/why.h"
#include "cli.h"
#include "ctxtrace/detect.h"
#include "ctxtrace/source.h"
#include "ctxtrace/tree.h"
#include "report/baseline.h"
#include "report/suppress.h"
#include "source/recorder.h"

/** Tree, recording and rules of one session. */
struct ct_pipeline {
	const struct ct_options *options; /**< Borrowed. */
	bool is_age_chosen;		  /**< Then and now: somebody chose `min_age_ns`. */
	uint64_t min_age_ns, grace_ns;	  /**< As chosen, else as the recording that is replayed was made. */
	struct ct_tree *tree;
	struct ct_recorder *recorder;	  /**< NULL: nothing is recorded. */
	struct ct_suppressions *suppress; /**< NULL: nothing is left out. */
	struct ct_baseline *baseline;	  /**< NULL: nothing is known. */
	struct ct_baseline_file *accepts; /**< NULL: no baseline is written. */
	struct ct_ended_list *ended;	  /**< Told of every context's end while memory is read; borrowed, else NULL. */
	struct ct_ended_list *ended_tasks; /**< The same of tasks. */
	int record_error;		  /**< First failure to write the recording; recording stops there. */
};

/** Make the tree and read what the options name. @return 0 or negative errno, told in reterr. */
int ct_pipeline_init(struct ct_pipeline *pipeline, const struct ct_options *options, struct ct_error *reterr);

/** Release everything; an unfinished recording is dropped as it is. */
void ct_pipeline_done(struct ct_pipeline *pipeline);

/** Take one event. A ct_event_sink with the pipeline as `opaque`. @return 0 or -ENOMEM. */
int ct_pipeline_push(void *opaque, const struct ct_event *event);

/** Record an event that is none of the tree's business. A ct_event_sink. @return 0 or why nothing is recorded any more. */
int ct_pipeline_keep(void *opaque, const struct ct_event *event);

/** Run the detectors now, and mark what the baseline knows. @return 0 or -ENOMEM. */
int ct_pipeline_judge(const struct ct_pipeline *pipeline, struct ct_findings *ret_findings);

/** @return true when --fail-on names such a finding. */
bool ct_fail_on_names(uint32_t fail_on, enum ct_finding_kind kind, enum ct_severity severity, enum ct_confidence confidence);

/** @return true when a confirmed finding is of a kind that --fail-on names, and neither known nor being accepted now. */
bool ct_pipeline_fails(const struct ct_pipeline *pipeline, const struct ct_findings *findings);
