// SPDX-License-Identifier: Apache-2.0
// A pool of workers: started by the first request, for all that follow; below the service, not below that request.
#include "scenarios.h"

#include <stdlib.h>
#include <time.h>

#define WORKERS 4

/** One request as a worker sees it. The worker owns it. */
struct job {
	struct job *next;
	cctx_t *ctx;
	struct signal *answer;
};

/** Jobs on their way to the workers. */
struct pool {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct job *jobs;
};

// At most a second: a worker has to notice that the program stops.
static void wait_for_job(struct pool *state)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	pthread_cond_timedwait(&state->changed, &state->lock, &until);
}

static struct job *pool_take(struct pool *state, const struct demo *demo)
{
	struct job *job;

	pthread_mutex_lock(&state->lock);
	while (!state->jobs && !atomic_load(&demo->is_stopping))
		wait_for_job(state);
	job = state->jobs;
	if (job)
		state->jobs = job->next;
	pthread_mutex_unlock(&state->lock);
	return job;
}

static void pool_put(struct pool *state, struct job *job)
{
	pthread_mutex_lock(&state->lock);
	job->next = state->jobs;
	state->jobs = job;
	pthread_cond_signal(&state->changed);
	pthread_mutex_unlock(&state->lock);
}

static SEEN void render(const struct job *job)
{
	cctx_t *ctx = demo_check(cctx_with_timeout(job->ctx, CCTX_SECOND), "a page");

	cctx_wait(ctx, CCTX_MILLISECOND);
	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
}

static SEEN void pool_worker(struct demo *demo, cctx_t *ctx, void *opaque)
{
	struct job *job;

	(void)ctx;
	while ((job = pool_take(opaque, demo))) {
		render(job);
		cctx_unref(job->ctx);
		signal_post(job->answer);
		signal_leave(job->answer);
		free(job);
	}
}

static SEEN struct pool *pool_start(struct demo *demo)
{
	struct pool *state = demo_check(calloc(1, sizeof(*state)), "a pool");

	pthread_mutex_init(&state->lock, NULL);
	pthread_cond_init(&state->changed, NULL);
	for (int i = 0; i < WORKERS; i++)
		demo_go(demo, demo->app, pool_worker, state, "worker");
	return state;
}

static SEEN int handle_page(struct demo *demo, cctx_t *request)
{
	struct job *job = demo_check(calloc(1, sizeof(*job)), "a job");
	struct signal *answer = signal_new(2);

	if (!demo->state)
		demo->state = pool_start(demo);
	job->ctx = cctx_ref(request);
	job->answer = answer;
	pool_put(demo->state, job);
	signal_wait(answer, 1, demo);
	signal_leave(answer);
	return 200;
}

SEEN void pool(struct demo *demo, uint64_t round)
{
	cctx_t *request = demo_check(cctx_with_timeout(demo->app, 5 * CCTX_SECOND), "a request");

	(void)round;
	cctx_request_begin(request, "GET /page");
	cctx_request_end(request, handle_page(demo, request));
	cctx_cancel(request, NULL);
	cctx_unref(request);
}
