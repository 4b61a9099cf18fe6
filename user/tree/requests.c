// SPDX-License-Identifier: Apache-2.0
/*
 * Requests: when they begin, who serves them, and the signs by which they are over (ctxtrace/work.h). A request stays
 * until it is over and the last task that belongs to it has ended.
 */
#include "tree/private.h"

#include <string.h>

static struct ct_request *request_at(const struct ct_tree *tree, uint32_t index)
{
	return ct_slab_at(&tree->requests, index);
}

uint64_t ct_request_key(const void *owner, uint32_t index)
{
	return request_at(owner, index)->context;
}

uint64_t ct_server_key(const void *owner, uint32_t index)
{
	return request_at(owner, index)->task;
}

uint64_t ct_maker_key(const void *owner, uint32_t index)
{
	return request_at(owner, index)->maker;
}

/* Its address may mean another context from here on. */
static void unmap(struct ct_tree *tree, uint32_t index)
{
	uint64_t address = request_at(tree, index)->context;

	if (ct_map_find(&tree->by_request, address) == index)
		ct_map_remove(&tree->by_request, address);
}

static void release(struct ct_tree *tree, uint32_t index)
{
	unmap(tree, index);
	request_at(tree, index)->id = 0; // marks a free slot
	ct_slab_give(&tree->requests, index);
}

/* It stays for a while; whoever has stayed for the longest goes. */
static void linger(struct ct_tree *tree, uint32_t index)
{
	struct ct_lingering *slot = &tree->lingering[tree->lingering_next++ % CT_LINGERING_MAX];

	if (slot->id && request_at(tree, slot->index)->id == slot->id && !request_at(tree, slot->index)->tasks)
		release(tree, slot->index);
	*slot = (struct ct_lingering){ request_at(tree, index)->id, index };
}

static void forget_maker(struct ct_tree *tree, uint32_t index)
{
	uint64_t maker = request_at(tree, index)->maker;

	if (maker && ct_map_find(&tree->by_maker, maker) == index)
		ct_map_remove(&tree->by_maker, maker);
}

void ct_request_finish(struct ct_tree *tree, uint32_t index, uint64_t time_ns)
{
	struct ct_request *request = request_at(tree, index);
	uint32_t at = ct_context_find(tree, request->context);

	if (request->task && ct_map_find(&tree->by_server, request->task) == index)
		ct_map_remove(&tree->by_server, request->task);
	ct_serving_pop(tree, index);
	forget_maker(tree, index);
	if (at != CT_INDEX_NONE && ct_tree_at(tree, at)->id == request->context_id)
		ct_tree_at(tree, at)->state |= CT_CONTEXT_REQUEST_OVER;
	request->over_ns = time_ns;
	tree->totals.requests_live--;
	if (!request->tasks)
		linger(tree, index);
}

/* A task belongs to it. */
void ct_request_hold(struct ct_tree *tree, uint32_t index)
{
	request_at(tree, index)->tasks++;
}

/* One of its tasks belongs to it no longer. */
void ct_request_leave(struct ct_tree *tree, uint32_t index)
{
	if (!--request_at(tree, index)->tasks && request_at(tree, index)->over_ns)
		release(tree, index);
}

static void end_if_any(struct ct_tree *tree, uint32_t index, uint64_t time_ns)
{
	if (index != CT_INDEX_NONE && !request_at(tree, index)->over_ns)
		ct_request_finish(tree, index, time_ns);
}

/* The context at this address is another one, or begins another request. */
static void part_from_address(struct ct_tree *tree, uint64_t address, uint64_t time_ns)
{
	uint32_t index = ct_map_find(&tree->by_request, address);

	end_if_any(tree, index, time_ns);
	if (index != CT_INDEX_NONE)
		unmap(tree, index);
}

static void set_server(struct ct_tree *tree, uint32_t index, uint64_t task)
{
	forget_maker(tree, index);
	request_at(tree, index)->task = task;
	if (task && ct_map_find(&tree->by_server, task) == CT_INDEX_NONE)
		ct_map_insert(&tree->by_server, task, index);
}

