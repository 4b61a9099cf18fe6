// SPDX-License-Identifier: Apache-2.0
/*
 * Cancellation contexts for C, with the semantics of Go's package context. Library: libctxtrace-context.
 *
 * A context tells work when to stop. Contexts form a tree: a context made from a parent ends when the parent ends, when
 * its own deadline passes, or when somebody calls its cancel function, whichever comes first, and never un-ends. Work
 * that was given a context looks at it (cctx_done(), cctx_wait(), cctx_done_fd()) and stops. Contexts also carry
 *values.
 *
 *	cctx_t *ctx = cctx_with_timeout(request, 2 * CCTX_SECOND);
 *	if (!ctx)
 *		return -errno;
 *	int err = query_user(ctx, id, &user);
 *	cctx_cancel(ctx, NULL);		// always, on every path: this takes it out of its parent
 *	cctx_unref(ctx);
 *
 * Ownership. Every function that returns a context gives one reference; cctx_unref() takes it back. cctx_unref() does
 * NOT cancel. Dropping the last reference of a context that was never cancelled is what losing the cancel function is
 * in Go, with the same result: a live parent keeps it in its list of children until the parent ends, a timer keeps it
 * until it fires, and only what neither keeps is freed at once. ctxtrace finds these.
 *
 * Every function may be called from every thread. Nothing here may be called from a signal handler, and contexts do
 * not survive fork(): a child process may only exec.
 *
 * Not here: error values instead of strings as causes, user-defined context types, contexts across processes.
 */
#ifndef CTXTRACE_CONTEXT_H
#define CTXTRACE_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Exported from the shared library; everything else in it is hidden. */
#define CCTX_API __attribute__((visibility("default")))

/** One second and one millisecond in nanoseconds, the unit of every time here. */
#define CCTX_SECOND	 INT64_C(1000000000)
#define CCTX_MILLISECOND INT64_C(1000000)

/** A context. Opaque. */
typedef struct cctx cctx_t;

/** A registration made by cctx_after_func(): what Go's stop function is. Opaque. */
typedef struct cctx_stop cctx_stop_t;

/** What a context is. The numbers are part of the probe interface and never change. */
enum cctx_kind {
	CCTX_KIND_ROOT = 1,	  /**< Background or todo. */
	CCTX_KIND_CANCEL = 2,	  /**< Ends by cancel or by its parent. */
	CCTX_KIND_DEADLINE = 3,	  /**< The same, and it has a timer of its own. */
	CCTX_KIND_VALUE = 4,	  /**< Carries a value; ends with its parent. */
	CCTX_KIND_DETACHED = 5,	  /**< Keeps values, never ends. */
	CCTX_KIND_AFTER_FUNC = 6, /**< A registration that runs a function when its parent ends. */
	CCTX_KIND_END = 7,
};

/* Roots */

/**
 * The root for main(), tests and servers. Never ends, has no deadline and no values.
 *
 * @return A static context; cctx_ref() and cctx_unref() do nothing to it.
 */
CCTX_API cctx_t *cctx_background(void);

/**
 * A placeholder root for code that has not been given its context yet. Behaves as cctx_background().
 *
 * @return A static context.
 */
CCTX_API cctx_t *cctx_todo(void);

/* Derived contexts: each returns one reference, or NULL with errno ENOMEM, EAGAIN (no timer thread) or EINVAL */

/**
 * Derive a context that can be cancelled. Under a parent that has ended it is born ended.
 *
 * @param parent  Borrowed; the child keeps it alive. NULL gives NULL with EINVAL, so a chain of calls needs one check.
 */
CCTX_API cctx_t *cctx_with_cancel(cctx_t *parent);

/**
 * The same with the cause to be recorded when cctx_cancel() is given none.
 *
 * @param cause  Copied. NULL: as cctx_with_cancel().
 */
CCTX_API cctx_t *cctx_with_cancel_cause(cctx_t *parent, const char *cause);

/**
 * Derive a context that ends at a point in time. A parent's earlier deadline wins: then no timer is armed and the
 * kind is CCTX_KIND_CANCEL. A deadline in the past gives a context that is born ended.
 *
 * @param deadline_ns  CLOCK_MONOTONIC, see cctx_now().
 */
