// SPDX-License-Identifier: Apache-2.0
// Threads, requests and simulated work of the scenarios.
#include "demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/** How soon everything notices that the program stops. */
#define SLICE_NS (20 * CCTX_MILLISECOND)

/** More threads than this show nothing new. */
#define CROWD 40

/** How long the program waits for its threads at the end. */
#define DRAIN_NS (10 * CCTX_SECOND)

void *demo_check(void *pointer, const char *what)
{
	if (pointer)
		return pointer;
	fprintf(stderr, "ctxdemo: %s: cannot be made: out of memory or threads\n", what);
	exit(1);
}

static void pause_ns(int64_t duration_ns)
{
	const struct timespec duration = {
		.tv_sec = duration_ns / CCTX_SECOND,
		.tv_nsec = duration_ns % CCTX_SECOND,
	};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, NULL);
}

static _Noreturn void park(struct demo *demo)
{
	atomic_fetch_add(&demo->parked, 1);
	for (;;)
		pause_ns(CCTX_SECOND);
}

void demo_work(struct demo *demo, int64_t duration_ns)
{
	int64_t end = cctx_now() + duration_ns;

	for (;;) {
		int64_t left = end - cctx_now();

		if (left <= 0)
			return;
		if (atomic_load(&demo->is_stopping))
			park(demo);
		pause_ns(left < SLICE_NS ? left : SLICE_NS);
	}
}

/** What demo_go() hands to its thread. */
struct errand {
	struct demo *demo;
	void (*fn)(struct demo *demo, cctx_t *ctx, void *opaque);
	void *opaque;
};

static void run_errand(cctx_t *ctx, void *opaque)
{
	struct errand errand = *(struct errand *)opaque;

	free(opaque);
	errand.fn(errand.demo, ctx, errand.opaque);
	atomic_fetch_sub(&errand.demo->tasks, 1);
}

void demo_go(struct demo *demo, cctx_t *ctx, void (*fn)(struct demo *demo, cctx_t *ctx, void *opaque), void *opaque,
	     const char *label)
{
	struct errand *errand = demo_check(malloc(sizeof(*errand)), "a task");
	int err;

	*errand = (struct errand){.demo = demo, .fn = fn, .opaque = opaque};
	atomic_fetch_add(&demo->tasks, 1);
	err = cctx_go(ctx, run_errand, errand, label);
	demo_check(err ? NULL : errand, label);
}

/** What demo_serve() hands to its thread. */
struct service {
	int (*handler)(struct demo *demo, cctx_t *request);
	const char *label;
};

static SEEN void serve_request(struct demo *demo, cctx_t *request, void *opaque)
{
	struct service service = *(struct service *)opaque;
	int status;

	free(opaque);
	cctx_request_begin(request, service.label);
	status = service.handler(demo, request);
	cctx_request_end(request, status);
	cctx_cancel(request, NULL);
}

void demo_serve(struct demo *demo, cctx_t *request, int (*handler)(struct demo *demo, cctx_t *request),
		const char *label)
{
	struct service *service = demo_check(malloc(sizeof(*service)), label);

	*service = (struct service){.handler = handler, .label = label};
	demo_go(demo, request, serve_request, service, label);
	// The handler's thread has a reference and cancels: it is not lost with this one.
	cctx_unref(request);
}

bool demo_is_crowded(const struct demo *demo)
{
	return atomic_load(&demo->tasks) >= CROWD;
}

// Our count goes up before a thread exists, the library's goes down after everything else: both have to agree.
static bool is_drained(const struct demo *demo)
{
	int parked = atomic_load(&demo->parked);
	struct cctx_stats stats;

	cctx_stats(&stats);
	return atomic_load(&demo->tasks) == parked && stats.tasks_live == (uint64_t)parked;
}

bool demo_drain(struct demo *demo)
{
	int64_t end = cctx_now() + DRAIN_NS;

	while (!is_drained(demo)) {
		if (cctx_now() >= end)
			return false;
		pause_ns(CCTX_MILLISECOND);
	}
	return true;
}

struct signal *signal_new(int owners)
{
	struct signal *signal = demo_check(calloc(1, sizeof(*signal)), "a signal");

	pthread_mutex_init(&signal->lock, NULL);
	pthread_cond_init(&signal->changed, NULL);
	signal->owners = owners;
	return signal;
}

void signal_post(struct signal *signal)
{
	pthread_mutex_lock(&signal->lock);
	signal->posted++;
	pthread_cond_broadcast(&signal->changed);
	pthread_mutex_unlock(&signal->lock);
}

static void wait_a_slice(struct signal *signal)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += SLICE_NS;
	if (until.tv_nsec >= CCTX_SECOND) {
		until.tv_nsec -= CCTX_SECOND;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&signal->changed, &signal->lock, &until);
}

void signal_wait(struct signal *signal, int count, struct demo *demo)
{
	bool is_reached;

	do {
		pthread_mutex_lock(&signal->lock);
		if (signal->posted < count)
			wait_a_slice(signal);
		is_reached = signal->posted >= count;
		pthread_mutex_unlock(&signal->lock);
		if (!is_reached && atomic_load(&demo->is_stopping))
			park(demo);
	} while (!is_reached);
}

void signal_leave(struct signal *signal)
{
	bool is_last;

	pthread_mutex_lock(&signal->lock);
	is_last = --signal->owners == 0;
	pthread_mutex_unlock(&signal->lock);
	if (!is_last)
		return;
	pthread_cond_destroy(&signal->changed);
	pthread_mutex_destroy(&signal->lock);
	free(signal);
}
