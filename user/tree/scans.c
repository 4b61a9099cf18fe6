// SPDX-License-Identifier: Apache-2.0
/*
 * Memory's word on contexts: SCAN_BEGIN, OBSERVED, SCAN_END.
 *
 * Only what differs from the stream is told, so what a complete scan does not mention is held. "Lost" takes two scans, or
 * one for which the target stood still: nothing was in the middle of anything then, and no collection is waited for.
 * "Undecided" holds for the scan that said it; the list of the contexts told so is walked by the next one.
 */
#include "tree/private.h"

#include <errno.h>

static int reserve_told(struct ct_tree *tree)
{
	struct ct_scans *scans = &tree->scans;
	size_t capacity = scans->told_capacity ? scans->told_capacity * 2 : 64;
	struct ct_told *grown;

	if (scans->told_count < scans->told_capacity)
		return 0;
	grown = ct_resize(tree->allocator, scans->told, capacity * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	scans->told = grown;
	scans->told_capacity = capacity;
	return 0;
}

/* Remember to take the bit back. Its two bits stay until then, so no context is listed twice. */
static void tell(struct ct_tree *tree, uint32_t index, uint16_t bit)
{
	struct ct_context *context = ct_tree_at(tree, index);
	struct ct_scans *scans = &tree->scans;

	if (!(context->state & (CT_CONTEXT_FRESH | CT_CONTEXT_UNDECIDED)))
		scans->told[scans->told_count++] = (struct ct_told){ .id = context->id, .index = index };
	context->state |= bit;
}

static void untell(struct ct_tree *tree)
{
	struct ct_scans *scans = &tree->scans;

	for (size_t i = 0; i < scans->told_count; i++) {
		struct ct_context *context = ct_tree_at(tree, scans->told[i].index);

		if (context->id == scans->told[i].id)
			context->state &= (uint16_t)~(CT_CONTEXT_FRESH | CT_CONTEXT_UNDECIDED);
	}
	scans->told_count = 0;
}

int ct_apply_scan_begin(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	(void)ret_context;
	tree->scans.scan = event->scan->scan;
	tree->scans.began_ns = event->scan->began_ns;
	tree->scans.is_stopped = event->header->flags & CT_SCAN_STOPPED;
	tree->explained.is_old = true;
	if (event->header->flags & CT_SCAN_COMPLETE)
		untell(tree); // one that could not read everything tells nothing new
	return 0;
}

/* Is this reading far enough from the one before to be a second opinion? */
static bool is_apart(const struct ct_tree *tree)
{
	return tree->scans.began_ns >= tree->window.last_scan_ns + CT_PROOF_DISTANCE_NS;
}

static void observe_lost(struct ct_tree *tree, uint32_t index)
{
	struct ct_context *context = ct_tree_at(tree, index);

	context->state &= (uint16_t)~CT_CONTEXT_UNRETAINED;
	if (context->state & CT_CONTEXT_LOST)
		return;
	if (tree->scans.is_stopped ||
	    (context->state & CT_CONTEXT_LOST_ONCE && !(context->state & CT_CONTEXT_FRESH) && is_apart(tree))) {
		context->state &= (uint16_t)~CT_CONTEXT_LOST_ONCE;
		context->state |= CT_CONTEXT_LOST;
		return;
	}
	context->state |= CT_CONTEXT_LOST_ONCE;
	tell(tree, index, CT_CONTEXT_FRESH);
}

/* In other hands, its maker is not the one to wait for, and memory alone says whether the other one still runs. */
static void observe_deferred(struct ct_context *context, uint64_t task)
{
	if (context->task != task)
		context->state &= (uint16_t)~CT_CONTEXT_TASK_KNOWN;
	context->task = task;
	context->state |= CT_CONTEXT_DEFERRED;
}

/* What every live answer carries: what keeps it, and who will cancel it. */
static void observe_live(struct ct_tree *tree, uint32_t index, const struct ct_event_observed *seen)
{
	struct ct_context *context = ct_tree_at(tree, index);
	bool is_in_flux = seen->header.flags & CT_OBSERVED_IN_FLUX;

	if (!is_in_flux)
		context->retained_by = seen->retained_by & 7;
	context->state &= (uint16_t)~CT_CONTEXT_DEFERRED;
	if (seen->header.flags & CT_OBSERVED_DEFERRED)
		observe_deferred(context, seen->task);
	if (seen->state == CT_OBSERVED_LOST) {
		observe_lost(tree, index);
		return;
	}
	// A cancel function that is there again, or a pointer on a stack, refutes whatever was said before.
	if (!is_in_flux)
		context->state &= (uint16_t)~(CT_CONTEXT_LOST_ONCE | CT_CONTEXT_LOST | CT_CONTEXT_UNRETAINED);
	if (seen->state == CT_OBSERVED_UNRETAINED)
		context->state |= CT_CONTEXT_UNRETAINED;
	if (seen->state == CT_OBSERVED_UNDECIDED)
		tell(tree, index, CT_CONTEXT_UNDECIDED);
}

/* Its end was missed by the probes. */
static const struct ct_context *observe_end(struct ct_tree *tree, uint32_t index, const struct ct_event_observed *seen)
{
	struct ct_ending ending = { .time_ns = seen->header.time_ns, .reason = CT_REASON_FREED, .is_inferred = true };

	if (seen->state == CT_OBSERVED_CANCELLED)
		ending.reason = ct_context_infer_reason(tree, index, tree->scans.began_ns);
	return ct_context_end(tree, index, &ending);
}

/* A census tells all that lives. Beside probes, what looks like garbage or may be in the middle of its making is left. */
static bool is_adoptable(const struct ct_tree *tree, uint8_t state)
{
	if (state == CT_OBSERVED_UNRETAINED || state == CT_OBSERVED_UNDECIDED)
		return ct_window_is_census(&tree->window);
	return state == CT_OBSERVED_LOST || state == CT_OBSERVED_HELD;
}

/* Its end is told when it begins, and a goroutine may be taken off its processor before memory shows it. */
static bool has_just_ended(const struct ct_tree *tree, uint64_t address, uint64_t began_ns)
{
	uint64_t ended_ns = ct_ended_time(tree, address);

	return ended_ns && ended_ns + CT_PROOF_DISTANCE_NS >= began_ns;
}

/* A context older than the attach. The index is CT_INDEX_NONE when memory says nothing about a live one. */
static int adopt(struct ct_tree *tree, const struct ct_event_observed *seen, uint32_t *ret_index)
{
	uint64_t began_ns = tree->scans.began_ns;
	uint32_t needed = 1 + ct_context_is_new_parent(tree, seen->parent, seen->parent_kind), parent;

	*ret_index = CT_INDEX_NONE;
	if (!is_adoptable(tree, seen->state))
		return 0;
	if (tree->contexts.used + needed > tree->caps.max_contexts) {
		tree->totals.refused_contexts++;
		return -ENOSPC;
	}
	parent = ct_context_parent(tree, seen->parent, seen->parent_kind, began_ns);
	*ret_index = ct_context_adopt(tree, seen->context, began_ns, seen->kind);
	tree->scans.has_links = true;
	ct_context_link(tree, *ret_index, parent, seen->parent_kind);
	return 0;
}

/* The parent memory names, adopted if need be; without room for it the context becomes a root. */
static uint32_t parent_of(struct ct_tree *tree, const struct ct_event_observed *seen)
{
	if (ct_context_is_new_parent(tree, seen->parent, seen->parent_kind) &&
	    tree->contexts.used >= tree->caps.max_contexts) {
		tree->totals.refused_contexts++;
		return CT_INDEX_NONE;
	}
	return ct_context_parent(tree, seen->parent, seen->parent_kind, tree->scans.began_ns);
}

/* Links that no probe followed. */
static void take_hops(struct ct_tree *tree, struct ct_context *context, uint32_t hops)
{
	if (hops <= context->hops)
		return;
	context->hops = hops < UINT16_MAX ? hops : UINT16_MAX;
	tree->scans.has_links = true;
}

/*
 * Memory knows more about an adopted context than the word by which it was first seen, and about one whose parent lay
 * behind more links than a probe follows.
 */
static void complete(struct ct_tree *tree, uint32_t index, const struct ct_event_observed *seen, uint32_t hops)
{
	struct ct_context *context = ct_tree_at(tree, index);
	bool is_unread = context->parent == CT_INDEX_NONE && !context->parent_kind;
	uint32_t parent;

	take_hops(tree, context, hops);
	if (!(context->state & CT_CONTEXT_ADOPTED) && !(is_unread && context->hops > CT_LINKS_SEEN))
		return;
	if (!ct_is_cancellable(context->kind) && seen->kind)
		ct_context_becomes(tree, context, seen->kind);
	if (!context->deadline_ns)
		context->deadline_ns = seen->deadline_ns;
	if (context->parent != CT_INDEX_NONE)
		return;
	parent = parent_of(tree, seen);
	ct_context_link(tree, index, ct_context_is_below(tree, parent, index) ? CT_INDEX_NONE : parent,
			seen->parent_kind);
}

/* Was it there when memory was read? One that this scan made known, as the parent of another, was. */
static bool is_older_than_scan(const struct ct_tree *tree, const struct ct_context *context)
{
	uint64_t began_ns = tree->scans.began_ns;

	return context->created_ns < began_ns ||
	       (context->created_ns == began_ns && context->state & CT_CONTEXT_ADOPTED);
}

/*
 * No CREATE tells the next context at the address of an adopted one. It shows by its kind, its deadline or its parent, none of
 * which changes in the life of a context.
 */
bool ct_tree_is_another(const struct ct_tree *tree, const struct ct_context *context, const struct ct_event_observed *seen)
{
	if (!(context->state & CT_CONTEXT_ADOPTED))
		return false;
	if (seen->deadline_ns && context->deadline_ns && seen->deadline_ns != context->deadline_ns)
		return true;
	if (ct_is_cancellable(context->kind) && ct_is_cancellable(seen->kind) && seen->kind != context->kind)
		return true;
	return seen->parent && context->parent != CT_INDEX_NONE && ct_tree_at(tree, context->parent)->address != seen->parent;
}

/* The one that was there has gone without a word; what was said of it says nothing about this one. */
static int replace(struct ct_tree *tree, const struct ct_event_observed *seen, uint32_t *index)
{
	struct ct_ending freed = { .time_ns = tree->scans.began_ns, .reason = CT_REASON_FREED, .is_inferred = true };

	ct_context_end(tree, *index, &freed);
	return adopt(tree, seen, index);
}

int ct_apply_observed(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	const struct ct_event_observed *seen = event->observed;
	uint32_t index;
	int rc = 0;

	if (seen->scan != tree->scans.scan || seen->parent == seen->context)
		return -EPROTO;
	if (ct_tree_reserve(tree) || reserve_told(tree))
		return -ENOMEM;
	index = ct_context_find(tree, seen->context);
	if (index == CT_INDEX_NONE) {
		// The stream knows better when it ended while memory was being read, or not long before.
		if (!has_just_ended(tree, seen->context, tree->scans.began_ns))
			rc = adopt(tree, seen, &index);
	} else if (!is_older_than_scan(tree, ct_tree_at(tree, index))) {
		return 0; // memory showed an earlier one at this address
	} else if (ct_tree_is_another(tree, ct_tree_at(tree, index), seen)) {
		rc = replace(tree, seen, &index);
	}
	if (rc || index == CT_INDEX_NONE)
		return rc;
	if (seen->state == CT_OBSERVED_CANCELLED || seen->state == CT_OBSERVED_FREED) {
		*ret_context = observe_end(tree, index, seen);
		return 0;
	}
	complete(tree, index, seen, ct_observed_hops(event));
	observe_live(tree, index, seen);
	*ret_context = ct_tree_show(tree, ct_tree_at(tree, index));
	return 0;
}

/*
 * A scan that read `collections` as begun has seen all but the last of them end. A context made before an earlier scan
 * with two collections less has been through a whole one: the first of the two began after that scan.
 */
static void learn_collections(struct ct_tree *tree, const struct ct_event_scan *scan)
{
	struct ct_scans *scans = &tree->scans;
	bool is_newer;

	if (scans->history_count && scan->collections < scans->history[0].collections)
		scans->history_count = 0; // not the count of the same heap
	is_newer = !scans->history_count || scan->collections > scans->history[0].collections;
	for (size_t i = 0; i < scans->history_count; i++)
		if ((uint64_t)scans->history[i].collections + 2 <= scan->collections &&
		    scans->history[i].began_ns > tree->window.collected_before_ns)
			tree->window.collected_before_ns = scans->history[i].began_ns;
	if (is_newer && scan->collections >= 2)
		tree->window.last_collection_ns = scan->began_ns;
	if (is_newer) {
		scans->history[1] = scans->history[0];
		scans->history_count += scans->history_count < 2;
	}
	scans->history[0].began_ns = scan->began_ns;
	scans->history[0].collections = scan->collections;
}

/* What could be reached was followed, so it is as if a collection had just ended. */
static void learn_stopped(struct ct_tree *tree, uint64_t began_ns)
{
	tree->window.stopped_ns = began_ns;
	if (began_ns > tree->window.collected_before_ns)
		tree->window.collected_before_ns = began_ns;
}

int ct_apply_scan_end(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context)
{
	const struct ct_event_scan *scan = event->scan;

	(void)ret_context;
	if (scan->scan != tree->scans.scan)
		return -EPROTO;
	if (scan->header.flags & CT_SCAN_COMPLETE && ct_chain_note_reading(tree, scan->began_ns))
		return -ENOMEM;
	tree->scans.has_links = false;
	if (scan->header.flags & CT_SCAN_COMPLETE && ct_window_is_census(&tree->window)) {
		tree->scans.has_told = true;
		if (ct_census_groups_update(tree, scan))
			return -ENOMEM;
	}
	tree->scans.scan = 0;
	tree->totals.paused_ns += scan->paused_ns;
	if (!(scan->header.flags & CT_SCAN_COMPLETE)) {
		tree->totals.failed_scans++;
		return 0;
	}
	tree->totals.scans++;
	tree->window.has_torn_scan |= scan->header.flags & CT_SCAN_TORN;
	tree->window.last_scan_ns = scan->began_ns;
	learn_collections(tree, scan);
	if (scan->header.flags & CT_SCAN_STOPPED)
		learn_stopped(tree, scan->began_ns);
	return 0;
}
