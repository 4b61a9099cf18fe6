// SPDX-License-Identifier: Apache-2.0
/*
 * The naive model: what include/ctxtrace/tree.h promises, told with arrays that are searched from end to end and from
 * which nothing is ever taken out. It knows streams whose times do not go back, without scans and without caps.
 */
#pragma once

#include "ctxtrace/tree.h"

#define MODEL_CONTEXTS 4096
#define MODEL_NUMBERS  64 /* paths and tasks are below this */

/** A context, from its first sight to the end of the stream. */
struct model_context {
	uint64_t address;
	uint64_t created_ns;
	uint64_t deadline_ns;
	uint64_t task;
	int parent; /**< Index, or -1. */
	uint32_t path;
	uint8_t kind;
	uint8_t reason;
	bool is_live;
	bool is_gone; /**< Nothing hangs on it any more. */
	bool is_adopted;
	bool is_detached;
	bool is_todo;
	bool is_abandoned;
	bool is_task_known;
	bool is_request;
	bool is_request_over;
};

/** What is remembered about an address whose context has ended. */
struct model_ended {
	uint64_t address;
	uint32_t path;
	uint8_t reason;
	bool is_inferred;
	uint8_t loss; /**< What it was counted as; CT_LOSS_END none. */
};

/** A request that is being served, whatever became of its context. */
struct model_request {
	uint64_t address;
	int context; /**< Index. */
	uint64_t task;
	bool is_first; /**< Of those its task serves: the end of the task ends it. */
};

struct model_task {
	uint64_t task;
	uint64_t start_ns;
	bool is_started;
	bool is_system;
};

/** Counts of one path. */
struct model_path {
	uint64_t created;
	uint64_t live;
	uint64_t cancel_called;
	uint64_t todo_rooted;
	uint64_t ended[CT_REASON_END];
	uint64_t losses[CT_LOSS_END];
};

/** All of it. */
struct model {
	struct model_context contexts[MODEL_CONTEXTS];
	int count;
	struct model_ended ended[MODEL_CONTEXTS]; /**< Address 0: forgotten. */
	int ended_count;
	struct model_request requests[MODEL_CONTEXTS];
	int requests_count;
	struct model_task tasks[MODEL_NUMBERS]; /**< Task 0: none. */
	struct model_path paths[MODEL_NUMBERS];
	bool has_tasks;
	bool has_exited; /* every maker is gone */
	uint64_t gap_to_ns;
	uint64_t grouped;      /**< Ends that have a reason anybody gave. */
	uint64_t grouped_late; /**< Cancel calls after such an end. */
	struct ct_totals totals;
};

/** Apply one event. @return as ct_tree_apply() must. */
int model_apply(struct model *model, const struct ct_event *event);

/** @return NULL, or where tree and model differ; valid until the next call. */
const char *model_compare(const struct model *model, const struct ct_tree *tree);
