// SPDX-License-Identifier: Apache-2.0
/*
 * What the end of a request's context, or one more cancel of it, says about its handler: has it returned, or may it go on
 * (ctxtrace/work.h)?
 */
#include "tree/private.h"

static struct ct_request *request_at(const struct ct_tree *tree, uint32_t index)
{
	return ct_slab_at(&tree->requests, index);
}

static bool is_of_go(const struct ct_tree *tree, const struct ct_request *request)
{
	return ct_tree_site_at(tree, request->site)->flags & CT_SITE_REQUEST;
}

/* Canceller's site, however far up it cancelled. */
static uint32_t canceller_of(const struct ct_tree *tree, const struct ct_context *context, const struct ct_ending *ending)
{
	uint8_t reason = ending->reason;

	if (reason == CT_REASON_EXPLICIT)
		return ending->by;
	for (int hop = 0; hop < CT_REQUEST_HOPS_MAX && reason == CT_REASON_PARENT && context->parent != CT_INDEX_NONE; hop++) {
		context = ct_tree_at(tree, context->parent);
		reason = context->state & CT_CONTEXT_ENDED ? context->reason : CT_REASON_NONE;
		if (reason == CT_REASON_EXPLICIT) {
			const struct ct_ended *ended = ct_ended_find(tree, context->address);

			return ended && ended->group != CT_INDEX_NONE ? tree->groups[ended->group].by : CT_SITE_UNKNOWN;
		}
	}
	return CT_SITE_UNKNOWN;
}

/* Does this end of its context mean that the handler has returned? Where nobody knows, it does: then nothing is said. */
static bool is_over_with(const struct ct_tree *tree, const struct ct_request *request, const struct ct_ending *ending,
			 uint32_t by)
{
	if (ending->reason == CT_REASON_FREED)
		return true;
	if (!is_of_go(tree, request))
		return false;
	if (ct_tree_site_at(tree, request->site)->flags & CT_SITE_ENDS_REQUEST || !request->task || ending->is_inferred)
		return true;
	if (by == CT_SITE_UNKNOWN || !ct_tree_site_at(tree, by)->frames)
		return ending->reason != CT_REASON_DEADLINE;
	return ct_tree_site_at(tree, by)->flags & CT_SITE_REQUEST_OVER;
}

/* Nobody knows who serves it (a pool's worker, say), so whoever it was may go on when the client or a deadline ends it. */
static bool is_guess(const struct ct_tree *tree, const struct ct_request *request, const struct ct_ending *ending,
		     uint32_t by)
{
	if (request->task || !is_of_go(tree, request) || ending->reason == CT_REASON_FREED)
		return false;
	return !(ct_tree_site_at(tree, request->site)->flags & CT_SITE_ENDS_REQUEST) &&
	       !(ct_tree_site_at(tree, by)->flags & CT_SITE_REQUEST_OVER);
}

/* It had a bound, whatever it waits for now. */
static void note_deadline(struct ct_tree *tree, const struct ct_context *context)
{
	uint32_t index = ct_tree_request_of(tree, context);

	if (index != CT_INDEX_NONE)
		request_at(tree, index)->flags |= CT_REQUEST_HAD_DEADLINE;
}

void ct_request_context_ends(struct ct_tree *tree, const struct ct_context *context, const struct ct_ending *ending)
{
	uint32_t index = context->state & CT_CONTEXT_REQUEST ? ct_map_find(&tree->by_request, context->address) :
							       CT_INDEX_NONE;
	struct ct_request *request;
	uint32_t by;

	if (ending->reason == CT_REASON_DEADLINE)
		note_deadline(tree, context);
	if (index == CT_INDEX_NONE || request_at(tree, index)->context_id != context->id ||
	    request_at(tree, index)->over_ns)
		return;
	request = request_at(tree, index);
	by = canceller_of(tree, context, ending);
	if (is_over_with(tree, request, ending, by)) {
		if (is_guess(tree, request, ending, by))
			request->flags |= CT_REQUEST_IS_GUESSED_OVER;
		ct_request_finish(tree, index, ending->time_ns);
		return;
	}
	request->cancelled_ns = ending->time_ns;
	request->cancel_reason = ending->reason;
	request->cancelled_by = by;
}

/* Go's servers cancel a request's context when its handler returns, whoever did it before. */
void ct_request_cancel_called(struct ct_tree *tree, uint64_t address, uint32_t by, uint64_t time_ns)
{
	uint32_t index = ct_map_find(&tree->by_request, address);
	uint8_t flags = ct_tree_site_at(tree, by)->flags;
	struct ct_request *request;

	if (index == CT_INDEX_NONE || !is_of_go(tree, request_at(tree, index)))
		return;
	if (!ct_tree_site_at(tree, by)->frames || flags & CT_SITE_REQUEST_OVER)
		ct_request_ends(tree, address, time_ns);
	request = request_at(tree, index);
	if (request->flags & CT_REQUEST_IS_GUESSED_OVER && flags & CT_SITE_REQUEST_OVER) {
		request->flags &= (uint8_t)~CT_REQUEST_IS_GUESSED_OVER;
		request->over_ns = time_ns; // now it is
	}
}
