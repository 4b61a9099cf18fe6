// SPDX-License-Identifier: Apache-2.0
#include "model.h"

#include <errno.h>
#include <string.h>

static int find_live(const struct model *model, uint64_t address)
{
	for (int i = 0; i < model->count; i++)
		if (model->contexts[i].is_live && model->contexts[i].address == address)
			return i;
	return -1;
}

static struct model_ended *find_ended(struct model *model, uint64_t address)
{
	for (int i = 0; i < model->ended_count; i++)
		if (model->ended[i].address == address)
			return &model->ended[i];
	return NULL;
}

static void forget_ended(struct model *model, uint64_t address)
{
	struct model_ended *ended = find_ended(model, address);

	if (ended)
		ended->address = 0;
}

static int add(struct model *model, uint64_t address, uint64_t now_ns)
{
	model->contexts[model->count] =
		(struct model_context){.address = address, .created_ns = now_ns, .parent = -1, .is_live = true};
	forget_ended(model, address);
	model->totals.live++;
	if (model->totals.live > model->totals.peak_live)
		model->totals.peak_live = model->totals.live;
	return model->count++;
}

static int adopt(struct model *model, uint64_t address, uint64_t now_ns, uint8_t kind)
{
	int index = add(model, address, now_ns);

	model->contexts[index].is_adopted = true;
	model->contexts[index].kind = kind;
	model->totals.adopted++;
	model->paths[0].live++;
	return index;
}

static bool has_children(const struct model *model, int index)
{
	for (int i = 0; i < model->count; i++)
		if (!model->contexts[i].is_gone && model->contexts[i].parent == index)
			return true;
	return false;
}

/* No event will ever end it, so it goes with its last child. */
static bool is_placeholder(const struct model_context *context)
{
	return context->is_adopted && !context->is_abandoned && !context->is_request &&
	       (context->kind == CT_KIND_FOREIGN || context->kind == CT_KIND_UNKNOWN);
}

static void let_go(struct model *model, int index)
{
	for (; index >= 0 && !has_children(model, index); index = model->contexts[index].parent) {
		struct model_context *context = &model->contexts[index];

		if (context->is_live && !is_placeholder(context))
			return;
		if (context->is_live) {
			model->totals.live--;
			model->totals.adopted_ended++;
			model->paths[0].live--;
		}
		context->is_live = false;
		context->is_gone = true;
	}
}

/* The request at an address is over: its handler has returned. */
static void end_request(struct model *model, uint64_t address)
{
	for (int i = 0; i < model->requests_count; i++) {
		struct model_context *context = &model->contexts[model->requests[i].context];

		if (model->requests[i].address != address)
			continue;
		context->is_request_over |= context->is_live;
		model->requests[i] = model->requests[--model->requests_count];
		model->totals.requests_live--;
		return;
	}
}

/* Cancelled, it is still being served; freed, nobody can be at it. */
static void free_request(struct model *model, const struct model_context *context)
{
	for (int i = 0; i < model->requests_count; i++)
		if (&model->contexts[model->requests[i].context] == context)
			end_request(model, context->address);
}

static void count_end(struct model *model, struct model_context *context, uint8_t reason)
{
	context->is_live = false;
	context->reason = reason;
	model->totals.live--;
	model->paths[context->path].live--;
	if (reason == CT_REASON_FREED)
		free_request(model, context);
	if (context->is_adopted) {
		model->totals.adopted_ended++;
		return;
	}
	model->totals.ended[reason]++;
	model->paths[context->path].ended[reason]++;
}

static bool is_cancellable(uint8_t kind)
{
	return kind == CT_KIND_CANCEL || kind == CT_KIND_DEADLINE || kind == CT_KIND_AFTER_FUNC ||
	       kind == CT_KIND_UNKNOWN;
}

