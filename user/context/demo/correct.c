// SPDX-License-Identifier: Apache-2.0
// Correct programs that look like leaks to a tool that only counts. None of them may be flagged.
#include "scenarios.h"

#include <errno.h>
#include <stdlib.h>

static SEEN cctx_t *accept_request(struct demo *demo)
{
	return demo_check(cctx_with_timeout(demo->app, 5 * CCTX_SECOND), "a request");
}

/* detached: the receipt is sent after the order was answered, on purpose, and within a time of its own. */

static SEEN void send_receipt(struct demo *demo, cctx_t *job, void *opaque)
{
	(void)opaque;
	demo_work(demo, 3 * CCTX_SECOND);
	cctx_cancel(job, "sent");
}

static SEEN int place_order(struct demo *demo, cctx_t *request)
{
	cctx_t *detached_ctx = demo_check(cctx_without_cancel(request), "a job");
	cctx_t *job = demo_check(cctx_with_timeout(detached_ctx, 30 * CCTX_SECOND), "a job");

	demo_go(demo, job, send_receipt, NULL, "receipt");
	cctx_unref(job);
	cctx_unref(detached_ctx);
	return 202;
}

void detached(struct demo *demo, uint64_t round)
{
	(void)round;
	if (!demo_is_crowded(demo))
		demo_serve(demo, accept_request(demo), place_order, "POST /order");
}

/* held: idle connections. Each can be cancelled, most are old, and their number only grows at first. */

#define CONNECTIONS 1000

/** All that are connected; the oldest goes when a new one needs its place. */
struct connections {
	cctx_t *ctx[CONNECTIONS];
};

static SEEN cctx_t *accept_connection(struct demo *demo)
{
	return demo_check(cctx_with_cancel(demo->app), "a connection");
}

SEEN void held(struct demo *demo, uint64_t round)
{
	struct connections *connections = demo->state;
	cctx_t **place;

	if (!connections) {
		connections = demo_check(calloc(1, sizeof(*connections)), "connections");
		demo->state = connections;
	}
	place = &connections->ctx[round % CONNECTIONS];
	if (*place)
		cctx_cancel(*place, "replaced");
	cctx_unref(*place);
	*place = accept_connection(demo);
}

/* churn: for measurements. */

SEEN void churn(struct demo *demo, uint64_t round)
{
	(void)round;
	for (int i = 0; i < 1000; i++) {
		cctx_t *ctx = demo_check(cctx_with_cancel(demo->app), "a context");

		cctx_cancel(ctx, NULL);
		cctx_unref(ctx);
	}
}
