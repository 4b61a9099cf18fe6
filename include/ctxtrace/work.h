// SPDX-License-Identifier: Apache-2.0
/*
 * Work: requests, and the tasks (goroutines, threads) that hold a context of one.
 *
 * A request begins when its context is made: a C program says so (REQUEST), a Go program makes it at a place that is
 * known for it (SITE with CT_SITE_REQUEST, provider/request_sites.c). It is over when its handler has returned, which is
 * not when its context ends: the client may go away long before. Signs of the return are, whichever comes first: the
 * server cancels the context (CT_SITE_REQUEST_OVER), it does so once more after somebody else did, the task that serves
 * it begins another request or ends, the address of its context is used again, REQUEST says so.
 *
 * A task belongs to a request when it was started with a context of it, detached ones excepted, until it makes a detached
 * one or derives from another request's. What it derives does not bind it: a pool's worker derives from one request after
 * the other. One that is older than the attach (adopted) belongs to none: what it was started with nobody knows any more,
 * and what its stack still holds may be of the job before.
 *
 * A thread of a C program belongs to one, first match wins: because it says so (from TASK_START to TASK_END); because it
 * was given a context of it as its argument; because its creator was serving it then. The last is no more than a hint, but
 * for as long as the thread has a context that it derived from the request's. A thread that goes from one request to the
 * next without a word is a worker, and so are those started at the same place.
 */
#pragma once

#include "ctxtrace/tree.h"

/** Flags of a request. */
#define CT_REQUEST_IS_HIJACKED 0x01 /**< Its connection was taken over: what goes on is no longer the server's. */
#define CT_REQUEST_IS_STREAM 0x02   /**< It answers piece by piece, for as long as the client listens. */
#define CT_REQUEST_IS_DETACHED 0x04 /**< Its handler has derived a context that is detached from it: it goes on on purpose. */
#define CT_REQUEST_AWAITS_CLIENT 0x08 /**< It reads from its client or writes to it. */
#define CT_REQUEST_AWAITS_TIMER 0x10 /**< Its handler waits for a timer or deadline, or something else until it fires. */
#define CT_REQUEST_AWAITS_CONTEXT 0x40 /**< Its handler waits for a context that is live: it heeds that one. */
#define CT_REQUEST_IS_GUESSED_OVER 0x20 /**< Its context has ended and nobody knows who serves it: it may go on. */

#define CT_REQUEST_HAD_DEADLINE 0x80 /**< While it was served, a deadline below its context has passed. */

/** Why a task belongs to its request. */
enum ct_binding {
	CT_BOUND_BY_CONTEXT,   /**< It has said so, or was started with a context of it. */
	CT_BOUND_BY_PARENTAGE, /**< Its creator was serving it; ct_tree_task_holds() says whether it has a context, too. */
};

/** A request that is being served, or is over and still has tasks that run. One that has neither is not shown. */
struct ct_request {
	uint64_t id;	       /**< From 1. */
	uint64_t context;      /**< Address of its context. */
	uint64_t context_id;
	uint64_t maker;	       /**< Task that made its context: a server's, that may start another one for the handler. */
	uint64_t task;	       /**< Who serves it; 0 unknown. */
	uint64_t begin_ns;
	uint64_t cancelled_ns; /**< Its context ended before the handler returned; 0 it did not. */
	uint64_t over_ns;      /**< 0: it is being served. */
	uint32_t site;	       /**< Where its context was made. */
	uint32_t handler;      /**< Site of one frame: the function that handles it, seen in memory; CT_SITE_UNKNOWN. */
	uint32_t cancelled_by; /**< Canceller's site, however far up it was; CT_SITE_UNKNOWN. */
	uint32_t route;	       /**< What it asks for: ct_tree_route(); 0 unknown. */
	uint32_t tasks;	       /**< Running ones that were started with a context of it. */
	uint64_t outer_id;     /**< C: `id` of the request that `task` was serving when it began this one; 0 none. */
	uint32_t outer;	       /**< Its index. */
	uint8_t cancel_reason; /**< enum ct_cancel_reason of `cancelled_ns`. */
	uint8_t flags;	       /**< CT_REQUEST_IS_ bits. */
};

