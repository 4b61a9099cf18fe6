// SPDX-License-Identifier: Apache-2.0
// Who holds a context: users, anchors, memory. The idea is told in private.h.
#include "private.h"
#include "probe_points.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct cctx *cctx_new(enum cctx_kind kind, struct cctx *parent)
{
	struct cctx *ctx = calloc(1, sizeof(*ctx));

	if (!ctx) {
		errno = ENOMEM;
		return NULL;
	}
	atomic_init(&ctx->users, 1);
	atomic_init(&ctx->anchors, 1);
	atomic_init(&ctx->refs, 1);
	atomic_init(&ctx->state, CCTX_LIVE);
	pthread_mutex_init(&ctx->lock, NULL);
	ctx->kind = kind;
	ctx->done_fd = -1;
	ctx->parent = parent;
	ctx->scope = parent->scope;
	ctx->deadline_ns = parent->deadline_ns;
	cctx_hold(parent);
	cctx_anchor(parent);
	return ctx;
}

void cctx_hold(struct cctx *ctx)
{
	if (ctx->kind != CCTX_KIND_ROOT)
		atomic_fetch_add_explicit(&ctx->refs, 1, memory_order_relaxed);
}

static void destroy(struct cctx *ctx)
{
	cctx_destroy_(cctx_id(ctx));
	cctx_count(CCTX_COUNT_DESTROYED);
	if (cctx_is_cancellable(ctx) && ctx->linked)
		cctx_tops_remove(ctx); // a list of children would hold it
	if (cctx_is_cancellable(ctx) && !cctx_done(ctx))
		cctx_count(CCTX_COUNT_FREED);
	if (ctx->kind == CCTX_KIND_VALUE && ctx->value.drop)
		ctx->value.drop(ctx->value.value);
	if (ctx->done_fd >= 0)
		close(ctx->done_fd);
	pthread_mutex_destroy(&ctx->lock);
	free(ctx->cause_text);
	free(ctx);
}

void cctx_put(struct cctx *ctx)
{
	while (ctx->kind != CCTX_KIND_ROOT && atomic_fetch_sub_explicit(&ctx->refs, 1, memory_order_acq_rel) == 1) {
		struct cctx *parent = ctx->parent;

		destroy(ctx);
		ctx = parent;
	}
}

void cctx_anchor(struct cctx *ctx)
{
	if (ctx->kind != CCTX_KIND_ROOT)
		atomic_fetch_add_explicit(&ctx->anchors, 1, memory_order_relaxed);
}

void cctx_unanchor(struct cctx *ctx)
{
	while (ctx->kind != CCTX_KIND_ROOT && atomic_fetch_sub_explicit(&ctx->anchors, 1, memory_order_acq_rel) == 1) {
		// Its parent's memory stays: that still has the anchor which the next turn drops.
		struct cctx *parent = ctx->parent;

		if (cctx_is_cancellable(ctx) && !cctx_upper(ctx))
			cctx_collect(ctx);
		cctx_put(ctx);
		ctx = parent;
	}
}

cctx_t *cctx_ref(cctx_t *ctx)
{
	if (ctx && ctx->kind != CCTX_KIND_ROOT)
		atomic_fetch_add_explicit(&ctx->users, 1, memory_order_relaxed);
	return ctx;
}

// Under the lock, so that a tracer never sees this after the end of the same context.
static void abandon_if_live(struct cctx *ctx)
{
	pthread_mutex_lock(&ctx->lock);
	if (!cctx_done(ctx)) {
		cctx_abandon_(cctx_id(ctx));
		cctx_count(ctx->kind == CCTX_KIND_AFTER_FUNC ? CCTX_COUNT_ABANDONED_AFTER_FUNC : CCTX_COUNT_ABANDONED);
	}
	pthread_mutex_unlock(&ctx->lock);
}

void cctx_unref(cctx_t *ctx)
{
	if (!ctx || ctx->kind == CCTX_KIND_ROOT)
		return;
	if (atomic_fetch_sub_explicit(&ctx->users, 1, memory_order_acq_rel) != 1)
		return;
	if (cctx_is_cancellable(ctx) && !cctx_done(ctx))
		abandon_if_live(ctx);
	cctx_unanchor(ctx);
}
