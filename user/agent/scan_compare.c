// SPDX-License-Identifier: Apache-2.0
/* What memory says that the stream has not said: one reading's contexts against the tree's. */
#include "agent/scan_private.h"

#define BREATH_CONTEXTS 1024

/* At no time yet. */
static struct ct_event_observed event_of(const struct ct_reading *reading, const struct ct_census_context *seen)
{
	return (struct ct_event_observed){
		.header = { .type = CT_EVENT_OBSERVED,
			    .flags = (uint8_t)((seen->task ? CT_OBSERVED_DEFERRED : 0) |
					       (seen->is_in_flux ? CT_OBSERVED_IN_FLUX : 0)) },
		.context = seen->address,
		.parent = seen->parent,
		.deadline_ns = seen->deadline_ns,
		.task = seen->task,
		.scan = reading->scanner->scans,
		.kind = seen->kind,
		.state = seen->state,
		.retained_by = seen->retained_by,
		.parent_kind = seen->parent_kind,
		.hops = seen->hops,
	};
}

static void push_observed(struct ct_reading *reading, const struct ct_census_context *seen)
{
	struct ct_event_observed event = event_of(reading, seen);

	event.header.time_ns = ct_reading_event_time(reading);
	ct_reading_push(reading, &event, sizeof(event));
}

/* Is it lost for the first time, and old enough to be spoken of once a second reading agrees? */
static bool is_suspicion(const struct ct_reading *reading, const struct ct_context *context,
			 const struct ct_census_context *seen)
{
	uint64_t age_ns = reading->result.began_ns - context->created_ns;

	return seen->state == CT_OBSERVED_LOST && !(context->state & CT_CONTEXT_LOST_ONCE) &&
	       age_ns >= reading->pipeline->min_age_ns;
}

/* The probes follow some links to the parent; memory follows them all. */
static bool is_cut_short(const struct ct_context *context, const struct ct_census_context *seen)
{
	return seen->hops > CT_LINKS_SEEN && context->hops < seen->hops;
}

/* Adopted as the parent of another, it is known by its address and kind alone. */
static bool is_bare(const struct ct_context *context, const struct ct_census_context *seen)
{
	if (is_cut_short(context, seen))
		return true;
	if (!(context->state & CT_CONTEXT_ADOPTED))
		return false;
	return (seen->deadline_ns && !context->deadline_ns) ||
	       (context->parent == CT_INDEX_NONE && context->parent_kind != seen->parent_kind);
}

/* Does memory say anything the stream has not said yet? */
static bool differs(const struct ct_reading *reading, const struct ct_context *context,
		    const struct ct_census_context *seen)
{
	struct ct_event_observed event = event_of(reading, seen);
	bool is_deferred = context->state & CT_CONTEXT_DEFERRED;
	bool is_unretained = context->state & CT_CONTEXT_UNRETAINED;

	if (is_bare(context, seen) || ct_tree_is_another(reading->pipeline->tree, context, &event))
		return true;
	if (seen->state == CT_OBSERVED_LOST)
		return !(context->state & CT_CONTEXT_LOST);
	if (seen->state == CT_OBSERVED_UNDECIDED)
		return true;
	if (context->state & (CT_CONTEXT_LOST_ONCE | CT_CONTEXT_LOST))
		return true;
	return is_deferred != (seen->task != 0) || is_unretained != (seen->state == CT_OBSERVED_UNRETAINED);
}

static void compare_one(struct ct_reading *reading, const struct ct_context *context)
{
	const struct ct_census_context *seen = ct_census_find(&reading->result, context->address);
	struct ct_census_context gone = { .address = context->address, .kind = context->kind };

	if (seen) {
		if (!differs(reading, context, seen))
			return;
		reading->scanner->is_suspicious |= is_suspicion(reading, context, seen);
		push_observed(reading, seen);
		return;
	}
	gone.state = (uint8_t)ct_census_state_of(reading->scanner->census, &reading->result, context->address);
	if (gone.state == CT_OBSERVED_CANCELLED || gone.state == CT_OBSERVED_FREED ||
	    context->state & CT_CONTEXT_LOST_ONCE)
		push_observed(reading, &gone);
}

