// SPDX-License-Identifier: Apache-2.0
/*
 * Chains: contexts and links from one to its root, itself included.
 *
 * A context derived from the one of the round before makes them longer for ever. At a creation the chain is walked, at
 * most WALK_MAX contexts up; the ends of deep chains are remembered, so one that grows is walked once. A reading of the
 * memory knows links that the probes do not follow, so what it tells is measured at its end, over all that live.
 */
#include "tree/private.h"

#include <errno.h>

#define WALK_MAX 512

static uint32_t length_of(const struct ct_context *context)
{
	return 1u + context->hops;
}

static uint32_t add(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static void note(struct ct_tree *tree, uint32_t site, uint32_t length, uint64_t time_ns)
{
	struct ct_chain *chain = &ct_tree_site_at(tree, site)->chain;

	if (length <= CT_CHAIN_DEEP)
		return;
	tree->has_deep = true;
	chain->looks++;
	if (length <= chain->longest)
		return;
	if (!chain->longest) {
		chain->first = length;
		chain->first_ns = time_ns;
	}
	chain->longest = length;
	chain->last_ns = time_ns;
	chain->rises++;
}

/* A lower bound where the walk is cut short. */
static uint32_t walk(const struct ct_tree *tree, uint32_t index)
{
	uint32_t length = 0;

	for (unsigned int steps = 0; index != CT_INDEX_NONE && steps < WALK_MAX; steps++) {
		const struct ct_context *context = ct_tree_at(tree, index);
		const struct ct_chain_memo *memo = &tree->chains[index % CT_CHAIN_MEMOS];

		if (memo->id == context->id)
			return add(length, memo->length);
		length = add(length, length_of(context));
		index = context->parent;
	}
	return length;
}

void ct_chain_note_create(struct ct_tree *tree, uint32_t index)
{
	const struct ct_context *context = ct_tree_at(tree, index);
	uint32_t length = walk(tree, index);

	if (length <= CT_CHAIN_DEEP)
		return;
	tree->chains[index % CT_CHAIN_MEMOS] = (struct ct_chain_memo){ .id = context->id, .length = length };
	note(tree, context->site, length, context->created_ns);
}

/* Up to one whose length is known, and the same way once more: each context is passed twice at most. */
static uint32_t measure(const struct ct_tree *tree, uint32_t index, uint32_t *lengths)
{
	uint32_t at = index, length = 0, steps = 0;

	for (; at != CT_INDEX_NONE && !lengths[at] && steps < tree->contexts.end; steps++) {
		length = add(length, length_of(ct_tree_at(tree, at)));
		at = ct_tree_at(tree, at)->parent;
	}
	if (at != CT_INDEX_NONE)
		length = add(length, lengths[at]);
	for (at = index; steps; steps--) {
		lengths[at] = length;
		length -= length_of(ct_tree_at(tree, at));
		at = ct_tree_at(tree, at)->parent;
	}
	return lengths[index];
}

static void measure_all(struct ct_tree *tree, uint32_t *lengths, uint32_t *longest, uint64_t time_ns)
{
	for (uint32_t i = 0; i < tree->contexts.end; i++) {
		const struct ct_context *context = ct_tree_at(tree, i);
		uint32_t length;

		if (!context->id || context->state & CT_CONTEXT_ENDED)
			continue;
		length = measure(tree, i, lengths);
		if (length > longest[context->site])
			longest[context->site] = length;
	}
	for (uint32_t site = 0; site < tree->sites.end; site++)
		note(tree, site, longest[site], time_ns);
}

int ct_chain_note_reading(struct ct_tree *tree, uint64_t time_ns)
{
	uint32_t *lengths, *longest;
	int rc = -ENOMEM;

	if (!tree->scans.has_links)
		return 0;
	lengths = ct_allocate(tree->allocator, ((size_t)tree->contexts.end + 1) * sizeof(*lengths));
	longest = ct_allocate(tree->allocator, ((size_t)tree->sites.end + 1) * sizeof(*longest));
	if (lengths && longest) {
		measure_all(tree, lengths, longest, time_ns);
		rc = 0;
	}
	ct_release(tree->allocator, lengths);
	ct_release(tree->allocator, longest);
	return rc;
}

bool ct_tree_is_deep(const struct ct_tree *tree, const struct ct_context *context)
{
	uint32_t length = 0;

	while (tree->has_deep && length <= CT_CHAIN_DEEP) {
		length += length_of(context);
		if (context->parent == CT_INDEX_NONE)
			break;
		context = ct_tree_at(tree, context->parent);
	}
	return length > CT_CHAIN_DEEP;
}
