// SPDX-License-Identifier: Apache-2.0
/*
 * What is true of every tree after every event: links, counts and sites agree with each other. For unit and property
 * tests; a sentence instead of an assertion, so that a caller can shrink what led here.
 */
#pragma once

#include "ctxtrace/measures.h"
#include "ctxtrace/tree.h"

#include <stdlib.h>

/** What a walk over all contexts and sites counted. */
struct tree_counts {
	uint64_t live;
	uint64_t live_of[CT_KIND_END];
	uint64_t kept; /**< Ended, kept for descendants. */
	uint64_t site_live;
	uint64_t site_created;
	uint64_t site_ended;
};

static inline const char *tree_check_links(const struct ct_tree *tree, uint32_t *children, struct tree_counts *counts)
{
	uint32_t end = ct_tree_end(tree);

	for (uint32_t i = 0; i < end; i++) {
		const struct ct_context *context = ct_tree_context(tree, i);
		bool has_ended = context && context->state & CT_CONTEXT_ENDED;

		if (!context)
			continue;
		counts->live += !has_ended;
		counts->live_of[context->kind] += !has_ended;
		counts->kept += has_ended;
		if (ct_tree_index(tree, context) != i)
			return "a context does not know its own index";
		if (has_ended ? ct_tree_find(tree, context->address) == context
			      : ct_tree_find(tree, context->address) != context)
			return "an address finds another context than the live one that has it";
		if (has_ended && (!context->children || !context->reason))
			return "an ended context is kept for nobody, or without a reason";
		if (context->site >= ct_tree_sites(tree))
			return "a context has a site that does not exist";
		if (context->parent == CT_INDEX_NONE)
			continue;
		if (!ct_tree_parent(tree, context))
			return "a context hangs below one that was forgotten";
		children[context->parent]++;
	}
	return NULL;
}

/* Every way up ends: depth is found by peeling leaves, without recursion and in one pass over the children counts. */
static inline const char *tree_check_cycles(const struct ct_tree *tree, uint32_t *children, uint64_t contexts)
{
	uint32_t end = ct_tree_end(tree);
	uint64_t peeled = 0;

	for (uint32_t i = 0; i < end; i++) {
		const struct ct_context *context = ct_tree_context(tree, i);

		if (context && context->children != children[i])
			return "a context counts other children than it has";
	}
	for (uint32_t i = 0; i < end; i++) {
		const struct ct_context *context = ct_tree_context(tree, i);

		if (!context || children[i] == UINT32_MAX || children[i])
			continue;
		for (uint32_t at = i; at != CT_INDEX_NONE && !children[at]; at = context->parent) {
			children[at] = UINT32_MAX; // peeled
			peeled++;
			context = ct_tree_context(tree, at);
			if (context->parent != CT_INDEX_NONE)
				children[context->parent]--;
		}
	}
	return peeled == contexts ? NULL : "a context is its own ancestor";
}

static inline void tree_count_sites(const struct ct_tree *tree, struct tree_counts *counts)
{
	for (uint32_t i = 0; i < ct_tree_sites(tree); i++) {
		const struct ct_site *site = ct_tree_site(tree, i);

		counts->site_live += site->live;
		counts->site_created += site->created;
		for (unsigned int reason = 0; reason < CT_REASON_END; reason++)
			counts->site_ended += site->ended[reason];
	}
}

/* A proven loss has ended, and not by its owner. */
static inline const char *tree_check_losses(const struct ct_tree *tree)
{
	for (uint32_t i = 0; i < ct_tree_sites(tree); i++) {
		const struct ct_site *site = ct_tree_site(tree, i);
		const uint64_t *ended = site->ended;
		uint64_t losses = 0;

		for (unsigned int loss = 0; loss < CT_LOSS_END; loss++) {
			const struct ct_losses *part = &site->losses[loss];

			losses += part->count;
			if (part->count ? !part->retained_by || !part->reasons
					: part->longest_ns || part->retained_by || part->reasons)
				return "losses without a reason or a retainer, or the other way round";
			if (part->reasons & 1u << CT_REASON_EXPLICIT)
				return "a loss that its owner cancelled";
		}
		if (losses > ended[CT_REASON_DEADLINE] + ended[CT_REASON_PARENT] + ended[CT_REASON_FREED])
			return "more losses than ended without their owner";
		if (losses && i == CT_SITE_UNKNOWN)
			return "losses at the unknown site";
	}
	return NULL;
}

/* What exporters are given is what the totals say, by kind and reason. */
static inline const char *tree_check_measures(const struct ct_tree *tree, const struct tree_counts *counts)
{
	const struct ct_measures *measures = ct_tree_measures(tree);
	const struct ct_totals *totals = ct_tree_totals(tree);
	uint64_t created = 0;

	for (unsigned int kind = 0; kind < CT_KIND_END; kind++) {
		created += measures->created[kind];
		if (measures->live[kind] != counts->live_of[kind])
			return "the live contexts of a kind are not as many as its measure says";
	}
	if (created != totals->created)
		return "the kinds do not add up to what was created";
	for (unsigned int reason = 0; reason < CT_REASON_END; reason++) {
		uint64_t lifetimes = 0;

		for (unsigned int i = 0; i < CT_MEASURE_BUCKETS; i++)
			lifetimes += measures->lifetime[reason].buckets[i].count;
		if (lifetimes > totals->ended[reason])
			return "more lifetimes than ends";
	}
	return NULL;
}

/** @return NULL, or what is wrong with this tree. */
static inline const char *tree_check(const struct ct_tree *tree)
{
	const struct ct_totals *totals = ct_tree_totals(tree);
	struct tree_counts counts = {0};
	uint32_t *children = calloc((size_t)ct_tree_end(tree) + 1, sizeof(*children));
	const char *wrong = children ? tree_check_links(tree, children, &counts) : "no memory to check";
	uint64_t ended = 0;

	if (!wrong)
		wrong = tree_check_cycles(tree, children, counts.live + counts.kept);
	free(children);
	if (wrong)
		return wrong;
	tree_count_sites(tree, &counts);
	for (unsigned int reason = 0; reason < CT_REASON_END; reason++)
		ended += totals->ended[reason];
	if (counts.live != totals->live)
		return "the live contexts are not as many as the total says";
	if (totals->created + totals->adopted != totals->live + ended + totals->adopted_ended)
		return "created and adopted are not live and ended";
	if (totals->live > totals->peak_live)
		return "more are live than ever were";
	if (counts.site_live != totals->live || counts.site_created != totals->created || counts.site_ended != ended)
		return "the sites do not add up to the totals";
	wrong = tree_check_measures(tree, &counts);
	return wrong ? wrong : tree_check_losses(tree);
}