/* The tree's live contexts against memory. What ends meanwhile is skipped, what is made meanwhile is too young. */
static void compare_tree(struct ct_reading *reading)
{
	const struct ct_tree *tree = reading->pipeline->tree;
	uint32_t end = ct_tree_end(tree);

	for (uint32_t i = 0; i < end && !reading->error; i++) {
		const struct ct_context *context;

		if (i % BREATH_CONTEXTS == 0)
			ct_reading_breathe(reading);
		context = ct_tree_context(tree, i);
		if (!context || context->state & CT_CONTEXT_ENDED || context->created_ns >= reading->result.began_ns)
			continue;
		if (context->kind == CT_KIND_FOREIGN || context->kind == CT_KIND_UNKNOWN)
			continue; // adopted parents whose shape nobody knows: memory cannot be asked about them
		compare_one(reading, context);
	}
}

/* Older ones that are held leave half of the tree to those made in the window. */
static bool has_room(const struct ct_reading *reading)
{
	uint32_t most = reading->pipeline->options->max_contexts;

	return reading->scanner->has_no_stream || ct_tree_totals(reading->pipeline->tree)->live < most / 2;
}

/*
 * Unknown to the stream: not in the tree, or there only because this reading named it as the parent of another. One that
 * ended since it was read is unknown to the tree too.
 */
static bool is_stranger(struct ct_reading *reading, uint64_t address)
{
	const struct ct_context *context = ct_tree_find(reading->pipeline->tree, address);

	if (context)
		return context->state & CT_CONTEXT_ADOPTED && context->created_ns == reading->result.began_ns;
	return !ct_ended_list_has(&reading->ended, address);
}

static bool is_proven(const struct ct_reading *reading, uint64_t address)
{
	const struct ct_context *context = ct_tree_find(reading->pipeline->tree, address);

	return context && context->state & CT_CONTEXT_LOST;
}

/* Beside probes, what looks like garbage or is undecided may be in the middle of its making: the stream tells it. */
static bool is_told(const struct ct_reading *reading, const struct ct_census_context *seen)
{
	bool is_sure = seen->state == CT_OBSERVED_HELD;
	bool is_open = seen->state == CT_OBSERVED_UNRETAINED || seen->state == CT_OBSERVED_UNDECIDED;

	if (!is_sure && !(is_open && reading->scanner->has_no_stream))
		return false;
	return reading->tells_all && has_room(reading);
}

/* A census: one more behind a pile of deferred cancel functions. Growth takes three readings to be told. */
static bool is_pile_growing(const struct ct_reading *reading, const struct ct_census_context *seen)
{
	return reading->scanner->has_no_stream && reading->scanner->has_told && seen->task;
}

/*
 * Contexts the tree does not know. The lost ones are always told, the held ones when the tree is stale.
 */
static void compare_strangers(struct ct_reading *reading)
{
	const struct ct_census_result *result = &reading->result;

	for (size_t i = 0; i < result->count && !reading->error; i++) {
		const struct ct_census_context *seen = &result->contexts[i];
		bool is_lost = seen->state == CT_OBSERVED_LOST;

		if (i % BREATH_CONTEXTS == 0)
			ct_reading_breathe(reading);
		reading->scanner->is_unsettled |= seen->looks_lost && !is_proven(reading, seen->address);
		if (!is_lost && !is_told(reading, seen))
			continue;
		if (!is_stranger(reading, seen->address))
			continue;
		reading->scanner->is_suspicious |= is_lost || is_pile_growing(reading, seen);
		push_observed(reading, seen);
	}
}

void ct_reading_compare(struct ct_reading *reading)
{
	compare_strangers(reading);
	compare_tree(reading);
}
