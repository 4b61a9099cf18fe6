// SPDX-License-Identifier: Apache-2.0
#include "agent/explain_private.h"

#include "ctxtrace/work.h"
#include "provider/target.h"

#include <string.h>

static int number_paths(struct explaining *explaining, const struct ct_goroutine_seen *seen,
			struct ct_event_goroutine *event)
{
	struct ct_paths *paths = &explaining->live->goroutines.paths;
	uint64_t now_ns = event->header.time_ns, entry = seen->entry + 1; // paths are of return addresses
	uint64_t pcs[CT_STACK_FRAMES_MAX];
	bool is_created = seen->created_pc && !ct_explain_is_runtime(explaining, seen->created_pc - 1); // the main one is not
	int rc = ct_paths_number(paths, &seen->created_pc, is_created, now_ns, &event->created);

	if (!rc)
		rc = ct_paths_number(paths, &entry, seen->entry ? 1 : 0, now_ns, &event->entry);
	memcpy(pcs, seen->pcs, sizeof(pcs));
	if (seen->frames && pcs[0] == seen->entry)
		pcs[0]++; // it has not begun yet
	return rc ? rc : ct_paths_number(paths, pcs, seen->frames, now_ns, &event->at);
}

static uint64_t serves(void *opaque, uint64_t task)
{
	const struct explaining *explaining = opaque;
	const struct ct_request *request = ct_tree_request_by(explaining->live->pipeline->tree, task);

	return request ? request->context : 0;
}

static int push_route(struct explaining *explaining, const struct ct_goroutine_seen *seen)
{
	size_t length = seen->route ? strlen(seen->route) + 1 : 0;
	struct {
		struct ct_event_route event;
		char route[CT_ROUTE_BYTES];
	} block = { 0 };

	if (!length)
		return 0;
	block.event = (struct ct_event_route){
		.header = { .time_ns = explaining->now_ns, .type = CT_EVENT_ROUTE },
		.context = serves(explaining, seen->task),
		.task = seen->task,
		.route_bytes = (uint32_t)length,
	};
	memcpy(block.route, seen->route, length);
	return ct_explain_push(explaining, &block, sizeof(block.event) + length);
}

/* Told of those alone that belong to a request: the others are no question. */
static int push_idle(struct explaining *explaining, const struct ct_goroutine_seen *seen)
{
	const struct ct_tree *tree = explaining->live->pipeline->tree;
	const struct ct_task *task = seen->queue ? ct_tree_task_of(tree, seen->task) : NULL;
	const struct ct_event_task_idle event = {
		.header = { .time_ns = explaining->now_ns, .type = CT_EVENT_TASK_IDLE },
		.task = seen->task,
		.channel = seen->queue,
	};

	return task && ct_tree_request(tree, task->request) ? ct_explain_push(explaining, &event, sizeof(event)) : 0;
}

static int push_goroutine(void *opaque, const struct ct_goroutine_seen *seen)
{
	struct explaining *explaining = opaque;
	struct {
		struct ct_event_goroutine event;
		char strings[96];
	} block = { 0 };
	size_t state = strlen(seen->state) + 1, reason = strlen(seen->reason) + 1;
	bool is_system = ct_goroutines_is_system(&explaining->live->goroutines, seen->entry);
	int rc;

	block.event = (struct ct_event_goroutine){
		.header = { .time_ns = explaining->now_ns,
			    .type = CT_EVENT_GOROUTINE,
			    .flags = (uint8_t)((is_system ? CT_GOROUTINE_SYSTEM : 0) |
					       (seen->waits ? CT_GOROUTINE_WAITS : 0) |
					       (seen->is_timed ? CT_GOROUTINE_TIMED : 0) |
					       (seen->may_be_detached ? CT_GOROUTINE_BOXED : 0)) },
		.task = seen->task,
		.creator = seen->creator,
		.context = seen->context,
		.wait_since_ns = seen->wait_since_ns,
		.refers = seen->refers,
		.strings_bytes = (uint32_t)(state + reason),
		.context_state = seen->context_state,
	};
	memcpy(block.strings, seen->state, state);
	memcpy(block.strings + state, seen->reason, reason);
	rc = block.event.header.flags & CT_GOROUTINE_SYSTEM ? 0 : number_paths(explaining, seen, &block.event);
	rc = rc ? rc : ct_explain_push(explaining, &block, sizeof(block.event) + state + reason);
	rc = rc ? rc : push_idle(explaining, seen);
	return rc ? rc : push_route(explaining, seen);
}

static void breathe(void *opaque)
{
	struct explaining *explaining = opaque;

	if (explaining->drain)
		explaining->drain(explaining->live);
}

int ct_explain_goroutines(struct explaining *explaining)
{
	struct ct_goroutine_asker asker = { .serves = serves, .visit = push_goroutine, .breathe = breathe, .opaque = explaining };

	return ct_census_goroutines(explaining->live->scanner.census, explaining->known, explaining->known_count, &asker);
}
