// SPDX-License-Identifier: Apache-2.0
/* Ending contexts, and forgetting them when nothing hangs on them any more. */
#include "tree/private.h"

#include "base/time.h"

/* Evidence that keeps a context although nobody knows what it is. */
#define EVIDENCE                                                                                    \
	(CT_CONTEXT_ABANDONED | CT_CONTEXT_LOST_ONCE | CT_CONTEXT_LOST | CT_CONTEXT_DEFERRED |      \
	 CT_CONTEXT_UNRETAINED | CT_CONTEXT_UNDECIDED | CT_CONTEXT_REQUEST)

/* A parent of foreign or unread type: no event will ever end it, so it goes with its last child. */
static bool is_placeholder(const struct ct_context *context)
{
	return context->state & CT_CONTEXT_ADOPTED && !(context->state & EVIDENCE) &&
	       (context->kind == CT_KIND_FOREIGN || context->kind == CT_KIND_UNKNOWN);
}

static void drop_placeholder(struct ct_tree *tree, const struct ct_context *context)
{
	ct_map_remove(&tree->by_address, context->address);
	ct_tree_site_at(tree, CT_SITE_UNKNOWN)->live--;
	tree->totals.live--;
	tree->measures.live[context->kind]--;
	tree->totals.adopted_ended++;
}

/* Forget a context without children, then its ended ancestors that were kept for it alone. */
static void release_chain(struct ct_tree *tree, uint32_t index)
{
	while (index != CT_INDEX_NONE) {
		struct ct_context *context = ct_tree_at(tree, index);
		uint32_t parent = context->parent;

		if (context->children)
			return;
		if (!(context->state & CT_CONTEXT_ENDED)) {
			if (!is_placeholder(context))
				return;
			drop_placeholder(tree, context);
		}
		context->id = 0; // marks a free slot
		ct_slab_give(&tree->contexts, index);
		if (parent != CT_INDEX_NONE)
			ct_tree_at(tree, parent)->children--;
		index = parent;
	}
}

/* Hops up in search of the deadline a context is under. */
#define DEADLINE_HOPS_MAX 64

/* The earliest deadline above it: the first one met, since a later one below an earlier makes no timer. */
static const struct ct_context *deadline_of(const struct ct_tree *tree, const struct ct_context *context)
{
	for (int hop = 0; hop < DEADLINE_HOPS_MAX && context; hop++) {
		if (context->deadline_ns)
			return context;
		if (context->state & CT_CONTEXT_DETACHED || context->parent == CT_INDEX_NONE)
			return NULL;
		context = ct_tree_at(tree, context->parent);
	}
	return NULL;
}

static void count_deadline_used(struct ct_tree *tree, struct ct_site *site, const struct ct_context *context,
				uint64_t time_ns)
{
	const struct ct_context *holder = deadline_of(tree, context);
	struct ct_sample used = { .time_ns = time_ns, .site = context->site };
	uint64_t whole_ns, used_ns;

	if (!holder || holder->state & CT_CONTEXT_ADOPTED || holder->deadline_ns <= holder->created_ns)
		return;
	whole_ns = holder->deadline_ns - holder->created_ns;
	used_ns = time_ns > holder->created_ns ? time_ns - holder->created_ns : 0;
	if (used_ns > whole_ns)
		used_ns = whole_ns; // the timer fires a little late
	used.value = (uint64_t)((double)used_ns / (double)whole_ns * (double)CT_NSEC_PER_SEC);
	ct_histogram_add(&site->deadline_used, used.value);
	ct_measure_add(&tree->measures.deadline_used, &ct_share_bounds, &used);
}

static void count_lifetime(struct ct_tree *tree, struct ct_site *site, const struct ct_context *context,
			   const struct ct_ending *ending)
{
	struct ct_sample lifetime = {
		.time_ns = ending->time_ns,
		.value = ending->time_ns - context->created_ns,
		.site = context->site,
	};

	ct_site_count_lifetime(site, lifetime.value);
	ct_measure_add(&tree->measures.lifetime[ending->reason], &ct_duration_bounds, &lifetime);
}

