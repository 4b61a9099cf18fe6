// SPDX-License-Identifier: Apache-2.0
/* CANCEL, CANCEL_CALL, FREE, ABANDON and REQUEST: what happens to one context between its create and its end. */
#include "tree/private.h"

#include <errno.h>

/*
 * The live context an event is about, or CT_INDEX_NONE. An event older than the context is about an earlier one at the
 * same address; about an adopted one it is merely late, since that was created before it was first seen.
 */
static uint32_t context_of(struct ct_tree *tree, uint64_t address, uint64_t time_ns, bool *ret_is_late)
{
	uint32_t index = ct_context_find(tree, address);
	const struct ct_context *context = index == CT_INDEX_NONE ? NULL : ct_tree_at(tree, index);

	*ret_is_late = context && time_ns < context->created_ns;
	if (!*ret_is_late)
		return index;
	tree->totals.late++;
	return context->state & CT_CONTEXT_ADOPTED ? index : CT_INDEX_NONE;
}

static void count_call(struct ct_tree *tree, struct ct_ended *ended, uint64_t time_ns)
{
	struct ct_cancel_group *group;

	tree->totals.cancel_called++;
	if (!ended)
		return;
	ct_loss_take_back(tree, ended);
	ct_tree_site_at(tree, ended->site)->cancel_called++;
	if (ended->group == CT_INDEX_NONE)
		return;
	group = &tree->groups[ended->group];
	group->late++;
	if (time_ns > ended->time_ns && time_ns - ended->time_ns > group->late_ns)
		group->late_ns = time_ns - ended->time_ns;
}

/* The end of a context nobody knew: adopted and ended in one go. Unless it has just ended. */
static void cancel_unknown(struct ct_tree *tree, const struct ct_event_cancel *cancel, const struct ct_cause *cause)
{
	struct ct_ended *ended = ct_ended_find(tree, cancel->context);
	uint32_t group;

	if (ended && ended->is_inferred) {
		ended->is_inferred = false;
		tree->totals.late++; // its end was concluded from something that came before
		return;
	}
	if (ended && cancel->reason == CT_REASON_EXPLICIT) {
		count_call(tree, ended, cancel->header.time_ns); // two calls at once: neither probe saw the other's end
		return;
	}
	tree->totals.unmatched++;
	tree->totals.adopted++;
	tree->totals.adopted_ended++;
	group = ct_cancels_count(tree, &(struct ct_cancel_group){ .site = CT_SITE_UNKNOWN,
								  .by = ct_site_of_path(tree, cancel->path),
								  .origin_site = CT_INDEX_NONE,
								  .reason = cancel->reason });
	ct_cause_count(tree, group, cause);
	if (ended)
		ended->time_ns = cancel->header.time_ns;
	else
		ct_ended_keep(tree, &(struct ct_ended){ .address = cancel->context,
							.time_ns = cancel->header.time_ns,
							.request = CT_INDEX_NONE,
							.is_stranger = true });
}

/* Born of a dead parent: if the parent is one that was adopted, its end was before the attach. */
static void end_dead_parent(struct ct_tree *tree, uint32_t index, uint64_t time_ns)
{
	uint32_t parent = ct_tree_at(tree, index)->parent;
	uint16_t state = parent == CT_INDEX_NONE ? 0 : ct_tree_at(tree, parent)->state;
	struct ct_ending freed = { .time_ns = time_ns, .reason = CT_REASON_FREED };

	if ((state & (CT_CONTEXT_ADOPTED | CT_CONTEXT_ENDED)) == CT_CONTEXT_ADOPTED)
		ct_context_end(tree, parent, &freed);
}

/*
 * Born of a parent that had ended long before. That it was born dead proves that its parent is the one that had ended. Who
 * still works for the request whose context it was has kept nothing: it only looks late.
 */
static void note_stale(struct ct_tree *tree, uint32_t index, uint64_t time_ns)
{
	const struct ct_context *context = ct_tree_at(tree, index);
	const struct ct_ended *ended = NULL;

	if (context->kind == CT_KIND_AFTER_FUNC) // to be called at once is what is asked for
		return;
	if (context->parent != CT_INDEX_NONE && context->parent_kind != CT_KIND_FOREIGN)
		ended = ct_ended_find(tree, ct_tree_at(tree, context->parent)->address);
	if (ended && ended->reason != CT_REASON_FREED && time_ns > ended->time_ns &&
	    time_ns - ended->time_ns > tree->grace_ns && !ct_request_is_at_hand(tree, ended, context->task))
		ct_site_count_stale(ct_tree_site_at(tree, context->site), time_ns - ended->time_ns);
}

