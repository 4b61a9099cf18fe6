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

/* deep-chain: a stream of messages, each with a value of its own, and a call that is answered a while later. */

#define CALLS 300 /* 15 s at 20 messages a second: a chain of values is seen while something derived from it lives. */

static const char message_key;

struct stream {
	cctx_t *last; /**< Message, or the program's context. */
	cctx_t *calls[CALLS]; /**< Not answered yet; the oldest is when a new one needs its place. */
};

static struct stream *stream_of(struct demo *demo)
{
	struct stream *stream = demo->state;

	if (!stream) {
		stream = demo_check(calloc(1, sizeof(*stream)), "a stream");
		stream->last = cctx_ref(demo->app);
		demo->state = stream;
	}
	return stream;
}

static SEEN cctx_t *add_message(struct demo *demo, cctx_t *ctx)
{
	return demo_check(cctx_with_value(ctx, &message_key, demo, NULL), "a message");
}

static SEEN cctx_t *call_about(cctx_t *message)
{
	return demo_check(cctx_with_cancel(message), "a call");
}

static void handle_message(struct stream *stream, cctx_t *message, uint64_t round)
{
	cctx_t **place = &stream->calls[round % CALLS];

	if (*place)
		cctx_cancel(*place, "answered");
	cctx_unref(*place);
	*place = call_about(message);
}

// The context of the last message is the parent of the next.
SEEN void deep_chain(struct demo *demo, uint64_t round)
{
	struct stream *stream = stream_of(demo);
	cctx_t *message = add_message(demo, stream->last);

	handle_message(stream, message, round);
	cctx_unref(stream->last);
	stream->last = message;
}

SEEN void deep_chain_right(struct demo *demo, uint64_t round)
{
	struct stream *stream = stream_of(demo);
	cctx_t *message = add_message(demo, stream->last);

	handle_message(stream, message, round);
	cctx_unref(message);
}
