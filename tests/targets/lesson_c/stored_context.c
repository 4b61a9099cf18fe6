// SPDX-License-Identifier: Apache-2.0
// A context in a struct, used long after its request ended.
#include "lesson.h"

#include <stdio.h>

#define LOGINS	     3
#define LATE_LOOKUPS 10 /**< Each of one session. */

/** A login. `ctx` is what the lesson forbids: a context in a struct. */
struct session {
	cctx_t *ctx;
};

static int serve_token(struct call *call)
{
	snprintf(call->text, sizeof(call->text), "token");
	return 200;
}

// Called by later requests; the context is the first one's.
static SEEN int refresh_wrong(struct session *session, struct program *program)
{
	cctx_t *ctx = must(cctx_with_timeout(session->ctx, 10 * CCTX_SECOND)); // LESSON:stored-context
	int status = program_get(program, ctx, "/token", 0, NULL);

	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
	return status < 0 ? 500 : status;
}

static SEEN int refresh(cctx_t *request, struct program *program)
{
	cctx_t *ctx = must(cctx_with_timeout(request, 10 * CCTX_SECOND));
	int status = program_get(program, ctx, "/token", 0, NULL);

	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
	return status < 0 ? 500 : status;
}

static void end_request(cctx_t *request, int status)
{
	cctx_request_end(request, status);
	cctx_cancel(request, NULL);
	cctx_unref(request);
}

static SEEN int handle_login_wrong(struct call *call)
{
	cctx_t *request = must(cctx_with_cancel(call->program->life));
	struct session *sessions = call->program->state;

	cctx_request_begin(request, "POST /login");
	sessions[call->id].ctx = cctx_ref(request);
	end_request(request, 200);
	return 200;
}

static SEEN int handle_lookup_wrong(struct call *call)
{
	cctx_t *request = must(cctx_with_cancel(call->program->life));
	struct session *sessions = call->program->state;
	int status;

	cctx_request_begin(request, "GET /lookup");
	status = refresh_wrong(&sessions[call->id], call->program);
	end_request(request, status);
	return status;
}

static SEEN int handle_login(struct call *call)
{
	cctx_t *request = must(cctx_with_cancel(call->program->life));

	cctx_request_begin(request, "POST /login");
	end_request(request, 200);
	return 200;
}

static SEEN int handle_lookup(struct call *call)
{
	cctx_t *request = must(cctx_with_cancel(call->program->life));
	int status;

	cctx_request_begin(request, "GET /lookup");
	status = refresh(request, call->program);
	end_request(request, status);
	return status;
}

// Returns when the sessions' first requests are long over and the late ones have been answered.
static void start_sessions(struct program *program, handler_fn login, handler_fn lookup)
{
	static struct session sessions[LOGINS];

	program->state = sessions;
	program_service(program, "/token", serve_token);
	program_route(program, "/login", login);
	program_route(program, "/lookup", lookup);
	program_ask_and_wait(program, LOGINS, "/login");
	wait_longer();
	for (int i = 0; i < LATE_LOOKUPS; i++)
		program_ask_and_wait(program, LOGINS, "/lookup");
}

int stored_context_wrong(struct program *program)
{
	start_sessions(program, handle_login_wrong, handle_lookup_wrong);
	return LOGINS * LATE_LOOKUPS;
}

void stored_context_right(struct program *program)
{
	start_sessions(program, handle_login, handle_lookup);
}
