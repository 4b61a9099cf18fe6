// SPDX-License-Identifier: Apache-2.0
// The todo and the background root in application code.
#include "lesson.h"

#include <stdio.h>

#define TIMES 10

static int serve_text(struct call *call)
{
	snprintf(call->text, sizeof(call->text), "noted");
	return 200;
}

// It never got a context parameter: the placeholder calcified.
static SEEN int recommend_wrong(cctx_t *request, struct program *program)
{
	cctx_t *ctx = must(cctx_with_timeout(cctx_todo(), 10 * CCTX_SECOND)); // LESSON:todo-in-request
	int status = program_get(program, ctx, "/service", 0, NULL);

	(void)request;
	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
	return status;
}

// It goes on when the client has given up.
static SEEN int audit_wrong(cctx_t *request, struct program *program)
{
	cctx_t *ctx = must(cctx_with_timeout(cctx_background(), 10 * CCTX_SECOND)); // LESSON:background-in-request
	int status = program_get(program, ctx, "/service", 0, NULL);

	(void)request;
	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
	return status;
}

static SEEN int call_service(cctx_t *request, struct program *program)
{
	cctx_t *ctx = must(cctx_with_timeout(request, 10 * CCTX_SECOND));
	int status = program_get(program, ctx, "/service", 0, NULL);

	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
	return status;
}

static int handle(struct call *call, int (*work)(cctx_t *request, struct program *program))
{
	cctx_t *request = must(cctx_with_cancel(call->program->life));
	int status;

	cctx_request_begin(request, "GET /");
	status = work(request, call->program);
	status = status < 0 ? 500 : status;
	cctx_request_end(request, status);
	cctx_cancel(request, NULL);
	cctx_unref(request);
	return status;
}

static SEEN int handle_home_wrong(struct call *call)
{
	return handle(call, recommend_wrong);
}

static SEEN int handle_order_wrong(struct call *call)
{
	return handle(call, audit_wrong);
}

static SEEN int handle_right(struct call *call)
{
	return handle(call, call_service);
}

static void start(struct program *program, handler_fn handler)
{
	program_service(program, "/service", serve_text);
	program_route(program, "/", handler);
	program_ask_and_wait(program, TIMES, "/");
}

int todo_in_request_wrong(struct program *program)
{
	start(program, handle_home_wrong);
	return TIMES;
}

void todo_in_request_right(struct program *program)
{
	start(program, handle_right);
}

int background_in_request_wrong(struct program *program)
{
	start(program, handle_order_wrong);
	return TIMES;
}

void background_in_request_right(struct program *program)
{
	start(program, handle_right);
}