/* An abandoned context that something kept, and that its owner did not end. */
static uint8_t loss_of(const struct model *model, const struct model_context *context, uint8_t reason, uint64_t now_ns)
{
	const struct model_context *parent = context->parent < 0 ? NULL : &model->contexts[context->parent];
	bool is_kept = reason == CT_REASON_PARENT ||
		       (parent && parent->is_live && !context->is_detached && is_cancellable(parent->kind));
	bool is_timed = context->kind == CT_KIND_DEADLINE && (reason == CT_REASON_DEADLINE || !context->deadline_ns ||
							      context->deadline_ns > now_ns);

	if (!context->is_abandoned || context->created_ns < model->gap_to_ns || reason == CT_REASON_EXPLICIT ||
	    !context->path || (context->kind != CT_KIND_CANCEL && context->kind != CT_KIND_DEADLINE))
		return CT_LOSS_END;
	return is_timed ? CT_LOSS_TIMER : is_kept ? CT_LOSS_CANCEL : CT_LOSS_END;
}

static void end(struct model *model, int index, uint8_t reason, bool is_inferred, uint64_t now_ns)
{
	struct model_context *context = &model->contexts[index];
	uint8_t loss = loss_of(model, context, reason, now_ns);

	count_end(model, context, reason);
	if (loss != CT_LOSS_END)
		model->paths[context->path].losses[loss]++;
	forget_ended(model, context->address);
	model->ended[model->ended_count++] =
		(struct model_ended){context->address, context->path, reason, is_inferred, loss};
	model->grouped += reason != CT_REASON_FREED;
	let_go(model, index);
}

static struct model_task *find_task(struct model *model, uint64_t task)
{
	return task && model->tasks[task].task ? &model->tasks[task] : NULL;
}

static struct model_task *enter_task(struct model *model, uint64_t task, uint64_t now_ns)
{
	model->tasks[task] = (struct model_task){.task = task, .start_ns = now_ns};
	model->totals.tasks_seen++;
	model->totals.tasks_live++;
	return &model->tasks[task];
}

static int parent_of(struct model *model, const struct ct_event_create *create)
{
	const struct model_ended *ended;
	struct model_context *recalled;
	int index;

	if (!create->parent || create->parent_kind == CT_KIND_BACKGROUND || create->parent_kind == CT_KIND_TODO)
		return -1;
	index = find_live(model, create->parent);
	if (index >= 0)
		return index;
	ended = create->parent_kind == CT_KIND_FOREIGN ? NULL : find_ended(model, create->parent);
	if (!ended)
		return adopt(model, create->parent, create->header.time_ns, create->parent_kind);
	recalled = &model->contexts[model->count]; // it ended a moment ago and comes back, ended, for its child
	*recalled = (struct model_context){.address = ended->address,
					   .created_ns = create->header.time_ns,
					   .parent = -1,
					   .path = ended->path,
					   .reason = ended->reason};
	return model->count++;
}

static int apply_create(struct model *model, const struct ct_event_create *create)
{
	struct model_context *context;
	int old, parent, index;

	if (create->parent == create->context)
		return -EPROTO;
	if (create->kind != CT_KIND_CANCEL && create->kind != CT_KIND_DEADLINE && create->kind != CT_KIND_AFTER_FUNC &&
	    create->kind != CT_KIND_UNKNOWN)
		return 0;
	old = find_live(model, create->context);
	if (old >= 0)
		end(model, old, CT_REASON_FREED, false, create->header.time_ns);
	end_request(model, create->context);
	parent = parent_of(model, create);
	index = add(model, create->context, create->header.time_ns);
	context = &model->contexts[index];
	context->parent = parent;
	context->kind = create->kind;
	context->deadline_ns = create->deadline_ns;
	context->task = create->task;
	context->path = create->path;
	context->is_detached = create->header.flags & CT_CREATE_DETACHED;
	context->is_todo = parent >= 0 ? model->contexts[parent].is_todo : create->parent_kind == CT_KIND_TODO;
	context->is_task_known = create->task && model->has_tasks;
	if (context->is_task_known && !find_task(model, create->task))
		enter_task(model, create->task, create->header.time_ns);
	model->totals.created++;
	model->paths[create->path].created++;
	model->paths[create->path].live++;
	model->paths[create->path].todo_rooted += context->is_todo;
	return 0;
}