CCTX_API cctx_t *cctx_with_deadline(cctx_t *parent, int64_t deadline_ns);

/**
 * The same with the cause to be recorded when the deadline passes. As in Go, an explicit cancel does not use it.
 *
 * @param cause  Copied. NULL: as cctx_with_deadline().
 */
CCTX_API cctx_t *cctx_with_deadline_cause(cctx_t *parent, int64_t deadline_ns, const char *cause);

/**
 * cctx_with_deadline() at now + timeout_ns. 0 and less: born ended. Too far to be counted: no deadline that matters.
 */
CCTX_API cctx_t *cctx_with_timeout(cctx_t *parent, int64_t timeout_ns);

/** cctx_with_deadline_cause() at now + timeout_ns. */
CCTX_API cctx_t *cctx_with_timeout_cause(cctx_t *parent, int64_t timeout_ns, const char *cause);

/**
 * Derive a context that carries a value. It ends with its parent; cctx_cancel() on it does nothing.
 *
 * @param key    Compared by address; use the address of a static object of your own. NULL is EINVAL.
 * @param value  What cctx_value() returns for the key.
 * @param drop   Called with `value` when the context is freed, on whichever thread frees it, no lock held. May be NULL.
 *               Not called when this function fails.
 */
CCTX_API cctx_t *cctx_with_value(cctx_t *parent, const void *key, void *value, void (*drop)(void *value));

/**
 * Derive a context that keeps the values of its parent, but not its end and not its deadline: for work that is meant to
 * go on after the request.
 */
CCTX_API cctx_t *cctx_without_cancel(cctx_t *parent);

/* Ending */

/**
 * End a context now, and everything derived from it (but not what lies behind cctx_without_cancel()). Disarms its
 * timer and takes it out of its parent. The first call wins; later ones are counted and change nothing.
 *
 * When it returns true, every descendant has ended. Depth costs no stack.
 *
 * @param ctx    A context made by a cctx_with_cancel or _deadline or _timeout function. Others and NULL: no effect.
 * @param cause  Why, for cctx_cause(). Copied (dropped when memory is out). NULL: the preset cause or none.
 * @return true when this call ended it.
 */
CCTX_API bool cctx_cancel(cctx_t *ctx, const char *cause);

/* References */

/** Take one more reference. @return `ctx`. */
CCTX_API cctx_t *cctx_ref(cctx_t *ctx);

/**
 * Give one reference back. Does not cancel: see "Ownership" above. NULL is fine.
 *
 * The memory of a context goes back when no reference, no timer, no child and no live parent holds it. A group of
 * contexts that only hold one another is freed too, as a garbage collector would.
 */
CCTX_API void cctx_unref(cctx_t *ctx);

/* Questions */

/** Has it ended? One atomic load: cheap enough for every turn of a loop. */
CCTX_API bool cctx_done(const cctx_t *ctx);

/** @return 0 while it is live, ECANCELED, or ETIMEDOUT when a deadline (its own or an ancestor's) ended it. */
CCTX_API int cctx_err(const cctx_t *ctx);

/**
 * Why it ended: the cause given where the cancellation began, or a standard text when none was.
 *
 * @return NULL while it is live. Valid as long as the caller's reference.
 */
CCTX_API const char *cctx_cause(const cctx_t *ctx);

/**
 * When will it end by itself?
 *
 * @param ret_deadline_ns  The earliest deadline on the way to the root, CLOCK_MONOTONIC. May be NULL. Untouched on
 * false.
 * @return false without deadline.
 */
CCTX_API bool cctx_deadline(const cctx_t *ctx, int64_t *ret_deadline_ns);

/** The value of the nearest context that carries `key`, itself included; NULL when none does. */
CCTX_API void *cctx_value(const cctx_t *ctx, const void *key);

/** What it is. A context made by cctx_with_deadline() may be CCTX_KIND_CANCEL, see there. */
CCTX_API enum cctx_kind cctx_kind(const cctx_t *ctx);

/** CLOCK_MONOTONIC in nanoseconds. */
CCTX_API int64_t cctx_now(void);

/* Waiting */

/**
 * Wait until the context ends. This is also how to sleep under a context.
 *
 * @param timeout_ns  How long at most; 0 does not block; negative: for ever.
 * @return cctx_err() when it ended, EAGAIN when the time was up first. Signals do not interrupt it.
 */
