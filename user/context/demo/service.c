// SPDX-License-Identifier: Apache-2.0
// A service that does everything there is to do with contexts, and all of it right.
#include "scenarios.h"

#include <errno.h>

static const char user_key;

static void flush_logs(void *opaque)
{
	(void)opaque;
}

// One registration that is never stopped is how a shutdown hook is written.
static SEEN void start_service(struct demo *demo)
{
	cctx_stop_release(demo_check(cctx_after_func(demo->app, flush_logs, NULL), "a shutdown hook"));
	demo->state = demo;
}

static SEEN int call_backend(cctx_t *request, int64_t answer_ns)
{
	cctx_t *call = demo_check(cctx_with_timeout(request, 20 * CCTX_MILLISECOND), "a call");
	int err = cctx_wait(call, answer_ns);

	cctx_cancel(call, NULL);
	cctx_unref(call);
	return err == EAGAIN ? 0 : err;
}

static void roll_back(void *opaque)
{
	(void)opaque;
}

static SEEN int write_order(cctx_t *request)
{
	cctx_stop_t *stop = demo_check(cctx_after_func(request, roll_back, NULL), "a transaction");
	int err = call_backend(request, 2 * CCTX_MILLISECOND);

	cctx_stop(stop);
	cctx_stop_release(stop);
	return err;
}

// Every fourth backend is too slow and its call ends by deadline; the request goes on.
static SEEN int handle_order(struct demo *demo, cctx_t *request)
{
	cctx_t *ctx = demo_check(cctx_with_value(request, &user_key, demo, NULL), "a user");
	int err;

	call_backend(ctx, cctx_now() % 4 ? CCTX_MILLISECOND : CCTX_SECOND);
	err = write_order(ctx);
	cctx_unref(ctx);
	return err ? 499 : 200;
}

// The client hangs up: whoever reads its socket cancels the request, and the handler listens.
static SEEN void hang_up(struct demo *demo, cctx_t *request, void *opaque)
{
	(void)opaque;
	demo_work(demo, CCTX_MILLISECOND);
	cctx_cancel(request, "client went away");
}

SEEN void service(struct demo *demo, uint64_t round)
{
	cctx_t *request;

	if (!demo->state)
		start_service(demo);
	if (demo_is_crowded(demo))
		return;
	request = demo_check(cctx_with_timeout(demo->app, CCTX_SECOND), "a request");
	if (round % 5 == 4)
		demo_go(demo, request, hang_up, NULL, "socket");
	demo_serve(demo, request, handle_order, "POST /order");
}
