// SPDX-License-Identifier: Apache-2.0
/*
 * The topmost contexts: those below a root or a detached context, which no parent has in a list. Nothing in the library
 * needs to find them; a census from outside does (ctxtrace/context_census.h). The lists hold no reference: a context leaves
 * when it ends, or when it is freed without. There are several, so that threads rarely meet.
 */
#include "ctxtrace/context_census.h"
#include "private.h"

#include <stddef.h>

#define LISTS 32 /* a power of two */

struct list {
	_Alignas(64) pthread_mutex_t lock;
	struct cctx *first;
};

static struct list lists[LISTS] = {[0 ... LISTS - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER}};

static struct list *list_of(const struct cctx *ctx)
{
	return &lists[((uint64_t)(uintptr_t)ctx * UINT64_C(0x9e3779b97f4a7c15)) >> 59];
}

void cctx_tops_add(struct cctx *ctx)
{
	struct list *list = list_of(ctx);

	pthread_mutex_lock(&list->lock);
	ctx->linked = true;
	ctx->next = list->first;
	if (ctx->next)
		ctx->next->prev = ctx;
	list->first = ctx;
	pthread_mutex_unlock(&list->lock);
}

void cctx_tops_remove(struct cctx *ctx)
{
	struct list *list = list_of(ctx);

	pthread_mutex_lock(&list->lock);
	if (ctx->linked) {
		if (ctx->prev)
			ctx->prev->next = ctx->next;
		else
			list->first = ctx->next;
		if (ctx->next)
			ctx->next->prev = ctx->prev;
		ctx->next = NULL;
		ctx->prev = NULL;
		ctx->linked = false;
	}
	pthread_mutex_unlock(&list->lock);
}

extern struct cctx cctx_background_, cctx_todo_;

CCTX_API extern const struct cctx_census cctx_census_v1;

const struct cctx_census cctx_census_v1 = {
	.magic = CCTX_CENSUS_MAGIC,
	.version = 1,
	.bytes = sizeof(struct cctx_census),
	.tops = lists,
	.counters = cctx_shards,
	.background = &cctx_background_,
	.todo = &cctx_todo_,
	.tops_count = LISTS,
	.tops_bytes = sizeof(struct list),
	.tops_first = offsetof(struct list, first),
	.counters_count = CCTX_SHARDS,
	.counters_bytes = sizeof(struct cctx_shard),
	.begins = {CCTX_COUNT_CREATED + CCTX_KIND_CANCEL, CCTX_COUNT_CREATED + CCTX_KIND_DEADLINE,
		   CCTX_COUNT_CREATED + CCTX_KIND_AFTER_FUNC},
	.ends = {CCTX_COUNT_ENDED + CCTX_REASON_EXPLICIT, CCTX_COUNT_ENDED + CCTX_REASON_DEADLINE,
		 CCTX_COUNT_ENDED + CCTX_REASON_PARENT, CCTX_COUNT_FREED},
	.context_bytes = sizeof(struct cctx),
	.users = offsetof(struct cctx, users),
	.state = offsetof(struct cctx, state),
	.state_ended = CCTX_ENDED,
	.kind = offsetof(struct cctx, kind),
	.parent = offsetof(struct cctx, parent),
	.scope = offsetof(struct cctx, scope),
	.deadline_ns = offsetof(struct cctx, deadline_ns),
	.children = offsetof(struct cctx, children),
	.next = offsetof(struct cctx, next),
	.armed = offsetof(struct cctx, armed),
};