static void count_call(struct model *model, struct model_ended *ended)
{
	model->totals.cancel_called++;
	if (!ended)
		return;
	if (ended->loss != CT_LOSS_END)
		model->paths[ended->path].losses[ended->loss]--;
	ended->loss = CT_LOSS_END;
	model->paths[ended->path].cancel_called++;
	model->grouped_late += ended->reason != CT_REASON_FREED;
}

static void apply_cancel(struct model *model, const struct ct_event_cancel *cancel)
{
	int index = find_live(model, cancel->context), parent;
	struct model_ended *ended = find_ended(model, cancel->context);

	if (index < 0 && ended && ended->is_inferred) {
		ended->is_inferred = false;
		model->totals.late++;
	} else if (index < 0 && ended && cancel->reason == CT_REASON_EXPLICIT) {
		count_call(model, ended);
	} else if (index < 0) {
		model->totals.unmatched++;
		model->totals.adopted++;
		model->totals.adopted_ended++;
		model->grouped++;
	} else {
		parent = model->contexts[index].parent;
		if (cancel->header.flags & CT_CANCEL_BORN && cancel->reason == CT_REASON_PARENT && parent >= 0 &&
		    model->contexts[parent].is_live && model->contexts[parent].is_adopted)
			end(model, parent, CT_REASON_FREED, false, cancel->header.time_ns);
		end(model, index, cancel->reason, false, cancel->header.time_ns);
	}
}

/* The call comes after the end, so an end was missed. */
static uint8_t missed_reason(const struct model *model, int index, uint64_t now_ns)
{
	const struct model_context *context = &model->contexts[index];

	if (!context->is_detached && context->parent >= 0 && !model->contexts[context->parent].is_live)
		return CT_REASON_PARENT;
	return context->deadline_ns && context->deadline_ns <= now_ns ? CT_REASON_DEADLINE : CT_REASON_EXPLICIT;
}

static void apply_cancel_call(struct model *model, const struct ct_event_cancel_call *call)
{
	int index = find_live(model, call->context);

	if (index >= 0)
		end(model, index, missed_reason(model, index, call->header.time_ns), true, call->header.time_ns);
	count_call(model, find_ended(model, call->context));
}

static void apply_free(struct model *model, uint64_t address, uint64_t now_ns)
{
	int index = find_live(model, address);

	end_request(model, address);
	if (index >= 0)
		end(model, index, CT_REASON_FREED, false, now_ns);
	else
		forget_ended(model, address);
}

/* The live context at an address; unknown and not ended either: it is adopted. */
static struct model_context *known(struct model *model, uint64_t address, uint64_t now_ns)
{
	int index = find_live(model, address);

	if (index < 0 && !find_ended(model, address))
		index = adopt(model, address, now_ns, CT_KIND_UNKNOWN);
	return index < 0 ? NULL : &model->contexts[index];
}

/* The request that a task serves, of several the first; -1 none. */
static int first_of(const struct model *model, uint64_t task)
{
	for (int i = 0; i < model->requests_count; i++)
		if (model->requests[i].is_first && model->requests[i].task == task)
			return i;
	return -1;
}

static void leave_request(struct model *model, uint64_t task)
{
	int first = first_of(model, task);

	if (first >= 0)
		end_request(model, model->requests[first].address);
}

static void apply_request(struct model *model, const struct ct_event_request *request)
{
	bool is_end = request->header.flags & CT_REQUEST_END;
	struct model_context *context;

	if (is_end) {
		end_request(model, request->context);
		return;
	}
	context = known(model, request->context, request->header.time_ns);
	if (!context)
		return;
	end_request(model, request->context);
	model->requests[model->requests_count] = (struct model_request){ .address = request->context,
									 .context = (int)(context - model->contexts),
									 .task = request->task,
									 .is_first = request->task &&
										     first_of(model, request->task) < 0 };
	model->requests_count++;
	model->totals.requests_live++;
	model->totals.requests_started++;
	context->is_request = true;
	context->is_request_over = false;
}

