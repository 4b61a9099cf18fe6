// SPDX-License-Identifier: Apache-2.0
/*
 * Workers that were started with their first job. Such a goroutine looks as if its request had left it behind; but it waits
 * for the next job at a channel where others, started for other requests, wait as well. What a request leaves behind waits
 * for something of that request's own: a channel that a handler made and has not closed is shared within one request only.
 */
#include "tree/private.h"

static struct ct_queue *slot_of(struct ct_tree *tree, uint64_t channel)
{
	return &tree->queues[(channel * UINT64_C(0x9e3779b97f4a7c15) >> 32) % CT_QUEUES];
}

int ct_apply_task_idle(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	const struct ct_event_task_idle *idle = event->task_idle;
	const struct ct_task *task = ct_task_find(tree, idle->task);
	const struct ct_request *request = task ? ct_tree_request(tree, task->request) : NULL;
	struct ct_queue *queue = slot_of(tree, idle->channel);

	(void)ret_context;
	if (!request)
		return 0;
	// A channel that was freed may be another one at the same address: only what is told together counts.
	if (queue->channel != idle->channel || queue->time_ns != idle->header.time_ns) {
		*queue = (struct ct_queue){ idle->channel, request->id, idle->header.time_ns, task->site };
	} else if (queue->request_id != request->id) {
		ct_tree_site_at(tree, queue->site)->starts_workers = true;
		ct_tree_site_at(tree, task->site)->starts_workers = true;
	}
	return 0;
}
