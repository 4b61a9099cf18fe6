// SPDX-License-Identifier: Apache-2.0
// The list of children of a cancellable context. Being in it is one reference on the child's memory.
#include "private.h"

static void unlink_locked(struct cctx *upper, struct cctx *child)
{
	if (child->prev)
		child->prev->next = child->next;
	else
		upper->children = child->next;
	if (child->next)
		child->next->prev = child->prev;
	child->next = NULL;
	child->prev = NULL;
	child->linked = false;
}

bool cctx_children_add(struct cctx *upper, struct cctx *child)
{
	bool live;

	pthread_mutex_lock(&upper->lock);
	live = !cctx_done(upper);
	if (live) {
		cctx_hold(child);
		child->linked = true;
		child->next = upper->children;
		if (child->next)
			child->next->prev = child;
		upper->children = child;
	}
	pthread_mutex_unlock(&upper->lock);
	return live;
}

struct cctx *cctx_children_pop(struct cctx *upper)
{
	struct cctx *child;

	pthread_mutex_lock(&upper->lock);
	child = upper->children;
	if (child)
		unlink_locked(upper, child);
	pthread_mutex_unlock(&upper->lock);
	return child;
}

void cctx_children_remove(struct cctx *child)
{
	struct cctx *upper = cctx_upper(child);
	bool was_linked;

	if (!upper) {
		cctx_tops_remove(child);
		return;
	}
	pthread_mutex_lock(&upper->lock);
	was_linked = child->linked;
	if (was_linked)
		unlink_locked(upper, child);
	pthread_mutex_unlock(&upper->lock);
	if (was_linked)
		cctx_put(child);
}

/*
 * No anchor means: no user and no timer anywhere below, so no other thread is at work here, and none of these contexts
 * will ever end. What is left of them are the lists. The reference of the list keeps a child while it is on the stack
 * of work; `top` is kept by the caller.
 */
void cctx_collect(struct cctx *top)
{
	struct cctx *work = top;

	top->work_next = NULL;
	while (work) {
		struct cctx *child = cctx_children_pop(work);

		if (child) {
			child->work_next = work;
			work = child;
			continue;
		}
		child = work;
		work = work->work_next;
		if (child != top)
			cctx_put(child);
	}
}
