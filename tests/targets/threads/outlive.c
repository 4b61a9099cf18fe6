// SPDX-License-Identifier: Apache-2.0
/* Threads that go on when the request they were started for is over. */
#include "threads.h"

#include <stdlib.h>

#define ARGUMENTS 6
#define USERS	  5
#define ORPHANS	  4
#define ERRANDS	  3
#define DEAF	  2

static struct program *the_program;

/* Given the request's context as its argument; in the handler's stead it owns a reference. */
static void *send_mail(void *opaque)
{
	cctx_wait(opaque, 0);
	stay(the_program);
	return NULL;
}

static SEEN void handle_argument(struct program *program, cctx_t *request)
{
	pthread_t thread;

	the_program = program;
	started(pthread_create(&thread, NULL, send_mail, cctx_ref(request))); // LEAK:argument
	pthread_detach(thread);
}

int outlive_argument(struct program *program)
{
	serve(program, ARGUMENTS, handle_argument);
	wait_at_work(program, ARGUMENTS);
	return ARGUMENTS;
}

/* Given a struct. What it does first is to derive a context, which it has for as long as it works. */
struct order {
	struct program *program;
	cctx_t *ctx;
};

static void *ship_order(void *opaque)
{
	struct order *order = opaque;

	must(cctx_with_timeout(order->ctx, 600 * CCTX_SECOND));
	stay(order->program);
	return NULL;
}

static struct order *order_of(struct program *program, cctx_t *request)
{
	struct order *order = malloc(sizeof(*order));

	if (!order)
		abort();
	*order = (struct order){.program = program, .ctx = cctx_ref(request)};
	return order;
}

static SEEN void handle_used(struct program *program, cctx_t *request)
{
	int before = atomic_load(&program->at_work);
	pthread_t thread;

	started(pthread_create(&thread, NULL, ship_order, order_of(program, request))); // LEAK:used
	pthread_detach(thread);
	wait_at_work(program, before + 1);
}

int outlive_used(struct program *program)
{
	serve(program, USERS, handle_used);
	return USERS;
}

/* Started in requests, and nothing tells that it works for them. */
static void *look_around(void *opaque)
{
	struct order *order = opaque;

	stay(order->program);
	return NULL;
}

static SEEN void handle_parentage(struct program *program, cctx_t *request)
{
	pthread_t thread;

	started(pthread_create(&thread, NULL, look_around, order_of(program, request))); // LEAK:parentage
	pthread_detach(thread);
}

int outlive_parentage(struct program *program)
{
	serve(program, ORPHANS, handle_parentage);
	wait_at_work(program, ORPHANS);
	return ORPHANS;
}

/* Started by the context library, which says for whom it works. */
static void run_errand(cctx_t *ctx, void *opaque)
{
	(void)ctx;
	stay(opaque);
}

static SEEN void handle_go(struct program *program, cctx_t *request)
{
	started(-cctx_go(request, run_errand, program, "errand")); // LEAK:go
}

int outlive_go(struct program *program)
{
	serve(program, ERRANDS, handle_go);
	wait_at_work(program, ERRANDS);
	return ERRANDS;
}

/* The request is cancelled while it is served, its threads go on, and the handler waits for them. */
static void *count_stock(void *opaque)
{
	(void)opaque;
	stay(the_program);
	return NULL;
}

static SEEN void start_count(cctx_t *request)
{
	pthread_t thread;

	started(pthread_create(&thread, NULL, count_stock, cctx_ref(request))); // LEAK:ignored
	pthread_detach(thread);
}

static SEEN void handle_ignored(struct program *program, cctx_t *request)
{
	the_program = program;
	for (volatile int i = 0; i < DEAF; i++) // one call in the program, however it is compiled
		start_count(request);
	wait_at_work(program, DEAF);
	cctx_cancel(request, "client gone");
	stay(program);
}

/* Served by a thread that nobody waits for. */
static void *serve_ignored(void *opaque)
{
	serve(opaque, 1, handle_ignored);
	return NULL;
}

int ignore_cancel(struct program *program)
{
	pthread_t thread;

	started(pthread_create(&thread, NULL, serve_ignored, program));
	pthread_detach(thread);
	wait_at_work(program, DEAF + 1);
	return DEAF;
}