/** A task that runs. */
struct ct_task {
	uint64_t task;	    /**< goid or thread id; 0: a free slot. */
	uint64_t start_ns;  /**< Contexts made earlier belong to an older task of the same number. 0: before the attach. */
	uint64_t creator;   /**< Task that started it; 0 unknown. */
	uint64_t context;   /**< Address of the context it was started with; 0 none. */
	uint64_t context_id; /**< 0: it was not known, or had ended. */
	uint64_t seen_ns;   /**< The last reading of all goroutines that has it: the `read_ns` of that. */
	uint32_t site;	    /**< Where it was started: the go statement. */
	uint32_t at;	    /**< Where it was when memory was last read; CT_SITE_UNKNOWN. */
	uint32_t request;   /**< Index; CT_INDEX_NONE. */
	bool is_started;    /**< A TASK_START was seen; else it was seen at work, or adopted. */
	bool is_adopted;    /**< Memory has it, and nobody saw it start: before the attach, or the event was lost. */
	bool is_system;	    /**< The runtime's own, and counted nowhere. */
	bool is_boxed;	    /**< In that, its stack leads to a context that may be detached. */
	bool is_explicit;   /**< A thread that says itself for whom it works; else it would be concluded. */
	bool is_of_library; /**< A thread that the context library has started. */
	bool is_worker;	    /**< A thread that went from one request to another without saying so. */
	bool is_awaited;    /**< A thread that another one waits for. */
	uint8_t binding;    /**< enum ct_binding, with a request. */
	uint32_t entry;	    /**< A thread's: site of one frame, the function it began with; CT_SITE_UNKNOWN. */
	uint64_t used;	    /**< Bound by parentage: address of a context it has derived from its request's; 0 none. */
	uint64_t used_id;
};

/** @return one past the highest index of a request; walk 0..end with ct_tree_request(), which skips by returning NULL. */
uint32_t ct_tree_requests_end(const struct ct_tree *tree);

/** @return the request at `index`, or NULL. Borrowed until the next apply, as all of these. */
const struct ct_request *ct_tree_request(const struct ct_tree *tree, uint32_t index);

/** @return the request that a task serves, or NULL. */
const struct ct_request *ct_tree_request_by(const struct ct_tree *tree, uint64_t task);

/** @return a route, "GET /orders/{id}": the program's own text, to be escaped; NULL for 0. */
const char *ct_tree_route(const struct ct_tree *tree, uint32_t index);

/** @return one past the highest index of a task, for ct_tree_task(). */
uint32_t ct_tree_tasks_end(const struct ct_tree *tree);

/** @return the task at `index`, or NULL. */
const struct ct_task *ct_tree_task(const struct ct_tree *tree, uint32_t index);

/** @return the index of a task. */
uint32_t ct_tree_task_index(const struct ct_tree *tree, const struct ct_task *task);

/** @return the task of this number, or NULL when it is not known to run. */
const struct ct_task *ct_tree_task_of(const struct ct_tree *tree, uint64_t task);

/** Does it hold a context of its request, as far as the stream says? */
bool ct_tree_task_holds(const struct ct_tree *tree, const struct ct_task *task);

/** @return when the context that it was started with was ended by its deadline; 0 it was not, or nobody knows any more. */
uint64_t ct_tree_task_deadline_passed(const struct ct_tree *tree, const struct ct_task *task);

/** @return true when events were lost since it was started: what it is bound to may have changed, it may have ended. */
bool ct_tree_task_has_gap(const struct ct_tree *tree, const struct ct_task *task);

/** @return index of the open request that the context belongs to, or CT_INDEX_NONE. */
uint32_t ct_tree_request_of(const struct ct_tree *tree, const struct ct_context *context);
