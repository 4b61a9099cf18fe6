// SPDX-License-Identifier: Apache-2.0
// Functions that run when a context ends, and the threads they run on.
#include "private.h"
#include "probe_points.h"

#include <errno.h>
#include <signal.h>

int cctx_thread_start(void *(*run)(void *), void *opaque, bool block_signals)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	err = pthread_attr_init(&attr);
	if (err)
		return err;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (block_signals) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
	}
	err = pthread_create(&thread, &attr, run, opaque);
	if (block_signals)
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return err;
}

static void *after_func_thread(void *opaque)
{
	struct cctx *ctx = opaque;

	ctx->after.fn(ctx->after.opaque);
	cctx_put(ctx);
	return NULL;
}

void cctx_after_func_launch(struct cctx *ctx)
{
	if (cctx_thread_start(after_func_thread, ctx, true))
		after_func_thread(ctx);
}

static struct cctx *from_stop(cctx_stop_t *stop)
{
	return (struct cctx *)stop;
}

bool cctx_stop(cctx_stop_t *stop)
{
	struct cctx *ctx = from_stop(stop);

	if (!ctx)
		return false;
	if (cctx_end(ctx, CCTX_REASON_EXPLICIT, NULL))
		return true;
	cctx_cancel_call_(cctx_id(ctx));
	cctx_count(CCTX_COUNT_CANCEL_CALLED);
	return false;
}

void cctx_stop_release(cctx_stop_t *stop)
{
	cctx_unref(from_stop(stop));
}
