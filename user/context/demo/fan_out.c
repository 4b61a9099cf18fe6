// SPDX-License-Identifier: Apache-2.0
// A request that starts several threads: who tells them to stop, and who listens?
#include "scenarios.h"

#include <errno.h>
#include <stdlib.h>

/** How long the stages and calls would take if nobody stopped them. */
#define LONG_NS (4 * CCTX_SECOND)

static SEEN cctx_t *accept_request(struct demo *demo)
{
	return demo_check(cctx_with_cancel(demo->app), "a request");
}

/* Wrong: a stage fails, run_pipeline returns, and the other stages have no way to know. */

static SEEN void failing_stage(struct demo *demo, cctx_t *ctx, void *opaque)
{
	(void)ctx;
	demo_work(demo, 20 * CCTX_MILLISECOND);
	signal_post(opaque);
	signal_leave(opaque);
}

static SEEN void deaf_stage(struct demo *demo, cctx_t *ctx, void *opaque)
{
	(void)ctx;
	demo_work(demo, LONG_NS);
	signal_post(opaque);
	signal_leave(opaque);
}

static SEEN int run_pipeline(struct demo *demo, cctx_t *ctx)
{
	struct signal *results = signal_new(4);

	demo_go(demo, ctx, deaf_stage, results, "stage-read");
	demo_go(demo, ctx, failing_stage, results, "stage-parse");
	demo_go(demo, ctx, deaf_stage, results, "stage-write");
	signal_wait(results, 1, demo);
	signal_leave(results);
	return 500;
}

void pipeline(struct demo *demo, uint64_t round)
{
	(void)round;
	if (!demo_is_crowded(demo))
		demo_serve(demo, accept_request(demo), run_pipeline, "POST /import");
}

/* Right: the first failure cancels the context of all stages, they listen, and each is waited for. */

static SEEN void first_to_fail(struct demo *demo, cctx_t *ctx, void *opaque)
{
	demo_work(demo, 20 * CCTX_MILLISECOND);
	cctx_cancel(ctx, "parse error");
	signal_post(opaque);
	signal_leave(opaque);
}

static SEEN void listening_stage(struct demo *demo, cctx_t *ctx, void *opaque)
{
	(void)demo;
	cctx_wait(ctx, LONG_NS);
	signal_post(opaque);
	signal_leave(opaque);
}

static SEEN int run_pipeline_right(struct demo *demo, cctx_t *request)
{
	cctx_t *ctx = demo_check(cctx_with_cancel(request), "a pipeline");
	struct signal *results = signal_new(4);

	demo_go(demo, ctx, listening_stage, results, "stage-read");
	demo_go(demo, ctx, first_to_fail, results, "stage-parse");
	demo_go(demo, ctx, listening_stage, results, "stage-write");
	signal_wait(results, 3, demo);
	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
	signal_leave(results);
	return 500;
}

void pipeline_right(struct demo *demo, uint64_t round)
{
	(void)round;
	if (!demo_is_crowded(demo))
		demo_serve(demo, accept_request(demo), run_pipeline_right, "POST /import");
}

/* The trap in the lesson's own listing: stages report failures only, and here all succeed. */

static SEEN void silent_stage(struct demo *demo, cctx_t *ctx, void *opaque)
{
	(void)ctx;
	demo_work(demo, 20 * CCTX_MILLISECOND);
	signal_leave(opaque);
}

static SEEN int run_pipeline_hang(struct demo *demo, cctx_t *request)
{
	cctx_t *ctx = demo_check(cctx_with_cancel(request), "a pipeline");
	struct signal *errors = signal_new(4);

	for (int i = 0; i < 3; i++)
		demo_go(demo, ctx, silent_stage, errors, "stage");
	signal_wait(errors, 3, demo);
	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
	signal_leave(errors);
	return 200;
}

void pipeline_hang(struct demo *demo, uint64_t round)
{
	(void)round;
	if (!demo_is_crowded(demo))
		demo_serve(demo, accept_request(demo), run_pipeline_hang, "POST /import");
}

/* Three calls in parallel under one deadline; the handler waits for all of them. */

static SEEN void call_backend(struct demo *demo, cctx_t *ctx, void *opaque)
{
	cctx_t *call = demo_check(cctx_with_cancel(ctx), "a call");

	(void)demo;
	cctx_wait(call, LONG_NS);
	cctx_cancel(call, NULL);
	cctx_unref(call);
	signal_post(opaque);
	signal_leave(opaque);
}

static SEEN void call_deaf_backend(struct demo *demo, cctx_t *ctx, void *opaque)
{
	cctx_t *call = demo_check(cctx_with_cancel(ctx), "a call");

	demo_work(demo, LONG_NS);
	cctx_cancel(call, NULL);
	cctx_unref(call);
	signal_post(opaque);
	signal_leave(opaque);
}

typedef void (*call_fn)(struct demo *demo, cctx_t *ctx, void *opaque);

static SEEN int assemble_response(struct demo *demo, cctx_t *request, call_fn call_recents)
{
	cctx_t *ctx = demo_check(cctx_with_timeout(request, 500 * CCTX_MILLISECOND), "a response");
	struct signal *answers = signal_new(4);
	int err;

	demo_go(demo, ctx, call_backend, answers, "profile");
	demo_go(demo, ctx, call_backend, answers, "prefs");
	demo_go(demo, ctx, call_recents, answers, "recents");
	signal_wait(answers, 3, demo);
	err = cctx_err(ctx);
	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
	signal_leave(answers);
	return err ? 504 : 200;
}

static SEEN int assemble_deaf(struct demo *demo, cctx_t *request)
{
	return assemble_response(demo, request, call_deaf_backend);
}

void assemble(struct demo *demo, uint64_t round)
{
	(void)round;
	if (!demo_is_crowded(demo))
		demo_serve(demo, accept_request(demo), assemble_deaf, "GET /home");
}

static SEEN int assemble_listening(struct demo *demo, cctx_t *request)
{
	return assemble_response(demo, request, call_backend);
}

void assemble_right(struct demo *demo, uint64_t round)
{
	(void)round;
	if (!demo_is_crowded(demo))
		demo_serve(demo, accept_request(demo), assemble_listening, "GET /home");
}
