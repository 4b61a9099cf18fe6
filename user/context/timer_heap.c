// SPDX-License-Identifier: Apache-2.0
// A pairing heap threaded through the contexts: arming a timer allocates nothing, so it cannot fail.
#include "private.h"

// Two roots become one: the later of the two becomes the first child of the earlier.
static struct cctx_heap_node *meld(struct cctx_heap_node *a, struct cctx_heap_node *b)
{
	struct cctx_heap_node *later;

	if (!a || !b)
		return a ? a : b;
	later = b;
	if (b->deadline_ns < a->deadline_ns) {
		later = a;
		a = b;
	}
	later->prev = a;
	later->next = a->child;
	if (later->next)
		later->next->prev = later;
	a->child = later;
	return a;
}

static struct cctx_heap_node *detach_root(struct cctx_heap_node *node)
{
	node->next = NULL;
	node->prev = NULL;
	return node;
}

// Siblings become one root: pairs from left to right, then the pairs from right to left.
static struct cctx_heap_node *meld_siblings(struct cctx_heap_node *first)
{
	struct cctx_heap_node *pairs = NULL, *root = NULL;

	while (first) {
		struct cctx_heap_node *a = first, *b = a->next;

		first = b ? b->next : NULL;
		a = meld(detach_root(a), b ? detach_root(b) : NULL);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct cctx_heap_node *pair = pairs;

		pairs = pair->next;
		root = meld(detach_root(pair), root);
	}
	return root;
}

struct cctx_heap_node *cctx_heap_insert(struct cctx_heap_node *root, struct cctx_heap_node *node)
{
	node->child = NULL;
	return meld(root, detach_root(node));
}

struct cctx_heap_node *cctx_heap_remove(struct cctx_heap_node *root, struct cctx_heap_node *node)
{
	struct cctx_heap_node *orphans = meld_siblings(node->child);

	node->child = NULL;
	if (node == root)
		return orphans;
	if (node->prev->child == node)
		node->prev->child = node->next;
	else
		node->prev->next = node->next;
	if (node->next)
		node->next->prev = node->prev;
	detach_root(node);
	return meld(root, orphans);
}
