// SPDX-License-Identifier: Apache-2.0
/* CREATE. */
#include "tree/private.h"

#include <errno.h>

/* Value, detached and root contexts are links the kernel walks over; foreign ones are known as parents only. */
static bool is_kept_kind(uint8_t kind)
{
	return ct_is_cancellable(kind) || kind == CT_KIND_UNKNOWN;
}

static void describe(struct ct_tree *tree, uint32_t index, const struct ct_event_create *create)
{
	struct ct_context *context = ct_tree_at(tree, index);

	ct_context_becomes(tree, context, create->kind);
	context->hops = create->hops;
	context->deadline_ns = create->deadline_ns;
	context->task = create->task;
	context->site = ct_site_of_path(tree, create->path);
	if (create->header.flags & CT_CREATE_DETACHED)
		context->state |= CT_CONTEXT_DETACHED;
	if (ct_task_seen_at_work(tree, create->task, create->header.time_ns))
		context->state |= CT_CONTEXT_TASK_KNOWN;
	tree->totals.created++;
	ct_measure_created(tree, context);
	ct_site_count_created(ct_tree_site_at(tree, context->site), context);
	ct_chain_note_create(tree, index);
}

/*
 * The create of a context that was adopted meanwhile: it says what was missing. It may hang below its own child only
 * when somebody lies; then its link is left out.
 */
static void fill_in(struct ct_tree *tree, uint32_t index, const struct ct_event_create *create)
{
	struct ct_context *context = ct_tree_at(tree, index);
	uint32_t parent = create->parent_kind == CT_KIND_BACKGROUND || create->parent_kind == CT_KIND_TODO ?
				  CT_INDEX_NONE :
				  ct_context_find(tree, create->parent);

	tree->totals.late++;
	tree->totals.adopted--;
	ct_tree_site_at(tree, CT_SITE_UNKNOWN)->live--;
	context->state &= (uint16_t)~CT_CONTEXT_ADOPTED;
	context->created_ns = create->header.time_ns;
	if (context->parent == CT_INDEX_NONE)
		ct_context_link(tree, index, ct_context_is_below(tree, parent, index) ? CT_INDEX_NONE : parent,
				create->parent_kind);
	describe(tree, index, create);
}

/* What a create says about the context that had the address so far. @return true when the event is used up. */
static bool settle_old(struct ct_tree *tree, const struct ct_event_create *create, uint32_t old)
{
	const struct ct_context *context = ct_tree_at(tree, old);
	struct ct_ending freed = { .time_ns = create->header.time_ns, .reason = CT_REASON_FREED };

	if (create->header.time_ns >= context->created_ns) {
		ct_context_end(tree, old, &freed);
		return false;
	}
	if (context->state & CT_CONTEXT_ADOPTED)
		fill_in(tree, old, create);
	else
		tree->totals.late++; // of a context that is gone already
	return true;
}

int ct_apply_create(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	const struct ct_event_create *create = event->create;
	uint32_t old, index, parent, needed = 1;

	if (create->parent == create->context)
		return -EPROTO;
	if (!is_kept_kind(create->kind))
		return 0;
	if (ct_tree_reserve(tree))
		return -ENOMEM;
	old = ct_context_find(tree, create->context);
	if (old != CT_INDEX_NONE && settle_old(tree, create, old)) {
		*ret_context = ct_tree_show(tree, ct_tree_at(tree, old));
		return 0;
	}
	needed += ct_context_is_new_parent(tree, create->parent, create->parent_kind);
	if (tree->contexts.used + needed > tree->caps.max_contexts) {
		tree->totals.refused_contexts++;
		return -ENOSPC;
	}
	parent = ct_context_parent(tree, create->parent, create->parent_kind, create->header.time_ns);
	index = ct_context_make(tree, create->context, create->header.time_ns);
	ct_context_link(tree, index, parent, create->parent_kind);
	describe(tree, index, create);
	ct_request_note_create(tree, index, create);
	*ret_context = ct_tree_show(tree, ct_tree_at(tree, index));
	return 0;
}
