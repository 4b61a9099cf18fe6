// SPDX-License-Identifier: Apache-2.0
// A query without a limit, to a database that stalls.
#include "lesson.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#define USERS_BEFORE 10 /**< Requests before the database stalls. */
#define USERS_AFTER  5	/**< And while it does. */

/** The database: it answers until it stalls, then it says nothing, as one behind a network partition. */
struct database {
	atomic_bool is_stalled;
	atomic_int stalled; /**< Queries that wait for ever. */
};

static int serve_query(struct call *call)
{
	struct database *database = call->program->state;
	char byte;

	if (atomic_load(&database->is_stalled)) {
		atomic_fetch_add(&database->stalled, 1);
		recv(call->socket, &byte, 1, 0); // until the other side goes away
	}
	snprintf(call->text, sizeof(call->text), "name of %d", call->id);
	return 200;
}

static int http_status(int answer)
{
	return answer > 0 ? answer : answer == -ETIMEDOUT ? 504 : 500;
}

// WRONG: no timeout, no cancellation, blocks indefinitely.
static SEEN int query_user_wrong(struct call *call)
{
	return program_get(call->program, NULL, "/query", call->id, call->text);
}

static SEEN int handle_get_user_wrong(struct call *call)
{
	cctx_t *request = must(cctx_with_cancel(call->program->life)); // LESSON:get-user
	int status;

	cctx_request_begin(request, "GET /user");
	status = http_status(query_user_wrong(call));
	cctx_request_end(request, status);
	cctx_cancel(request, NULL);
	cctx_unref(request);
	return status;
}

// RIGHT: the context flows through, the query respects cancellation.
static SEEN int query_user(cctx_t *ctx, struct call *call)
{
	return program_get(call->program, ctx, "/query", call->id, call->text);
}

// The caller sets a deadline so the whole operation is bounded.
static SEEN int handle_get_user(struct call *call)
{
	cctx_t *request = must(cctx_with_cancel(call->program->life)), *ctx;
	int status;

	cctx_request_begin(request, "GET /user");
	ctx = must(cctx_with_timeout(request, 5 * CCTX_SECOND));
	status = http_status(query_user(ctx, call));
	cctx_cancel(ctx, NULL); // ALWAYS
	cctx_unref(ctx);
	cctx_request_end(request, status);
	cctx_cancel(request, NULL);
	cctx_unref(request);
	return status;
}

// Returns when the database has stalled and every later query waits for it.
static void start_users(struct program *program, handler_fn handler)
{
	static struct database database;

	program->state = &database;
	program_service(program, "/query", serve_query);
	program_route(program, "/user", handler);
	program_ask_and_wait(program, USERS_BEFORE, "/user");
	atomic_store(&database.is_stalled, true);
	program_ask_at_once(program, program->life, USERS_AFTER, "/user");
	wait_count(&database.stalled, USERS_AFTER);
}

int get_user_wrong(struct program *program)
{
	start_users(program, handle_get_user_wrong);
	return USERS_AFTER;
}

void get_user_right(struct program *program)
{
	start_users(program, handle_get_user);
	program_wait_answers(program, USERS_BEFORE + USERS_AFTER);
}
