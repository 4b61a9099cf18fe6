// SPDX-License-Identifier: Apache-2.0
// Constructors: the roots and everything derived from them.
#include "private.h"
#include "probe_points.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * The roots are exported under names of their own: a tracer that comes after their create event still knows the
 * addresses, and with them which root a context has.
 */
CCTX_API struct cctx cctx_background_ = {.kind = CCTX_KIND_ROOT, .done_fd = -1};
CCTX_API struct cctx cctx_todo_ = {.kind = CCTX_KIND_ROOT, .done_fd = -1};

static void announce_root(const struct cctx *root, uint64_t flags)
{
	cctx_count(CCTX_COUNT_CREATED + CCTX_KIND_ROOT);
	cctx_create_(cctx_id(root), 0, CCTX_KIND_ROOT, 0, flags);
}

static void announce_background(void)
{
	announce_root(&cctx_background_, 0);
}

static void announce_todo(void)
{
	announce_root(&cctx_todo_, CCTX_CREATE_TODO);
}

cctx_t *cctx_background(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, announce_background);
	return &cctx_background_;
}

cctx_t *cctx_todo(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, announce_todo);
	return &cctx_todo_;
}

static void announce_with(const struct cctx *ctx, int64_t own_deadline_ns, uint64_t flags)
{
	cctx_count(CCTX_COUNT_CREATED + (unsigned int)ctx->kind);
	cctx_create_(cctx_id(ctx), cctx_id(ctx->parent), (uint64_t)ctx->kind, (uint64_t)own_deadline_ns, flags);
}

static void announce(const struct cctx *ctx, int64_t own_deadline_ns)
{
	announce_with(ctx, own_deadline_ns, 0);
}

// A context that has something to end, not in any list yet.
static struct cctx *new_scope(enum cctx_kind kind, struct cctx *parent, const char *cause)
{
	char *cause_text = NULL;
	struct cctx *ctx;

	if (!parent) {
		errno = EINVAL;
		return NULL;
	}
	if (cause) {
		cause_text = strdup(cause);
		if (!cause_text)
			return NULL;
	}
	ctx = cctx_new(kind, parent);
	if (!ctx) {
		free(cause_text);
		return NULL;
	}
	ctx->scope = ctx;
	ctx->cause_text = cause_text;
	return ctx;
}

// The first thing that has happened already counts, in Go's order: the parent's end, then the deadline.
// @return false when it was born ended.
static bool attach(struct cctx *ctx)
{
	struct cctx *upper = cctx_upper(ctx);
	bool has_timer = ctx->kind == CCTX_KIND_DEADLINE;
	bool is_late = has_timer && ctx->deadline_ns <= cctx_now();

	if (upper && (is_late ? cctx_done(upper) : !cctx_children_add(upper, ctx))) {
		cctx_end_born_dead(ctx);
		return false;
	}
	if (is_late) {
		cctx_end_born_late(ctx);
		return false;
	}
	if (!upper)
		cctx_tops_add(ctx);
	if (!has_timer)
		return true;
	// It is in the list: the parent may have ended it by now.
	pthread_mutex_lock(&ctx->lock);
	if (!cctx_done(ctx))
		cctx_timers_add(ctx);
	pthread_mutex_unlock(&ctx->lock);
	return true;
}

static cctx_t *make_cancel(cctx_t *parent, const char *cause, uint64_t flags)
{
	struct cctx *ctx = new_scope(CCTX_KIND_CANCEL, parent, cause);

	if (!ctx)
		return NULL;
	announce_with(ctx, 0, flags);
	attach(ctx);
	return ctx;
}

cctx_t *cctx_with_cancel(cctx_t *parent)
{
	return make_cancel(parent, NULL, 0);
}

cctx_t *cctx_with_cancel_cause(cctx_t *parent, const char *cause)
{
	return make_cancel(parent, cause, 0);
}

cctx_t *cctx_with_deadline(cctx_t *parent, int64_t deadline_ns)
{
	return cctx_with_deadline_cause(parent, deadline_ns, NULL);
}

cctx_t *cctx_with_deadline_cause(cctx_t *parent, int64_t deadline_ns, const char *cause)
{
	struct cctx *ctx;
	int err;

	if (parent && parent->deadline_ns && parent->deadline_ns < deadline_ns)
		return make_cancel(parent, NULL, CCTX_CREATE_ASKED_LATER);
	err = cctx_timers_start();
	if (err) {
		errno = err;
		return NULL;
	}
	ctx = new_scope(CCTX_KIND_DEADLINE, parent, cause);
	if (!ctx)
		return NULL;
	// 0 means "none" in probes and in the field; any other time that is long past means the same as 0.
	ctx->deadline_ns = deadline_ns > 0 ? deadline_ns : 1;
	announce(ctx, ctx->deadline_ns);
	attach(ctx);
	return ctx;
}

static int64_t from_now(int64_t timeout_ns)
{
	int64_t deadline_ns;

	if (__builtin_add_overflow(cctx_now(), timeout_ns, &deadline_ns))
		return timeout_ns > 0 ? INT64_MAX : 1;
	return deadline_ns;
}

cctx_t *cctx_with_timeout(cctx_t *parent, int64_t timeout_ns)
{
	return cctx_with_deadline_cause(parent, from_now(timeout_ns), NULL);
}

cctx_t *cctx_with_timeout_cause(cctx_t *parent, int64_t timeout_ns, const char *cause)
{
	return cctx_with_deadline_cause(parent, from_now(timeout_ns), cause);
}

cctx_t *cctx_with_value(cctx_t *parent, const void *key, void *value, void (*drop)(void *value))
{
	struct cctx *ctx;

	if (!parent || !key) {
		errno = EINVAL;
		return NULL;
	}
	ctx = cctx_new(CCTX_KIND_VALUE, parent);
	if (!ctx)
		return NULL;
	ctx->value.key = key;
	ctx->value.value = value;
	ctx->value.drop = drop;
	announce(ctx, 0);
	return ctx;
}

cctx_t *cctx_without_cancel(cctx_t *parent)
{
	struct cctx *ctx;

	if (!parent) {
		errno = EINVAL;
		return NULL;
	}
	ctx = cctx_new(CCTX_KIND_DETACHED, parent);
	if (!ctx)
		return NULL;
	ctx->scope = NULL;
	ctx->deadline_ns = 0;
	announce(ctx, 0);
	return ctx;
}

cctx_stop_t *cctx_after_func(cctx_t *ctx, void (*fn)(void *opaque), void *opaque)
{
	struct cctx *after;

	if (!fn) {
		errno = EINVAL;
		return NULL;
	}
	after = new_scope(CCTX_KIND_AFTER_FUNC, ctx, NULL);
	if (!after)
		return NULL;
	after->after.fn = fn;
	after->after.opaque = opaque;
	announce(after, 0);
	if (!attach(after)) {
		cctx_hold(after);
		cctx_after_func_launch(after);
	}
	return (cctx_stop_t *)after;
}
