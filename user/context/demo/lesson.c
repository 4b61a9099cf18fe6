// SPDX-License-Identifier: Apache-2.0
// What goes wrong inside one request: no deadline, nobody looks, the wrong parent.
#include "scenarios.h"

#include <errno.h>
#include <stdlib.h>

static SEEN cctx_t *accept_request(struct demo *demo)
{
	return demo_check(cctx_with_cancel(demo->app), "a request");
}

static int http_status(int err)
{
	return err == 0 ? 200 : err == -ETIMEDOUT ? 504 : 500;
}

// The database is gone; without a deadline this lasts as long as the program.
static SEEN int query_row(struct demo *demo)
{
	demo_work(demo, INT64_MAX / 2);
	return 0;
}

static SEEN int get_user(struct demo *demo, cctx_t *request)
{
	(void)request;
	return http_status(query_row(demo));
}

void no_timeout(struct demo *demo, uint64_t round)
{
	(void)round;
	if (!demo_is_crowded(demo))
		demo_serve(demo, accept_request(demo), get_user, "GET /user");
}

static SEEN int query_row_context(cctx_t *ctx)
{
	return -cctx_wait(ctx, -1);
}

static SEEN int get_user_right(struct demo *demo, cctx_t *request)
{
	cctx_t *ctx = demo_check(cctx_with_timeout(request, 200 * CCTX_MILLISECOND), "a query");
	int err = query_row_context(ctx);

	(void)demo;
	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
	return http_status(err);
}

void no_timeout_right(struct demo *demo, uint64_t round)
{
	(void)round;
	if (!demo_is_crowded(demo))
		demo_serve(demo, accept_request(demo), get_user_right, "GET /user");
}

/** A batch takes 4 s, its request is given up after 0.2 s. */
#define ITEMS	40
#define ITEM_NS (100 * CCTX_MILLISECOND)

static SEEN cctx_t *accept_batch(struct demo *demo)
{
	return demo_check(cctx_with_timeout(demo->app, 200 * CCTX_MILLISECOND), "a request");
}

// Takes the context and does not look at it: theatre.
static SEEN int process_items(struct demo *demo, cctx_t *ctx)
{
	(void)ctx;
	for (int i = 0; i < ITEMS; i++)
		demo_work(demo, ITEM_NS);
	return 200;
}

void ignored_ctx(struct demo *demo, uint64_t round)
{
	(void)round;
	if (!demo_is_crowded(demo))
		demo_serve(demo, accept_batch(demo), process_items, "POST /batch");
}

static SEEN int process_items_right(struct demo *demo, cctx_t *ctx)
{
	for (int i = 0; i < ITEMS; i++) {
		if (cctx_done(ctx))
			return http_status(-cctx_err(ctx));
		demo_work(demo, ITEM_NS);
	}
	return 200;
}

void ignored_ctx_right(struct demo *demo, uint64_t round)
{
	(void)round;
	if (!demo_is_crowded(demo))
		demo_serve(demo, accept_batch(demo), process_items_right, "POST /batch");
}

/** A login. `ctx` is what the lesson forbids: a context in a struct. */
struct session {
	cctx_t *ctx;
};

static SEEN int call_below(cctx_t *parent)
{
	cctx_t *call = demo_check(cctx_with_timeout(parent, CCTX_SECOND), "a call");
	int err = cctx_err(call);

	cctx_cancel(call, NULL);
	cctx_unref(call);
	return http_status(-err);
}

static SEEN int refresh_session(struct session *session)
{
	return call_below(session->ctx);
}

static void end_request(cctx_t *request, int status)
{
	cctx_request_end(request, status);
	cctx_cancel(request, NULL);
	cctx_unref(request);
}

// The session remembers the first request's context: every call after that is made below a dead one.
SEEN void stored_ctx(struct demo *demo, uint64_t round)
{
	cctx_t *request = accept_request(demo);
	struct session *session = demo->state;

	(void)round;
	cctx_request_begin(request, "GET /session");
	if (!session) {
		session = demo_check(calloc(1, sizeof(*session)), "a session");
		session->ctx = cctx_ref(request);
		demo->state = session;
	}
	end_request(request, refresh_session(session));
}

SEEN void stored_ctx_right(struct demo *demo, uint64_t round)
{
	cctx_t *request = accept_request(demo);

	(void)round;
	cctx_request_begin(request, "GET /session");
	end_request(request, call_below(request));
}

SEEN void todo_root(struct demo *demo, uint64_t round)
{
	cctx_t *request = accept_request(demo);

	(void)round;
	cctx_request_begin(request, "GET /recommendations");
	end_request(request, call_below(cctx_todo()));
}

SEEN void todo_root_right(struct demo *demo, uint64_t round)
{
	cctx_t *request = accept_request(demo);

	(void)round;
	cctx_request_begin(request, "GET /recommendations");
	end_request(request, call_below(request));
}

SEEN void background(struct demo *demo, uint64_t round)
{
	cctx_t *request = accept_request(demo);

	(void)round;
	cctx_request_begin(request, "GET /audit");
	end_request(request, call_below(cctx_background()));
}

SEEN void background_right(struct demo *demo, uint64_t round)
{
	cctx_t *request = accept_request(demo);

	(void)round;
	cctx_request_begin(request, "GET /audit");
	end_request(request, call_below(request));
}
