// SPDX-License-Identifier: Apache-2.0
/*
 * Proven losses that end: nobody was left to cancel them, and then their parent, their timer or the memory's end took
 * them. Per site a count, a lifetime and a few bits: the contexts themselves are forgotten like all others.
 */
#include "tree/private.h"

/* An end may have been missed across a gap, unless it is memory that said so. */
static bool is_proven(const struct ct_context *context)
{
	if (context->state & CT_CONTEXT_UNRETAINED)
		return false;
	if (context->state & CT_CONTEXT_LOST)
		return true;
	return (context->state & (CT_CONTEXT_ABANDONED | CT_CONTEXT_GAP)) == CT_CONTEXT_ABANDONED;
}

/* Did its own timer end it, or would it have? */
static bool is_timed(const struct ct_context *context, const struct ct_ending *ending)
{
	if (context->kind != CT_KIND_DEADLINE)
		return false;
	return ending->reason == CT_REASON_DEADLINE || !context->deadline_ns || context->deadline_ns > ending->time_ns;
}

static bool is_kept_by_parent(const struct ct_tree *tree, const struct ct_context *context,
			      const struct ct_ending *ending)
{
	const struct ct_context *parent = context->parent == CT_INDEX_NONE ? NULL : ct_tree_at(tree, context->parent);

	if (ending->reason == CT_REASON_PARENT)
		return true; // or the parent would not have found it
	if (!parent || (parent->state & CT_CONTEXT_ENDED) || (context->state & CT_CONTEXT_DETACHED))
		return false;
	return parent->kind == CT_KIND_UNKNOWN || ct_is_cancellable(parent->kind);
}

/* What kept it until its end: memory's word, else what the tree shows. */
static uint8_t retention_of(const struct ct_tree *tree, const struct ct_context *context,
			    const struct ct_ending *ending)
{
	uint8_t bits = context->retained_by;

	if (context->state & CT_CONTEXT_LOST || bits)
		return bits;
	if (is_kept_by_parent(tree, context, ending))
		bits |= CT_RETAINED_PARENT;
	if (is_timed(context, ending))
		bits |= CT_RETAINED_TIMER;
	return bits;
}

uint8_t ct_loss_count(struct ct_tree *tree, const struct ct_context *context, const struct ct_ending *ending)
{
	uint64_t lived_ns = ending->time_ns > context->created_ns ? ending->time_ns - context->created_ns : 0;
	uint8_t retained_by, loss;
	struct ct_losses *losses;

	if (!is_proven(context) || ending->reason == CT_REASON_EXPLICIT || lived_ns < tree->caps.lost_age_ns)
		return CT_LOSS_END;
	if (context->site == CT_SITE_UNKNOWN || (context->kind != CT_KIND_CANCEL && context->kind != CT_KIND_DEADLINE))
		return CT_LOSS_END;
	retained_by = retention_of(tree, context, ending);
	if (!retained_by)
		return CT_LOSS_END; // it was garbage waiting
	loss = retained_by & CT_RETAINED_TIMER && is_timed(context, ending) ? CT_LOSS_TIMER : CT_LOSS_CANCEL;
	losses = &ct_tree_site_at(tree, context->site)->losses[loss];
	losses->count++;
	losses->retained_by |= retained_by;
	losses->reasons |= (uint8_t)(1u << ending->reason);
	if (lived_ns > losses->longest_ns)
		losses->longest_ns = lived_ns;
	return loss;
}

/* Its owner has called its cancel function after all, so there was one. */
void ct_loss_take_back(struct ct_tree *tree, struct ct_ended *ended)
{
	struct ct_losses *losses;

	if (ended->loss == CT_LOSS_END)
		return;
	losses = &ct_tree_site_at(tree, ended->site)->losses[ended->loss];
	ended->loss = CT_LOSS_END;
	if (!--losses->count)
		*losses = (struct ct_losses){ 0 };
}
