// SPDX-License-Identifier: Apache-2.0
// A context that is accepted and ignored in the loop; the client goes away.
#include "lesson.h"

#include <poll.h>

#define HUGE_BATCH 100000 /**< More than half an hour. */
#define BATCHES	   5

/** What all batches count. */
struct batches {
	atomic_int begun;
	atomic_int saved;
	atomic_int gone; /**< Clients whose going away the server has seen. */
};

/** Sees a client go away, as a server's reader does. */
struct reader {
	struct batches *batches;
	cctx_t *request;
	int socket;
	pthread_t thread;
};

static void *watch_client(void *opaque)
{
	struct reader *reader = opaque;
	struct pollfd wait[] = {
		{.fd = reader->socket, .events = POLLIN | POLLRDHUP},
		{.fd = cctx_done_fd(reader->request), .events = POLLIN},
	};

	poll(wait, 2, -1);
	if (wait[0].revents) {
		cctx_cancel(reader->request, "client went away");
		atomic_fetch_add(&reader->batches->gone, 1);
	}
	return NULL;
}

static void start_reader(struct reader *reader, struct call *call, cctx_t *request)
{
	*reader = (struct reader){.batches = call->program->state, .request = request, .socket = call->socket};
	must_be_0(pthread_create(&reader->thread, NULL, watch_client, reader));
}

static SEEN void expensive_operation(int item)
{
	(void)item;
	wait_milliseconds(20);
}

static void save_result(struct batches *batches)
{
	atomic_fetch_add(&batches->saved, 1);
}

// WRONG: context accepted but ignored inside the loop.
static SEEN int process_items_deaf(cctx_t *ctx, struct batches *batches, int items)
{
	(void)ctx;
	for (int item = 0; item < items; item++) {
		// This could take forever if there are many.
		// If ctx is cancelled, we don't notice until it's done.
		expensive_operation(item);
		save_result(batches);
	}
	return 0;
}

static SEEN int handle_items_wrong(struct call *call)
{
	cctx_t *request = must(cctx_with_cancel(call->program->life)); // LESSON:process-items
	struct reader reader;
	int status;

	cctx_request_begin(request, "POST /batch");
	start_reader(&reader, call, request);
	atomic_fetch_add(&reader.batches->begun, 1);
	status = process_items_deaf(request, reader.batches, HUGE_BATCH) ? 500 : 200;
	cctx_request_end(request, status);
	cctx_cancel(request, NULL);
	pthread_join(reader.thread, NULL);
	cctx_unref(request);
	return status;
}

// RIGHT: the loop respects cancellation.
static SEEN int process_items(cctx_t *ctx, struct batches *batches, int items)
{
	for (int item = 0; item < items; item++) {
		// Check before doing expensive work
		if (cctx_done(ctx))
			return -cctx_err(ctx);
		expensive_operation(item);
		save_result(batches);
	}
	return 0;
}

static SEEN int handle_items(struct call *call)
{
	cctx_t *request = must(cctx_with_cancel(call->program->life));
	struct reader reader;
	int status;

	cctx_request_begin(request, "POST /batch");
	start_reader(&reader, call, request);
	atomic_fetch_add(&reader.batches->begun, 1);
	status = process_items(request, reader.batches, HUGE_BATCH) ? 500 : 200;
	cctx_request_end(request, status);
	cctx_cancel(request, NULL);
	pthread_join(reader.thread, NULL);
	cctx_unref(request);
	return status;
}

// Returns when every batch is at work, its client has gone away, and its handler could know it.
static void start_batches(struct program *program, handler_fn handler)
{
	cctx_t *clients = must(cctx_with_cancel(program->life));
	static struct batches batches;

	program->state = &batches;
	program_route(program, "/batch", handler);
	program_ask_at_once(program, clients, BATCHES, "/batch");
	wait_count(&batches.begun, BATCHES);
	wait_count(&batches.saved, 2 * BATCHES);
	cctx_cancel(clients, "they are tired of waiting");
	cctx_unref(clients);
	wait_count(&batches.gone, BATCHES);
}

int process_items_wrong(struct program *program)
{
	start_batches(program, handle_items_wrong);
	return BATCHES;
}

void process_items_right(struct program *program)
{
	start_batches(program, handle_items);
	program_wait_answers(program, BATCHES);
}