static void set_system(struct model *model, struct model_task *task, bool is_system)
{
	int change = (int)task->is_system - (int)is_system;

	model->totals.tasks_seen += (uint64_t)(int64_t)change;
	model->totals.tasks_live += (uint64_t)(int64_t)change;
	task->is_system = is_system;
}

static void apply_task_start(struct model *model, const struct ct_event_task_start *start)
{
	struct model_task *task = find_task(model, start->task);
	uint64_t now_ns = start->header.time_ns;

	model->has_tasks = true;
	if (task && task->is_started && now_ns > task->start_ns) {
		model->totals.tasks_seen += !task->is_system; // the end of the one before was missed
		leave_request(model, start->task);
	}
	if (!task)
		task = enter_task(model, start->task, now_ns);
	if (!task->is_started || now_ns > task->start_ns)
		set_system(model, task, start->header.flags & CT_TASK_SYSTEM);
	task->start_ns = now_ns;
	task->is_started = true;
}

static void apply_task_seen(struct model *model, const struct ct_event_task_seen *seen)
{
	struct model_task *task = find_task(model, seen->task);

	if (seen->header.flags & CT_TASK_SEEN_GONE) {
		if (!task)
			return;
		leave_request(model, seen->task);
		task->task = 0;
		model->totals.tasks_live -= !task->is_system;
		return;
	}
	task = task ?: enter_task(model, seen->task, 0);
	if (task->is_started)
		return;
	set_system(model, task, seen->header.flags & CT_TASK_SEEN_SYSTEM);
	task->start_ns = 0;
}

static void apply_task_end(struct model *model, uint64_t number)
{
	struct model_task *task = find_task(model, number);

	model->has_tasks = true;
	leave_request(model, number);
	if (!task)
		return;
	task->task = 0;
	model->totals.tasks_live -= !task->is_system;
}

static void close_tasks(struct model *model)
{
	memset(model->tasks, 0, sizeof(model->tasks));
	model->totals.tasks_live = 0;
}

static void close_requests(struct model *model)
{
	model->requests_count = 0;
	model->totals.requests_live = 0;
}

static void apply_exec(struct model *model)
{
	for (int i = 0; i < model->count; i++) {
		if (model->contexts[i].is_live)
			count_end(model, &model->contexts[i], CT_REASON_FREED);
		model->contexts[i].is_gone = true;
	}
	model->ended_count = 0;
	close_tasks(model);
	close_requests(model);
}

static void apply_gap(struct model *model, const struct ct_event_gap *gap)
{
	model->totals.gaps++;
	model->totals.lost_events += gap->lost;
	model->ended_count = 0;
	if (gap->to_ns > model->gap_to_ns)
		model->gap_to_ns = gap->to_ns;
}

int model_apply(struct model *model, const struct ct_event *event)
{
	uint64_t now_ns = event->header->time_ns;
	struct model_context *context;
	int rc = 0;

	model->totals.events += event->header->type < 32;
	switch (event->header->type) {
	case CT_EVENT_CREATE:
		rc = apply_create(model, event->create);
		break;
	case CT_EVENT_CANCEL:
		apply_cancel(model, event->cancel);
		break;
	case CT_EVENT_CANCEL_CALL:
		apply_cancel_call(model, event->cancel_call);
		break;
	case CT_EVENT_FREE:
		apply_free(model, event->context->context, now_ns);
		break;
	case CT_EVENT_ABANDON:
		context = known(model, event->context->context, now_ns);
		if (context)
			context->is_abandoned = true;
		break;
	case CT_EVENT_REQUEST:
		apply_request(model, event->request);
		break;
	case CT_EVENT_TASK_START:
		apply_task_start(model, event->task_start);
		break;
	case CT_EVENT_TASK_END:
		apply_task_end(model, event->task_end->task);
		break;
	case CT_EVENT_TASK_SEEN:
		apply_task_seen(model, event->task_seen);
		break;
	case CT_EVENT_EXEC:
		apply_exec(model);
		break;
	case CT_EVENT_EXIT:
		model->has_exited = true;
		break;
	case CT_EVENT_GAP:
		apply_gap(model, event->gap);
		break;
	default:
		break;
	}
	return rc;
}