static void count_end(struct ct_tree *tree, const struct ct_context *context, const struct ct_ending *ending)
{
	struct ct_site *site = ct_tree_site_at(tree, context->site);
	bool is_known_end = ending->reason != CT_REASON_FREED && !ending->is_inferred;

	tree->totals.live--;
	tree->measures.live[context->kind]--;
	site->live--;
	if (context->state & CT_CONTEXT_ADOPTED) {
		tree->totals.adopted_ended++;
		return;
	}
	tree->totals.ended[ending->reason]++;
	site->ended[ending->reason]++;
	ct_measure_ended(tree, context, ending);
	if (is_known_end && ending->time_ns >= context->created_ns)
		count_lifetime(tree, site, context, ending);
	if (is_known_end)
		count_deadline_used(tree, site, context, ending->time_ns);
}

/* Who cancelled it, and where that began. */
static void explain_end(struct ct_tree *tree, const struct ct_context *context, const struct ct_ending *ending,
			uint8_t loss)
{
	struct ct_origin origin = { .site = CT_INDEX_NONE };
	struct ct_ended ended = {
		.address = context->address,
		.id = (uint32_t)context->id,
		.time_ns = ending->time_ns,
		.site = context->site,
		.group = CT_INDEX_NONE,
		.reason = ending->reason,
		.loss = loss,
		.is_inferred = ending->is_inferred,
		.request = ct_request_any_of(tree, context),
	};

	if (ended.request != CT_INDEX_NONE)
		ended.request_id = (uint32_t)((const struct ct_request *)ct_slab_at(&tree->requests, ended.request))->id;
	if (ending->reason == CT_REASON_PARENT) {
		origin = ct_origin_find(tree, context);
		if (context->children)
			ct_origin_keep(tree, &origin);
	}
	if (ending->reason != CT_REASON_FREED)
		ended.group = ct_cancels_count(tree, &(struct ct_cancel_group){ .site = context->site,
										.by = ending->by,
										.origin_site = origin.site,
										.reason = ending->reason,
										.origin_reason = origin.reason });
	ct_ended_keep(tree, &ended);
}

const struct ct_context *ct_context_end(struct ct_tree *tree, uint32_t index, const struct ct_ending *ending)
{
	struct ct_context *context = ct_tree_at(tree, index);

	ct_tree_show(tree, context);
	ct_map_remove(&tree->by_address, context->address);
	context->state |= CT_CONTEXT_ENDED;
	context->reason = ending->reason;
	count_end(tree, context, ending);
	explain_end(tree, context, ending, ct_loss_count(tree, context, ending));
	ct_request_context_ends(tree, context, ending);
	if (context->children)
		return context;
	tree->forgotten = *context;
	release_chain(tree, index);
	if (tree->forgotten.parent != CT_INDEX_NONE &&
	    !ct_tree_at(tree, tree->forgotten.parent)->id) // went with it
		tree->forgotten.parent = CT_INDEX_NONE;
	return &tree->forgotten;
}

uint8_t ct_context_infer_reason(const struct ct_tree *tree, uint32_t index, uint64_t time_ns)
{
	const struct ct_context *context = ct_tree_at(tree, index);
	uint32_t parent = context->state & CT_CONTEXT_DETACHED ? CT_INDEX_NONE : context->parent;

	if (parent != CT_INDEX_NONE && ct_tree_at(tree, parent)->state & CT_CONTEXT_ENDED)
		return CT_REASON_PARENT;
	if (context->deadline_ns && context->deadline_ns <= time_ns)
		return CT_REASON_DEADLINE;
	return CT_REASON_EXPLICIT;
}

void ct_context_forget_all(struct ct_tree *tree)
{
	struct ct_ending freed = { .reason = CT_REASON_FREED };

	for (uint32_t i = 0; i < tree->contexts.end; i++) {
		const struct ct_context *context = ct_tree_at(tree, i);

		if (context->id && !(context->state & CT_CONTEXT_ENDED))
			count_end(tree, context, &freed);
	}
	ct_map_done(&tree->by_address);
	ct_slab_done(&tree->contexts);
	for (uint32_t i = 0; i < CT_ENDED_SLOTS; i++)
		tree->ended[i].address = 0;
}
