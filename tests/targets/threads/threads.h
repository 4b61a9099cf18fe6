// SPDX-License-Identifier: Apache-2.0
/* What the scenarios of the program share: requests on threads of their own, and waiting for what they have done. */
#pragma once

#include "ctxtrace/context.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/** Kept as it is, so that findings can be compared by function. */
#define SEEN __attribute__((noinline))

/** What there is for the whole life of the program. */
struct program {
	cctx_t *life;	       /**< Ends with the program. */
	atomic_int at_work;    /**< Threads that have reached what they stay at. */
};

/** A handler. The request has begun, and is neither ended nor cancelled when it returns. */
typedef void (*handler_fn)(struct program *program, cctx_t *request);

/** What main() is called where all of the program is in a library (thin.c). */
int threads_main(int argc, char **argv);

/** How many threads the program has started; those of libraries not counted. */
extern atomic_int threads_started;

/** Count one: what pthread_create said, else abort(). */
void started(int error);

/** A context, or abort(). */
cctx_t *must(cctx_t *ctx);

/** Serve `count` requests, one after the other, each on a thread of its own; at the end all have been answered. */
void serve(struct program *program, int count, handler_fn handle);

/** Note that a thread is where it stays, and stay until the program ends. */
void stay(struct program *program);

/** Wait until so many threads stay. */
void wait_at_work(struct program *program, int count);

/* outlive.c: threads that go on when their request is over. Each returns how many are to be found. */
int outlive_argument(struct program *program);
int outlive_used(struct program *program);
int outlive_parentage(struct program *program);
int outlive_go(struct program *program);
int ignore_cancel(struct program *program);

/* pools.c: threads that live on by design, and take jobs of requests. */
int pool_at_start(struct program *program);
int pool_lazy(struct program *program);
int pool_growing(struct program *program);
int pool_of_library(struct program *program);

/* design.c: others. */
int detached_job(struct program *program);
int by_design(struct program *program);
int unseen_ends(struct program *program);
