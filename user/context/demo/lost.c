// SPDX-License-Identifier: Apache-2.0
// What is left behind: contexts nobody can cancel, registrations nobody can stop, chains nobody cuts.
#include "scenarios.h"

#include <stdlib.h>

static SEEN cctx_t *call_supplier(struct demo *demo)
{
	return demo_check(cctx_with_timeout(demo->app, 3600 * CCTX_SECOND), "a call");
}

SEEN void lost_timer(struct demo *demo, uint64_t round)
{
	cctx_t *call = call_supplier(demo);

	(void)round;
	cctx_unref(call);
}

SEEN void lost_timer_right(struct demo *demo, uint64_t round)
{
	cctx_t *call = call_supplier(demo);

	(void)round;
	cctx_cancel(call, NULL);
	cctx_unref(call);
}

static SEEN cctx_t *subscribe(struct demo *demo)
{
	return demo_check(cctx_with_cancel(demo->app), "a subscription");
}

SEEN void lost_child(struct demo *demo, uint64_t round)
{
	cctx_t *subscription = subscribe(demo);

	(void)round;
	cctx_unref(subscription);
}

SEEN void lost_child_right(struct demo *demo, uint64_t round)
{
	cctx_t *subscription = subscribe(demo);

	(void)round;
	cctx_cancel(subscription, NULL);
	cctx_unref(subscription);
}

static void close_connection(void *opaque)
{
	(void)opaque;
}

static SEEN cctx_stop_t *close_at_shutdown(struct demo *demo)
{
	return demo_check(cctx_after_func(demo->app, close_connection, NULL), "a registration");
}

SEEN void after_func(struct demo *demo, uint64_t round)
{
	cctx_stop_t *stop = close_at_shutdown(demo);

	(void)round;
	cctx_stop_release(stop);
}

SEEN void after_func_right(struct demo *demo, uint64_t round)
{
	cctx_stop_t *stop = close_at_shutdown(demo);

	(void)round;
	cctx_stop(stop);
	cctx_stop_release(stop);
}

static const char message_key;

static SEEN cctx_t *add_message(struct demo *demo, cctx_t *ctx)
{
	return demo_check(cctx_with_value(ctx, &message_key, demo, NULL), "a message");
}

static SEEN void handle_message(cctx_t *message)
{
	cctx_t *call = demo_check(cctx_with_cancel(message), "a call");

	cctx_cancel(call, NULL);
	cctx_unref(call);
}

// The context of the last message is the parent of the next.
SEEN void deep_chain(struct demo *demo, uint64_t round)
{
	cctx_t *last = demo->state ? demo->state : demo->app;
	cctx_t *message = add_message(demo, last);

	(void)round;
	handle_message(message);
	if (last != demo->app)
		cctx_unref(last);
	demo->state = message;
}

SEEN void deep_chain_right(struct demo *demo, uint64_t round)
{
	cctx_t *message = add_message(demo, demo->app);

	(void)round;
	handle_message(message);
	cctx_unref(message);
}
