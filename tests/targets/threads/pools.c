// SPDX-License-Identifier: Apache-2.0
/* Threads that live on by design and take jobs of one request after the other. Nothing here is wrong. */
#include "library.h"
#include "threads.h"

#include <stdlib.h>

#define REQUESTS 40
#define WORKERS	 4
#define QUEUE	 64

/* A pool as programs have it: jobs, workers that take them, and nobody who tells for whom they work. */
static struct pool {
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	cctx_t *jobs[QUEUE];
	int waiting, done, workers;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER, .emptied = PTHREAD_COND_INITIALIZER};

/* A job: a call of its own below the request's context. */
static void do_job(cctx_t *request)
{
	cctx_t *call = must(cctx_with_timeout(request, 60 * CCTX_SECOND));

	cctx_wait(call, CCTX_MILLISECOND);
	cctx_cancel(call, NULL);
	cctx_unref(call);
	cctx_unref(request);
}

static cctx_t *take_job(void)
{
	cctx_t *job;

	pthread_mutex_lock(&pool.lock);
	while (!pool.waiting)
		pthread_cond_wait(&pool.filled, &pool.lock);
	job = pool.jobs[--pool.waiting];
	pthread_mutex_unlock(&pool.lock);
	return job;
}

static void note_done(void)
{
	pthread_mutex_lock(&pool.lock);
	pool.done++;
	pthread_cond_broadcast(&pool.emptied);
	pthread_mutex_unlock(&pool.lock);
}

static void *work(void *opaque)
{
	(void)opaque;
	for (;;) {
		do_job(take_job());
		note_done();
	}
	return NULL;
}

static SEEN void start_workers(int count)
{
	for (; count && pool.workers < WORKERS; count--, pool.workers++) {
		pthread_t thread;

		started(pthread_create(&thread, NULL, work, &pool));
		pthread_detach(thread);
	}
}

static void submit(cctx_t *request)
{
	pthread_mutex_lock(&pool.lock);
	pool.jobs[pool.waiting++] = cctx_ref(request);
	pthread_cond_signal(&pool.filled);
	pthread_mutex_unlock(&pool.lock);
}

/* Two jobs, and the answer waits for them. */
static void ask_pool(cctx_t *request)
{
	int wanted = pool.done + 2;

	submit(request);
	submit(request);
	pthread_mutex_lock(&pool.lock);
	while (pool.done < wanted)
		pthread_cond_wait(&pool.emptied, &pool.lock);
	pthread_mutex_unlock(&pool.lock);
}

static SEEN void handle(struct program *program, cctx_t *request)
{
	(void)program;
	ask_pool(request);
}

int pool_at_start(struct program *program)
{
	start_workers(WORKERS);
	serve(program, REQUESTS, handle);
	return 0;
}

/* The first request starts all workers. */
static SEEN void handle_lazy(struct program *program, cctx_t *request)
{
	(void)program;
	start_workers(WORKERS);
	ask_pool(request);
}

int pool_lazy(struct program *program)
{
	serve(program, REQUESTS, handle_lazy);
	return 0;
}

/* Each of the first requests starts one, and some of them may never see another request's job. */
static SEEN void handle_growing(struct program *program, cctx_t *request)
{
	(void)program;
	start_workers(1);
	ask_pool(request);
}

int pool_growing(struct program *program)
{
	serve(program, REQUESTS, handle_growing);
	return 0;
}

/* The same with threads of a library, which starts each of them in another request; one job holds its context on. */
static void library_job(void *opaque)
{
	do_job(opaque);
	note_done();
}

static void library_keeps(void *opaque)
{
	must(cctx_with_timeout(opaque, 600 * CCTX_SECOND));
	note_done();
}

static SEEN void handle_library(struct program *program, cctx_t *request)
{
	int wanted = pool.done + 1;

	(void)program;
	library_run(wanted <= 2 ? library_keeps : library_job, cctx_ref(request));
	pthread_mutex_lock(&pool.lock);
	while (pool.done < wanted)
		pthread_cond_wait(&pool.emptied, &pool.lock);
	pthread_mutex_unlock(&pool.lock);
}

int pool_of_library(struct program *program)
{
	serve(program, 4, handle_library);
	return 0;
}
