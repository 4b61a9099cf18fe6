// SPDX-License-Identifier: Apache-2.0
/* Threads that look as if they had outlived a request, and have not. Nothing here is wrong. */
#include "threads.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define JOBS 4

static struct program *the_program;

/* detached: work that is meant to go on, told so in two ways. */

static void *export_said(void *opaque)
{
	cctx_t *detached = opaque;

	cctx_task_begin(detached, "export");
	stay(the_program);
	cctx_task_end();
	return NULL;
}

struct export {
	cctx_t *ctx;
};

static void *export_given(void *opaque)
{
	struct export *export = opaque;

	must(cctx_with_timeout(export->ctx, 600 * CCTX_SECOND));
	stay(the_program);
	return NULL;
}

static SEEN void handle_detached(struct program *program, cctx_t *request)
{
	cctx_t *detached = must(cctx_without_cancel(request));
	struct export *export = malloc(sizeof(*export));
	int before = atomic_load(&program->at_work);
	pthread_t thread;

	if (!export)
		abort();
	export->ctx = cctx_ref(detached);
	the_program = program;
	started(pthread_create(&thread, NULL, export_said, detached));
	pthread_detach(thread);
	started(pthread_create(&thread, NULL, export_given, export));
	pthread_detach(thread);
	wait_at_work(program, before + 2);
}

int detached_job(struct program *program)
{
	serve(program, JOBS, handle_detached);
	return 0;
}

/* by-design: what programs start when they first need it, which is in a request. */

static void *write_log(void *opaque)
{
	(void)opaque;
	stay(the_program);
	return NULL;
}

/* The logger is started by whoever writes first. */
static void start_logger(void)
{
	pthread_t thread;

	started(pthread_create(&thread, NULL, write_log, NULL));
	pthread_detach(thread);
}

static pthread_once_t logger_once = PTHREAD_ONCE_INIT;

/* Timers of the C library run on threads of its own. */
static void tick(union sigval value)
{
	(void)value;
}

static void start_timer(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = tick};
	struct itimerspec period = {.it_value.tv_nsec = 1000000, .it_interval.tv_sec = 3600};
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &period, NULL))
		abort();
}

static pthread_once_t timer_once = PTHREAD_ONCE_INIT;

/* A server of the next requests, started while this one is served, and given a context of its own. */
static void *serve_on(void *opaque)
{
	cctx_t *listener = opaque;

	for (int i = 0; i < 3; i++) {
		cctx_t *request = must(cctx_with_timeout(listener, 600 * CCTX_SECOND));

		cctx_request_begin(request, "GET /");
		cctx_request_end(request, 200);
		cctx_cancel(request, NULL);
		cctx_unref(request);
	}
	stay(the_program);
	return NULL;
}

/* Ends with its request, but takes a number that others will have after it. */
static void *glance(void *opaque)
{
	cctx_t *call = must(cctx_with_cancel(opaque));

	cctx_cancel(call, NULL);
	cctx_unref(call);
	return NULL;
}

static SEEN void glance_often(cctx_t *request, int count)
{
	for (int i = 0; i < count; i++) {
		pthread_t thread;

		started(pthread_create(&thread, NULL, glance, request));
		pthread_join(thread, NULL);
	}
}

static void run_after(void *opaque)
{
	(void)opaque;
	stay(the_program);
}

static SEEN void handle_design(struct program *program, cctx_t *request)
{
	static atomic_int first;

	the_program = program;
	pthread_once(&logger_once, start_logger);
	pthread_once(&timer_once, start_timer);
	glance_often(request, 25);
	if (!atomic_fetch_add(&first, 1)) {
		pthread_t thread;

		started(pthread_create(&thread, NULL, serve_on, cctx_ref(program->life)));
		pthread_detach(thread);
		// Runs when the request has ended, on a thread of the context library, and goes on.
		cctx_stop_release(cctx_after_func(request, run_after, NULL));
	}
}

/* The answer is out, and the handler waits for its helper: nothing is left behind. */
static void *help(void *opaque)
{
	cctx_wait(opaque, 0);
	stay(the_program);
	return NULL;
}

static void *answer_then_join(void *opaque)
{
	struct program *program = opaque;
	cctx_t *request = must(cctx_with_timeout(program->life, 600 * CCTX_SECOND));
	pthread_t thread;

	cctx_request_begin(request, "GET /slow");
	started(pthread_create(&thread, NULL, help, cctx_ref(request)));
	cctx_request_end(request, 200);
	cctx_cancel(request, NULL);
	cctx_unref(request);
	pthread_join(thread, NULL);
	return NULL;
}

int by_design(struct program *program)
{
	serve(program, 8, handle_design);
	for (int i = 0; i < 3; i++) {
		pthread_t thread;

		started(pthread_create(&thread, NULL, answer_then_join, program));
		pthread_detach(thread);
	}
	wait_at_work(program, 1 + 1 + 1 + 3);
	return 0;
}

/* unseen-ends: threads that go on for a moment when their request is over, and end while nobody can be told. */

#define LATE 20
#define FLOOD 2000

static pthread_barrier_t late;

static void *tidy_up(void *opaque)
{
	pthread_barrier_wait(&late);
	cctx_unref(opaque);
	return NULL;
}

static pthread_t tidying[LATE];

static SEEN void handle_tidying(struct program *program, cctx_t *request)
{
	(void)program;
	for (int i = 0; i < LATE; i++)
		started(pthread_create(&tidying[i], NULL, tidy_up, cctx_ref(request)));
}

int unseen_ends(struct program *program)
{
	pthread_barrier_init(&late, NULL, LATE + 1);
	serve(program, 1, handle_tidying);
	for (int i = 0; i < FLOOD; i++) {
		cctx_t *ctx = must(cctx_with_cancel(program->life));

		cctx_cancel(ctx, NULL);
		cctx_unref(ctx);
	}
	pthread_barrier_wait(&late);
	for (int i = 0; i < LATE; i++)
		pthread_join(tidying[i], NULL);
	return 0;
}
