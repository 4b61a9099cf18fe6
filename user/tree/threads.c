// SPDX-License-Identifier: Apache-2.0
/*
 * Threads of C programs. A thread lives from the moment its creator lets it run until it is gone; meanwhile it may say for
 * whom it works, more than once, or never. Once it has said so, nothing is concluded any more.
 */
#include "tree/private.h"

/* Is the function it runs the program's own? What libraries start minds itself, and nobody knows about other threads. */
static bool runs_program(const struct ct_tree *tree, const struct ct_task *thread)
{
	const struct ct_site *entry = ct_tree_site_at(tree, thread->entry);
	struct ct_frame frame;
	uint32_t cursor = 0;

	return thread->entry != CT_SITE_UNKNOWN && ct_frame_next(entry, &cursor, &frame) &&
	       !(frame.flags & CT_FRAME_LIBRARY);
}

/* What its creator is at work for. */
static uint32_t request_of_creator(const struct ct_tree *tree, uint64_t creator)
{
	const struct ct_task *task = ct_task_find(tree, creator);

	if (task && task->is_explicit && task->context)
		return task->request;
	return ct_request_current(tree, creator);
}

static bool is_known(const struct ct_tree *tree, uint64_t address)
{
	return ct_context_find(tree, address) != CT_INDEX_NONE || ct_ended_find(tree, address);
}

void ct_thread_spawned(struct ct_tree *tree, struct ct_task *thread, const struct ct_event_task_start *start)
{
	thread->is_of_library = start->header.flags & CT_TASK_LIBRARY;
	thread->entry = ct_site_of_path(tree, start->entry_path);
	if (start->header.flags & (CT_TASK_LIBRARY | CT_TASK_DETACHED) || !runs_program(tree, thread))
		return;
	if (start->context && is_known(tree, start->context)) {
		thread->context = start->context;
		thread->request = ct_request_bind(tree, start, &thread->context_id);
		return;
	}
	thread->binding = CT_BOUND_BY_PARENTAGE;
	thread->request = request_of_creator(tree, start->creator);
	if (thread->request != CT_INDEX_NONE)
		ct_request_hold(tree, thread->request);
}

void ct_thread_begins_task(struct ct_tree *tree, struct ct_task *thread, const struct ct_event_task_start *start)
{
	uint32_t before = thread->request;

	// Held already: whom it leaves may be released, whom it goes to must not be.
	thread->request = ct_request_bind(tree, start, &thread->context_id);
	if (before != CT_INDEX_NONE) {
		if (thread->request != CT_INDEX_NONE && thread->request != before)
			ct_thread_is_worker(tree, thread);
		ct_request_leave(tree, before);
	}
	thread->context = start->context;
	thread->binding = CT_BOUND_BY_CONTEXT;
	thread->used = 0;
	thread->is_explicit = true;
	if (!thread->is_of_library) // it begins where it says so; the library's threads do all at one place
		thread->site = ct_site_of_path(tree, start->path);
}

void ct_thread_ends_task(struct ct_tree *tree, struct ct_task *thread)
{
	ct_task_part(tree, thread);
	thread->context = 0;
	thread->context_id = 0;
	thread->is_explicit = true;
}

int ct_apply_task_join(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	struct ct_task *thread = ct_task_find(tree, event->task_join->task);

	(void)ret_context;
	if (thread)
		thread->is_awaited = true;
	return 0;
}
