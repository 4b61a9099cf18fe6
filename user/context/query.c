// SPDX-License-Identifier: Apache-2.0
// What can be asked of a context. Everything asked about the end is asked of its scope.
#include "private.h"

#include <errno.h>
#include <time.h>

bool cctx_done(const cctx_t *ctx)
{
	const struct cctx *scope = ctx->scope;

	return scope && atomic_load_explicit(&scope->state, memory_order_acquire) == CCTX_ENDED;
}

int cctx_err(const cctx_t *ctx)
{
	return cctx_done(ctx) ? ctx->scope->err : 0;
}

const char *cctx_cause(const cctx_t *ctx)
{
	if (!cctx_done(ctx))
		return NULL;
	if (ctx->scope->cause)
		return ctx->scope->cause;
	return ctx->scope->err == ETIMEDOUT ? "context deadline exceeded" : "context canceled";
}

bool cctx_deadline(const cctx_t *ctx, int64_t *ret_deadline_ns)
{
	if (!ctx->deadline_ns)
		return false;
	if (ret_deadline_ns)
		*ret_deadline_ns = ctx->deadline_ns;
	return true;
}

void *cctx_value(const cctx_t *ctx, const void *key)
{
	for (; ctx; ctx = ctx->parent) {
		if (ctx->kind == CCTX_KIND_VALUE && ctx->value.key == key)
			return ctx->value.value;
	}
	return NULL;
}

enum cctx_kind cctx_kind(const cctx_t *ctx)
{
	return ctx->kind;
}

int64_t cctx_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * CCTX_SECOND + now.tv_nsec;
}
