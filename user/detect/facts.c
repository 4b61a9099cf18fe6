// SPDX-License-Identifier: Apache-2.0
#include "detect/detector.h"

#include "ctxtrace/census_groups.h"

uint64_t ct_context_age(const struct ct_detect_input *input, const struct ct_context *context)
{
	return input->now_ns > context->created_ns ? input->now_ns - context->created_ns : 0;
}

static bool is_cancellable(const struct ct_context *context)
{
	switch (context->kind) {
	case CT_KIND_UNKNOWN: // unreadable; only what can be cancelled is traced
	case CT_KIND_CANCEL:
	case CT_KIND_DEADLINE:
	case CT_KIND_AFTER_FUNC:
		return true;
	default:
		return false;
	}
}

/* Age stands for doubt: what is young may just be in use. Nothing that was proven while all stood still is. */
static bool is_proven_at_once(const struct ct_detect_input *input, const struct ct_context *context)
{
	return context->state & CT_CONTEXT_LOST && context->created_ns <= input->window->stopped_ns &&
	       !input->options->is_age_chosen;
}

bool ct_context_is_judged(const struct ct_detect_input *input, const struct ct_context *context)
{
	return !(context->state & CT_CONTEXT_ENDED) && is_cancellable(context) &&
	       (ct_context_age(input, context) >= input->options->min_age_ns || is_proven_at_once(input, context));
}

bool ct_context_is_lost(const struct ct_detect_input *input, const struct ct_context *context, struct ct_claim *claim)
{
	if (context->state & CT_CONTEXT_UNRETAINED)
		return false;
	if (context->state & CT_CONTEXT_LOST)
		return true; // memory's word needs no events: gaps do not weaken it
	if (!(context->state & CT_CONTEXT_ABANDONED))
		return false;
	claim->is_weak = input->is_weakened || context->state & CT_CONTEXT_GAP;
	return true;
}

bool ct_context_is_armed(const struct ct_detect_input *input, const struct ct_context *context)
{
	return context->kind == CT_KIND_DEADLINE && ct_context_retention(input, context) & CT_RETAINED_TIMER &&
	       (!context->deadline_ns || context->deadline_ns > input->now_ns);
}

bool ct_context_is_ending(const struct ct_detect_input *input, const struct ct_context *context)
{
	uint64_t looked_ns = context->state & CT_CONTEXT_LOST ? input->window->last_scan_ns : input->now_ns;

	if (context->kind != CT_KIND_DEADLINE || !context->deadline_ns || context->deadline_ns > input->now_ns)
		return false;
	return looked_ns <= context->deadline_ns || looked_ns - context->deadline_ns <= input->options->grace_ns;
}

bool ct_context_is_in_request(const struct ct_detect_input *input, const struct ct_context *context)
{
	const uint16_t served = CT_CONTEXT_REQUEST | CT_CONTEXT_REQUEST_OVER | CT_CONTEXT_ENDED;

	for (int hops = 0; context; hops++) {
		if (hops == CT_ANCESTORS_MAX)
			return true;
		if ((context->state & served) == CT_CONTEXT_REQUEST)
			return true;
		context = ct_tree_parent(input->tree, context);
	}
	return false;
}

/* After a whole collection only three answers are left, and memory gave neither of the other two. */
bool ct_context_is_guarded(const struct ct_detect_input *input, const struct ct_context *context)
{
	const uint16_t answers = CT_CONTEXT_HELD | CT_CONTEXT_LOST_ONCE | CT_CONTEXT_LOST | CT_CONTEXT_UNRETAINED;

	return context->created_ns < input->window->collected_before_ns && !(context->state & answers);
}

static bool keeps_children(const struct ct_context *parent)
{
	return parent && !(parent->state & CT_CONTEXT_ENDED) && is_cancellable(parent);
}

uint8_t ct_context_retention(const struct ct_detect_input *input, const struct ct_context *context)
{
	uint8_t bits = 0;

	if (context->state & CT_CONTEXT_UNRETAINED)
		return 0;
	if (context->state & CT_CONTEXT_LOST || context->retained_by)
		return context->retained_by;
	if (!(context->state & CT_CONTEXT_DETACHED) && keeps_children(ct_tree_parent(input->tree, context)))
		bits |= CT_RETAINED_PARENT;
	if (context->kind == CT_KIND_DEADLINE && context->deadline_ns > input->now_ns)
		bits |= CT_RETAINED_TIMER;
	return bits;
}

uint64_t ct_context_bytes(const struct ct_detect_input *input, const struct ct_context *context)
{
	uint8_t retained_by = ct_context_retention(input, context);

	return retained_by ? ct_context_size(input->window->runtime, context->kind, retained_by) : 0;
}
