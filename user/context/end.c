// SPDX-License-Identifier: Apache-2.0
// How contexts end: by cancel, by deadline, by their parent. The cascade is a stack threaded through the contexts.
#include "private.h"
#include "probe_points.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** One way to end. */
struct ending {
	uint64_t reason; /**< As cctx_cancel_() takes it. */
	int err;
	const char *cause; /**< Of the context where the cancellation began, when that is not this one. */
	bool takes_preset; /**< Without a cause of its own: the one preset at creation. */
};

// Its own cause replaces the preset one, which nobody has been shown yet.
static const char *settle_cause(struct cctx *ctx, const struct ending *ending, char *own_cause)
{
	if (own_cause) {
		free(ctx->cause_text);
		ctx->cause_text = own_cause;
		return own_cause;
	}
	return ending->takes_preset ? ctx->cause_text : ending->cause;
}

// The only place where a context ends. @return false when it had.
static bool end_one(struct cctx *ctx, const struct ending *ending, char *own_cause)
{
	bool was_armed;

	pthread_mutex_lock(&ctx->lock);
	if (cctx_done(ctx)) {
		pthread_mutex_unlock(&ctx->lock);
		return false;
	}
	ctx->err = ending->err;
	ctx->cause = settle_cause(ctx, ending, own_cause);
	was_armed = cctx_timers_remove(ctx);
	cctx_count(CCTX_COUNT_ENDED + (unsigned int)(ending->reason & ~(uint64_t)CCTX_CANCEL_BORN));
	// Told before it can be seen: whoever finds it ended calls cctx_cancel_call_() later than this.
	cctx_cancel_(cctx_id(ctx), ending->reason, ctx->cause);
	cctx_publish_end(ctx);
	pthread_mutex_unlock(&ctx->lock);
	if (was_armed)
		cctx_unanchor(ctx);
	return true;
}

// Done with a descendant: the reference that its list had goes.
static void finish_descendant(struct cctx *ctx)
{
	if (ctx->kind == CCTX_KIND_AFTER_FUNC)
		cctx_after_func_launch(ctx);
	else
		cctx_put(ctx);
}

/*
 * A context on the stack has ended, so nothing is added to its list; a child that ends by itself meanwhile is either
 * still in the list or already popped, never both.
 */
static void cascade(struct cctx *origin)
{
	const struct ending ending = {
		.reason = CCTX_REASON_PARENT,
		.err = origin->err,
		.cause = origin->cause,
	};
	struct cctx *work = origin;

	origin->work_next = NULL;
	while (work) {
		struct cctx *child = cctx_children_pop(work);

		if (child && end_one(child, &ending, NULL)) {
			child->work_next = work;
			work = child;
		} else if (child) {
			cctx_put(child);
		} else {
			child = work;
			work = work->work_next;
			if (child != origin)
				finish_descendant(child);
		}
	}
}

bool cctx_end(struct cctx *ctx, enum cctx_reason reason, char *own_cause)
{
	bool is_deadline = reason == CCTX_REASON_DEADLINE;
	const struct ending ending = {
		.reason = reason,
		.err = is_deadline ? ETIMEDOUT : ECANCELED,
		// What the constructor said: the deadline of a deadline, the cancel of a cancel.
		.takes_preset = is_deadline || ctx->kind == CCTX_KIND_CANCEL,
	};

	if (!end_one(ctx, &ending, own_cause))
		return false;
	cascade(ctx);
	cctx_children_remove(ctx);
	return true;
}

void cctx_end_born_late(struct cctx *ctx)
{
	const struct ending ending = {
		.reason = CCTX_REASON_DEADLINE | CCTX_CANCEL_BORN,
		.err = ETIMEDOUT,
		.takes_preset = true,
	};

	end_one(ctx, &ending, NULL);
}

void cctx_end_born_dead(struct cctx *ctx)
{
	const struct cctx *upper = cctx_upper(ctx);
	const struct ending ending = {
		.reason = CCTX_REASON_PARENT | CCTX_CANCEL_BORN,
		.err = upper->err,
		.cause = upper->cause,
	};

	end_one(ctx, &ending, NULL);
}

bool cctx_cancel(cctx_t *ctx, const char *cause)
{
	char *own_cause = NULL;

	if (!ctx || (ctx->kind != CCTX_KIND_CANCEL && ctx->kind != CCTX_KIND_DEADLINE))
		return false;
	if (!cctx_done(ctx)) {
		if (cause)
			own_cause = strdup(cause);
		if (cctx_end(ctx, CCTX_REASON_EXPLICIT, own_cause))
			return true;
		free(own_cause);
	}
	cctx_cancel_call_(cctx_id(ctx));
	cctx_count(CCTX_COUNT_CANCEL_CALLED);
	return false;
}