int ct_apply_cancel(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	const struct ct_event_cancel *cancel = event->cancel;
	struct ct_ending ending = { .time_ns = cancel->header.time_ns, .reason = cancel->reason };
	uint32_t index;
	bool is_late;

	tree->deadlines.is_needed |= cancel->reason == CT_REASON_DEADLINE;
	if (ct_tree_reserve(tree))
		return -ENOMEM;
	ending.cause = ct_tree_cause_to_come(tree, cancel->context);
	tree->causes.to_come_of = 0; // its text stays until the next one is told
	index = context_of(tree, cancel->context, ending.time_ns, &is_late);
	if (index == CT_INDEX_NONE) {
		if (!is_late)
			cancel_unknown(tree, cancel, ending.cause);
		return 0;
	}
	ending.by = ct_site_of_path(tree, cancel->path);
	if (cancel->header.flags & CT_CANCEL_BORN && cancel->reason == CT_REASON_PARENT) {
		note_stale(tree, index, ending.time_ns);
		end_dead_parent(tree, index, ending.time_ns);
	}
	*ret_context = ct_context_end(tree, index, &ending);
	return 0;
}

/* A cancel call on a live context proves that its CANCEL was missed: it is sent only after the end. */
int ct_apply_cancel_call(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	const struct ct_event_cancel_call *call = event->cancel_call;
	struct ct_ending ending = { .time_ns = call->header.time_ns, .is_inferred = true };
	uint32_t index;
	bool is_late;

	if (ct_tree_reserve(tree))
		return -ENOMEM;
	ct_request_cancel_called(tree, call->context, ct_site_of_path(tree, call->path), ending.time_ns);
	index = context_of(tree, call->context, ending.time_ns, &is_late);
	if (index != CT_INDEX_NONE) {
		ending.reason = ct_context_infer_reason(tree, index, ending.time_ns);
		*ret_context = ct_context_end(tree, index, &ending);
	}
	count_call(tree, ct_ended_find(tree, call->context), call->header.time_ns);
	return 0;
}

/* After the end, FREE is the normal course and says nothing new. */
int ct_apply_free(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	struct ct_ending freed = { .time_ns = event->header->time_ns, .reason = CT_REASON_FREED };
	struct ct_ended *ended = ct_ended_find(tree, event->context->context);
	bool is_late;
	uint32_t index = context_of(tree, event->context->context, freed.time_ns, &is_late);

	if (!is_late)
		ct_request_ends(tree, event->context->context, freed.time_ns);
	if (index != CT_INDEX_NONE)
		*ret_context = ct_context_end(tree, index, &freed);
	else if (ended && !is_late)
		ended->address = 0; // whoever comes to this address next is another one
	return 0;
}

/* The context of an event that proves it alive: known, or adopted now. */
static int known_or_adopted(struct ct_tree *tree, uint64_t address, uint64_t time_ns, uint32_t *ret_index)
{
	bool is_late;

	if (ct_tree_reserve(tree))
		return -ENOMEM;
	*ret_index = context_of(tree, address, time_ns, &is_late);
	if (*ret_index != CT_INDEX_NONE || is_late || ct_ended_find(tree, address))
		return 0;
	if (tree->contexts.used >= tree->caps.max_contexts) {
		tree->totals.refused_contexts++;
		return -ENOSPC;
	}
	*ret_index = ct_context_adopt(tree, address, time_ns, CT_KIND_UNKNOWN);
	return 0;
}

int ct_apply_abandon(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	struct ct_context *context;
	uint32_t index;
	int rc = known_or_adopted(tree, event->context->context, event->header->time_ns, &index);

	if (rc || index == CT_INDEX_NONE)
		return rc;
	context = ct_tree_at(tree, index);
	context->state |= CT_CONTEXT_ABANDONED;
	*ret_context = ct_tree_show(tree, context);
	return 0;
}

int ct_apply_request(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	const struct ct_event_request *request = event->request;
	uint8_t flags = event->header->flags;
	uint32_t index;
	int rc;

	if (!request->context) {
		ct_request_becomes(tree, request->task, flags);
		return 0;
	}
	if (flags & CT_REQUEST_END) {
		ct_request_ends(tree, request->context, event->header->time_ns);
		index = ct_context_find(tree, request->context);
	} else {
		rc = known_or_adopted(tree, request->context, event->header->time_ns, &index);
		if (rc || index == CT_INDEX_NONE)
			return rc;
		ct_request_begins(tree, index, request->task, event->header->time_ns);
	}
	if (index != CT_INDEX_NONE)
		*ret_context = ct_tree_show(tree, ct_tree_at(tree, index));
	return 0;
}