static uint32_t begin(struct ct_tree *tree, uint32_t at, uint64_t time_ns)
{
	struct ct_context *context = ct_tree_at(tree, at);
	uint32_t index;

	part_from_address(tree, context->address, time_ns);
	if (tree->requests.used >= tree->caps.max_tasks) {
		tree->totals.refused_tasks++;
		return CT_INDEX_NONE;
	}
	index = ct_slab_take(&tree->requests);
	*request_at(tree, index) = (struct ct_request){ .id = ++tree->last_request,
							.context = context->address,
							.context_id = context->id,
							.maker = context->task,
							.begin_ns = time_ns,
							.site = context->site };
	ct_map_insert(&tree->by_request, context->address, index);
	if (context->task && ct_map_find(&tree->by_maker, context->task) != CT_INDEX_NONE)
		ct_map_remove(&tree->by_maker, context->task);
	if (context->task)
		ct_map_insert(&tree->by_maker, context->task, index);
	context->state |= CT_CONTEXT_REQUEST;
	context->state &= (uint16_t)~CT_CONTEXT_REQUEST_OVER;
	tree->totals.requests_started++;
	tree->totals.requests_live++;
	return index;
}

void ct_request_begins(struct ct_tree *tree, uint32_t context, uint64_t task, uint64_t time_ns)
{
	uint32_t index = begin(tree, context, time_ns);

	if (index == CT_INDEX_NONE)
		return;
	tree->window.serves_several |= task && ct_map_find(&tree->by_server, task) != CT_INDEX_NONE;
	set_server(tree, index, task);
	if (!task)
		return;
	ct_serving_push(tree, index);
	ct_task_serves(tree, task, index);
}

void ct_request_ends(struct ct_tree *tree, uint64_t address, uint64_t time_ns)
{
	end_if_any(tree, ct_map_find(&tree->by_request, address), time_ns);
}

/* A goroutine that the server starts for the handler of the request it has just made the context of. */
void ct_request_note_task(struct ct_tree *tree, const struct ct_task *task)
{
	uint32_t index = task->creator && ct_tree_site_at(tree, task->site)->flags & CT_SITE_STARTS_HANDLER ?
				 ct_map_find(&tree->by_maker, task->creator) :
				 CT_INDEX_NONE;

	if (index != CT_INDEX_NONE)
		set_server(tree, index, task->task);
}

/* One that was started otherwise shows itself by the first context it derives. */
static void learn_server(struct ct_tree *tree, uint32_t index, const struct ct_event_create *create)
{
	const struct ct_task *task = ct_tree_task_of(tree, create->task);

	if (request_at(tree, index)->task || !task || task->is_adopted) // what is older than the request was not started for it
		return;
	if (task->creator && task->creator == request_at(tree, index)->maker)
		set_server(tree, index, create->task);
}

static void begin_at_site(struct ct_tree *tree, uint32_t context, const struct ct_event_create *create, uint8_t flags)
{
	bool is_maker = flags & CT_SITE_SERVED_BY_MAKER;
	uint32_t index;

	if (is_maker) // one after the other
		end_if_any(tree, ct_map_find(&tree->by_server, create->task), create->header.time_ns);
	index = begin(tree, context, create->header.time_ns);
	if (index != CT_INDEX_NONE && is_maker)
		set_server(tree, index, create->task);
}

/* Is a task at work for a request: does it serve one, or was it started with a context of one? */
static bool is_serving(const struct ct_tree *tree, uint64_t number)
{
	const struct ct_task *task = ct_tree_task_of(tree, number);
	uint32_t index = ct_map_find(&tree->by_server, number);

	if (index == CT_INDEX_NONE && task)
		index = task->request;
	if (index == CT_INDEX_NONE)
		return false;
	return !request_at(tree, index)->over_ns && !(request_at(tree, index)->flags & CT_REQUEST_IS_HIJACKED);
}

static void note_detached(struct ct_tree *tree, const struct ct_event_create *create)
{
	uint32_t index = ct_map_find(&tree->by_server, create->task);
	const struct ct_task *task = index == CT_INDEX_NONE ? ct_task_find(tree, create->task) : NULL;

	if (!(create->header.flags & CT_CREATE_DETACHED))
		return;
	if (task) // what it was started by may wait for it
		index = task->request;
	if (index != CT_INDEX_NONE)
		request_at(tree, index)->flags |= CT_REQUEST_IS_DETACHED;
}

