// SPDX-License-Identifier: Apache-2.0
/*
 * ctxdemo: small programs on the C context library that use it wrongly, each beside a twin that does not. ctxtrace is
 * tried on them; the statistics at the end are the ground truth.
 *
 * A scenario is a function that is called again and again, as a service is by its clients. It runs on the main thread
 * and starts others where the real thing would. To add one: a function (or two) in a file of scenarios, a row in
 * scenarios.c, its prototype in scenarios.h.
 */
#ifndef CTXDEMO_DEMO_H
#define CTXDEMO_DEMO_H

#include "ctxtrace/context.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

/** Functions that must be seen in stacks under their own names. */
#if defined(__clang__)
#define SEEN __attribute__((noinline))
#else
#define SEEN __attribute__((noipa))
#endif

struct demo;

/** One scenario. */
struct scenario {
	const char *name;
	const char *expect; /**< Kind of finding, or "none". */
	double rate;	    /**< Rounds per second unless --rate says otherwise; 0 as fast as it goes. */
	void (*round)(struct demo *demo, uint64_t round);
	const char *describe;
};

/** All of them; the last has no name. The first is the default. */
extern const struct scenario scenarios[];

/** What was asked for. */
struct demo_options {
	const struct scenario *scenario;
	double rate;	 /**< Negative: the scenario's own. */
	uint64_t rounds; /**< 0: without end. */
	double seconds;	 /**< 0: without end. */
	double hold;
};

/** The running program. */
struct demo {
	cctx_t *app; /**< Lives as long as the program, as a server's context does. Never cancelled. */
	atomic_bool is_stopping;
	atomic_int tasks;  /**< Threads of demo_go(). */
	atomic_int parked; /**< Of these: stand still until the process ends, see demo_work(). */
	void *state;	   /**< Of the scenario; NULL at first. */
};

/* tasks.c */

/**
 * Work that takes its time and asks no context. When the program stops in the middle of it, the thread stands still
 * and does not return: what hangs shall still hang in the last statistics, as it would in a real program's last moment.
 */
void demo_work(struct demo *demo, int64_t duration_ns);

/** cctx_go() with `fn(demo, ctx, opaque)`, counted, so that the program can wait for its threads at the end. */
void demo_go(struct demo *demo, cctx_t *ctx, void (*fn)(struct demo *demo, cctx_t *ctx, void *opaque), void *opaque,
	     const char *label);

/**
 * Handle a request in a thread of its own: begin, handler, end, cancel.
 *
 * @param request  The reference is taken over.
 * @param handler  @return the status.
 */
void demo_serve(struct demo *demo, cctx_t *request, int (*handler)(struct demo *demo, cctx_t *request),
		const char *label);

/** Are so many threads at work that the scenario has made its point? */
bool demo_is_crowded(const struct demo *demo);

/** Wait until no thread of demo_go() can change the statistics any more, 10 s at most. @return false when some may. */
bool demo_drain(struct demo *demo);

/** The pointer, or the end of the program: demos have nothing to fall back to. */
void *demo_check(void *pointer, const char *what);

/** A counter that threads post and one waits on. Shared, so it counts its owners. */
struct signal {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int posted;
	int owners;
};

/** A new one with this many owners; each calls signal_leave() once. */
struct signal *signal_new(int owners);

/** Add one. */
void signal_post(struct signal *signal);

/** Wait for `count` posts. As demo_work(), it does not return once the program stops. */
void signal_wait(struct signal *signal, int count, struct demo *demo);

/** Give up one's share; the last frees it. */
void signal_leave(struct signal *signal);

#endif
