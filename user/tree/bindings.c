// SPDX-License-Identifier: Apache-2.0
/* Which task belongs to which request, and how it shows that it belongs to none, or to another (ctxtrace/work.h). */
#include "tree/private.h"

/* What its context belonged to before it ended: the client has gone and the handler goes on, or a thread that was started
 * for the request says so late. */
static uint32_t request_of_end(const struct ct_tree *tree, const struct ct_ended *ended)
{
	if (!ended || ended->request == CT_INDEX_NONE || ended->request >= tree->requests.end ||
	    (uint32_t)((const struct ct_request *)ct_slab_at(&tree->requests, ended->request))->id != ended->request_id)
		return CT_INDEX_NONE;
	return ended->request;
}

static uint32_t request_of_ended(const struct ct_tree *tree, uint64_t address)
{
	return request_of_end(tree, ct_ended_find(tree, address));
}

uint32_t ct_request_bind(struct ct_tree *tree, const struct ct_event_task_start *start, uint64_t *ret_context_id)
{
	uint32_t at = start->context ? ct_context_find(tree, start->context) : CT_INDEX_NONE, index;

	*ret_context_id = at == CT_INDEX_NONE ? 0 : ct_tree_at(tree, at)->id;
	index = at == CT_INDEX_NONE ? request_of_ended(tree, start->context) :
				      ct_request_any_of(tree, ct_tree_at(tree, at));
	if (index != CT_INDEX_NONE)
		ct_request_hold(tree, index);
	return index;
}

bool ct_request_is_at_hand(const struct ct_tree *tree, const struct ct_ended *ended, uint64_t number)
{
	uint32_t index = request_of_end(tree, ended);
	const struct ct_request *request = index == CT_INDEX_NONE ? NULL : ct_slab_at(&tree->requests, index);
	const struct ct_task *task = ct_task_find(tree, number);

	return request && !request->over_ns && (request->task == number || (task && task->request == index));
}

void ct_task_part(struct ct_tree *tree, struct ct_task *task)
{
	uint32_t bound = task->request;

	task->request = CT_INDEX_NONE;
	task->used = 0;
	if (bound != CT_INDEX_NONE)
		ct_request_leave(tree, bound);
}

/* A thread has gone from one request to the next: it is a worker, whatever it was started in. */
void ct_thread_is_worker(struct ct_tree *tree, struct ct_task *task)
{
	task->is_worker = true;
	ct_tree_site_at(tree, task->site)->starts_workers = true;
}

static bool is_used(const struct ct_tree *tree, const struct ct_task *task)
{
	uint32_t at = task->used ? ct_context_find(tree, task->used) : CT_INDEX_NONE;
	const struct ct_ended *ended = at == CT_INDEX_NONE ? ct_ended_find(tree, task->used) : NULL;

	if (at != CT_INDEX_NONE)
		return ct_tree_at(tree, at)->id == task->used_id;
	return ended && ended->id == (uint32_t)task->used_id && ended->reason != CT_REASON_FREED;
}

bool ct_tree_task_holds(const struct ct_tree *tree, const struct ct_task *task)
{
	return task->binding == CT_BOUND_BY_CONTEXT || is_used(tree, task);
}

/* The first context it uses stands for the others as long as it has it. */
static void note_use(const struct ct_tree *tree, struct ct_task *task, uint32_t context)
{
	if (task->binding != CT_BOUND_BY_PARENTAGE || is_used(tree, task))
		return;
	task->used = ct_tree_at(tree, context)->address;
	task->used_id = ct_tree_at(tree, context)->id;
}

/* A task that detaches itself, or works for another request, is not the one's it was started in. */
void ct_task_derives(struct ct_tree *tree, uint32_t context, const struct ct_event_create *create)
{
	struct ct_task *task = ct_task_find(tree, create->task);
	uint32_t bound = task ? task->request : CT_INDEX_NONE, now;

	if (bound == CT_INDEX_NONE)
		return;
	now = ct_request_any_of(tree, ct_tree_at(tree, context));
	if (create->header.flags & CT_CREATE_DETACHED) {
		ct_task_part(tree, task);
	} else if (now == bound) {
		note_use(tree, task, context);
	} else if (now == CT_INDEX_NONE) {
		ct_task_part(tree, task); // what it works under is none of the request's
	} else {
		const struct ct_request *other = ct_slab_at(&tree->requests, now);

		if (tree->has_threads && !task->is_explicit && !other->over_ns)
			ct_thread_is_worker(tree, task);
		ct_task_part(tree, task);
	}
}

void ct_task_serves(struct ct_tree *tree, uint64_t number, uint32_t request)
{
	struct ct_task *task = ct_task_find(tree, number);

	if (!task || task->is_explicit || task->request == CT_INDEX_NONE || task->request == request)
		return;
	ct_thread_is_worker(tree, task);
	ct_task_part(tree, task);
}