void ct_request_note_create(struct ct_tree *tree, uint32_t context, const struct ct_event_create *create)
{
	struct ct_site *site = ct_tree_site_at(tree, ct_tree_at(tree, context)->site);
	uint32_t index;

	part_from_address(tree, create->context, create->header.time_ns);
	if (site->flags & CT_SITE_REQUEST) {
		begin_at_site(tree, context, create, site->flags);
		return;
	}
	if (!tree->requests.used)
		return;
	if (create->parent_kind == CT_KIND_BACKGROUND && !(create->header.flags & CT_CREATE_DETACHED) &&
	    create->kind != CT_KIND_AFTER_FUNC)
		site->rooted_in_request += is_serving(tree, create->task);
	if (create->parent_kind == CT_KIND_TODO)
		site->todo_in_request += is_serving(tree, create->task);
	index = ct_tree_request_of(tree, ct_tree_at(tree, context));
	if (index != CT_INDEX_NONE)
		learn_server(tree, index, create);
	note_detached(tree, create);
	ct_task_derives(tree, context, create);
}

void ct_request_note_task_end(struct ct_tree *tree, const struct ct_task *task, uint64_t time_ns)
{
	if (task->request != CT_INDEX_NONE)
		ct_request_leave(tree, task->request);
	end_if_any(tree, ct_map_find(&tree->by_server, task->task), time_ns);
}

struct ct_request *ct_request_of_route(const struct ct_tree *tree, const struct ct_event_route *seen)
{
	uint32_t index = ct_map_find(&tree->by_server, seen->task);

	return index != CT_INDEX_NONE && request_at(tree, index)->context == seen->context ? request_at(tree, index) : NULL;
}

void ct_request_becomes(struct ct_tree *tree, uint64_t task, uint8_t flags)
{
	uint32_t index = ct_map_find(&tree->by_server, task);

	if (index == CT_INDEX_NONE)
		return;
	request_at(tree, index)->flags |= flags & CT_REQUEST_HIJACKED ? CT_REQUEST_IS_HIJACKED : 0;
	request_at(tree, index)->flags |= flags & CT_REQUEST_STREAM ? CT_REQUEST_IS_STREAM : 0;
}

void ct_requests_close(struct ct_tree *tree)
{
	ct_map_done(&tree->by_request);
	ct_map_done(&tree->by_server);
	ct_map_done(&tree->by_innermost);
	ct_map_done(&tree->by_maker);
	ct_slab_done(&tree->requests);
	memset(tree->lingering, 0, sizeof(tree->lingering));
	tree->totals.requests_live = 0;
}

/* Over or not. */
uint32_t ct_request_any_of(const struct ct_tree *tree, const struct ct_context *context)
{
	if (!tree->requests.used)
		return CT_INDEX_NONE;
	for (int hop = 0; hop < CT_REQUEST_HOPS_MAX && context; hop++) {
		if (context->state & CT_CONTEXT_REQUEST) {
			uint32_t index = ct_map_find(&tree->by_request, context->address);

			return index != CT_INDEX_NONE && request_at(tree, index)->context_id == context->id ? index :
													       CT_INDEX_NONE;
		}
		if (context->state & CT_CONTEXT_DETACHED)
			return CT_INDEX_NONE;
		context = context->parent == CT_INDEX_NONE ? NULL : ct_tree_at(tree, context->parent);
	}
	return CT_INDEX_NONE;
}

uint32_t ct_tree_request_of(const struct ct_tree *tree, const struct ct_context *context)
{
	uint32_t index = ct_request_any_of(tree, context);

	return index != CT_INDEX_NONE && !request_at(tree, index)->over_ns ? index : CT_INDEX_NONE;
}

const struct ct_request *ct_tree_request_by(const struct ct_tree *tree, uint64_t task)
{
	uint32_t index = ct_map_find(&tree->by_server, task);

	return index == CT_INDEX_NONE ? NULL : request_at(tree, index);
}

uint32_t ct_tree_requests_end(const struct ct_tree *tree)
{
	return tree->requests.end;
}

const struct ct_request *ct_tree_request(const struct ct_tree *tree, uint32_t index)
{
	const struct ct_request *request = index < tree->requests.end ? request_at(tree, index) : NULL;

	return request && request->id && (!request->over_ns || request->tasks) ? request : NULL;
}
