// SPDX-License-Identifier: Apache-2.0
// Three calls in parallel that all respect one deadline, and are all in flight when it comes.
#include "lesson.h"

#include <semaphore.h>
#include <stdio.h>
#include <sys/socket.h>

static int serve_slowly(struct call *call)
{
	atomic_int *in_flight = call->program->state;
	char byte;

	atomic_fetch_add(in_flight, 1);
	recv(call->socket, &byte, 1, 0); // until the caller gives up
	return 200;
}

/** One of the three. */
struct part {
	struct program *program;
	const char *path;
	sem_t *done;
	int status;
};

// Each call has a limit of its own; the shared deadline comes first and ends it.
static SEEN void call_service(cctx_t *parent, void *opaque)
{
	cctx_t *ctx = must(cctx_with_timeout(parent, 2 * CCTX_SECOND)); // LESSON:call
	struct part *part = opaque;

	part->status = program_get(part->program, ctx, part->path, 0, NULL);
	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
	sem_post(part->done);
}

static SEEN int assemble_response(cctx_t *request, struct program *program)
{
	cctx_t *ctx = must(cctx_with_timeout(request, 500 * CCTX_MILLISECOND)); // LESSON:assemble-response
	sem_t done;
	struct part parts[] = {
		{.program = program, .path = "/profile", .done = &done},
		{.program = program, .path = "/prefs", .done = &done},
		{.program = program, .path = "/activity", .done = &done},
	};

	sem_init(&done, 0, 0);
	for (int i = 0; i < 3; i++)
		must_be_0(cctx_go(ctx, call_service, &parts[i], parts[i].path));
	for (int i = 0; i < 3; i++)
		while (sem_wait(&done))
			;
	sem_destroy(&done);
	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
	// prefs and recents are non-critical
	return parts[0].status;
}

static SEEN int handle_assemble(struct call *call)
{
	cctx_t *request = must(cctx_with_cancel(call->program->life));
	int status;

	cctx_request_begin(request, "GET /response");
	status = assemble_response(request, call->program) > 0 ? 200 : 504;
	cctx_request_end(request, status);
	cctx_cancel(request, NULL);
	cctx_unref(request);
	return status;
}

void assemble_response_right(struct program *program)
{
	static atomic_int in_flight;

	program->state = &in_flight;
	program_service(program, "/profile", serve_slowly);
	program_service(program, "/prefs", serve_slowly);
	program_service(program, "/activity", serve_slowly);
	program_route(program, "/response", handle_assemble);
	program_ask_at_once(program, program->life, 1, "/response");
	program_wait_answers(program, 1);
	if (atomic_load(&in_flight) != 3)
		puts("state missed"); // the machine was too busy
}
