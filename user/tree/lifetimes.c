// SPDX-License-Identifier: Apache-2.0
/*
 * Ended contexts, kept for a trace where one is wanted: a ring of a size that was chosen beforehand, so that an ending
 * never fails and the latest are there. Nothing but a reporter asks for them.
 */
#include "tree/private.h"

#include <errno.h>

int ct_lifetimes_init(struct ct_tree *tree, uint32_t most)
{
	if (!most)
		return 0;
	tree->lifetimes.list = ct_allocate(tree->allocator, most * sizeof(*tree->lifetimes.list));
	if (!tree->lifetimes.list)
		return -ENOMEM;
	tree->lifetimes.room = most;
	return 0;
}

void ct_lifetime_keep(struct ct_tree *tree, const struct ct_context *context, const struct ct_ending *ending)
{
	struct ct_lifetimes *lifetimes = &tree->lifetimes;

	if (!lifetimes->room)
		return;
	lifetimes->list[lifetimes->told++ % lifetimes->room] = (struct ct_lifetime){
		.id = context->id,
		.begin_ns = context->created_ns,
		.end_ns = ending->time_ns,
		.task = context->task,
		.site = context->site,
		.state = context->state,
		.kind = context->kind,
		.reason = ending->reason,
	};
}

const struct ct_lifetime *ct_tree_lifetimes(const struct ct_tree *tree, size_t *ret_count, uint64_t *ret_forgotten)
{
	const struct ct_lifetimes *lifetimes = &tree->lifetimes;

	*ret_count = lifetimes->told < lifetimes->room ? lifetimes->told : lifetimes->room;
	*ret_forgotten = lifetimes->told - *ret_count;
	return lifetimes->list;
}