CCTX_API int cctx_wait(const cctx_t *ctx, int64_t timeout_ns);

/**
 * A file descriptor for poll() and epoll, readable for ever once the context has ended.
 *
 * Made at the first call, not before: one descriptor per context would exhaust RLIMIT_NOFILE.
 *
 * @return Owned by the context, valid as long as the caller's reference; neither close nor write it. Negative errno:
 *	   -EOPNOTSUPP for a context that can never end; -EMFILE and the like.
 */
CCTX_API int cctx_done_fd(cctx_t *ctx);

/* Functions that run when a context ends */

/**
 * Run `fn(opaque)` in a thread of its own when the context ends; at once when it already has.
 *
 * When no thread can be started, it runs on the thread that ended the context.
 *
 * @return The registration, to be given back with cctx_stop_release(). NULL with errno ENOMEM or EINVAL.
 */
CCTX_API cctx_stop_t *cctx_after_func(cctx_t *ctx, void (*fn)(void *opaque), void *opaque);

/**
 * Do not run it.
 *
 * @return true when this call prevented it. false when it had been stopped before, or has been started; it may still
 *	   be running then. NULL: false.
 */
CCTX_API bool cctx_stop(cctx_stop_t *stop);

/**
 * Give the registration back. Does not stop it: without cctx_stop() before, it stays with its context until that ends
 * (Go: the stop function was dropped). NULL is fine.
 */
CCTX_API void cctx_stop_release(cctx_stop_t *stop);

/* Threads and requests: what ctxtrace knows work by */

/**
 * Run `fn(ctx, opaque)` in a detached thread that works for `ctx`, bracketed by task events.
 *
 * @param ctx    The thread has a reference of its own for as long as `fn` runs.
 * @param label  Name of the thread, cut to 15 bytes. May be NULL.
 * @return 0 or a negative errno; then `fn` does not run.
 */
CCTX_API int cctx_go(cctx_t *ctx, void (*fn)(cctx_t *ctx, void *opaque), void *opaque, const char *label);

/** The calling thread works for `ctx` from here on: for threads that cctx_go() did not start. Does not nest. */
CCTX_API void cctx_task_begin(cctx_t *ctx, const char *label);

/** The calling thread no longer works for the context of its last cctx_task_begin(). */
CCTX_API void cctx_task_end(void);

/** A request begins whose context is `ctx`; the calling thread handles it. `label` may be NULL. */
CCTX_API void cctx_request_begin(cctx_t *ctx, const char *label);

/** The request of `ctx` has been answered. Call before cancelling it. `status` means what the program wants it to. */
CCTX_API void cctx_request_end(cctx_t *ctx, int status);

/* Ground truth */

/**
 * What the library has done since the process started. Exact when no other thread is inside the library, else each
 * number may be a moment old. "Cancellable" are the kinds cancel, deadline and after_func.
 */
struct cctx_stats {
	uint64_t created[CCTX_KIND_END]; /**< By enum cctx_kind; [0] is unused. */
	uint64_t ended_explicit;	 /**< By cctx_cancel(), or cctx_stop() in time. */
	uint64_t ended_deadline;	 /**< By their own deadline. */
	uint64_t ended_parent;		 /**< Because an ancestor ended. */
	uint64_t freed;			 /**< Cancellable ones freed without having ended: nothing kept them. */
	uint64_t cancel_called;		 /**< Calls of cctx_cancel() or cctx_stop() after the end. */
	uint64_t abandoned;		 /**< Cancel and deadline: last reference dropped while live (lost cancel). */
	uint64_t abandoned_after_func;	 /**< Registrations released while live, neither stopped nor run. */
	uint64_t live;			 /**< Cancellable ones neither ended nor freed. */
	uint64_t allocated;		 /**< Contexts of every kind whose memory is in use; roots not counted. */
	uint64_t armed;			 /**< Timers armed now. */
	uint64_t tasks;			 /**< Task begins. */
	uint64_t tasks_live;		 /**< Without an end so far. */
	uint64_t requests;		 /**< Request begins. */
	uint64_t requests_live;		 /**< Without an end so far. */
};

/** Read the counters. */
CCTX_API void cctx_stats(struct cctx_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
