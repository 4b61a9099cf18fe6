// SPDX-License-Identifier: Apache-2.0
/*
 * Inside of the context library: the context itself, and what its files call of one another. Not installed.
 *
 * Three counts hold a context, each one inside the next:
 *	users	 references the program owns. At 0 the program can never cancel it again.
 *	anchors	 reasons why somebody may still reach it downwards: one for users > 0, one for an armed timer, one for
 *		 each anchored child. At 0 only a list of children can hold it.
 *	refs	 reasons to keep the memory: one for anchors > 0, one for being in a list of children, one for each
 *		 child, one for whoever is working on it.
 * A parent's list holds its children and a child holds its parent: that circle is wanted (it is the leak Go has), but
 * only while the parent itself is reachable. So when the topmost context of a tree loses its last anchor, nothing can
 * reach the tree any more, and it is taken apart as Go's collector would (cctx_collect()).
 *
 * Locks: one per context for its end and its list of children, one for the timers. Never two contexts' locks at once;
 * a context's lock may be held while the timers' is taken, never the other way round. Nothing of the program's runs
 * under either.
 */
#ifndef CCTX_PRIVATE_H
#define CCTX_PRIVATE_H

#include "ctxtrace/context.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

/** Life of a context as its futex word tells it. */
enum cctx_state {
	CCTX_LIVE = 0,
	CCTX_AWAITED = 1, /**< Live, and a thread may be asleep on the word. */
	CCTX_ENDED = 2,
};

/** Why a context ended: part of the probe interface, see probe_points.h. */
enum cctx_reason {
	CCTX_REASON_EXPLICIT = 1,
	CCTX_REASON_DEADLINE = 2,
	CCTX_REASON_PARENT = 3,
};

/** Node of the timers' pairing heap. */
struct cctx_heap_node {
	int64_t deadline_ns;
	struct cctx_heap_node *child;
	struct cctx_heap_node *next;
	struct cctx_heap_node *prev; /**< Left sibling, or the parent of a first child. */
};

struct cctx {
	atomic_uint users;
	atomic_uint anchors;
	atomic_uint refs;
	_Atomic uint32_t state; /**< enum cctx_state; changes under `lock`, but for LIVE to AWAITED. */
	enum cctx_kind kind;
	int err;	     /**< Written before `state` becomes ENDED, never after; so is `cause`. */
	const char *cause;   /**< In `cause_text` of the context where the cancellation began, itself or an ancestor. */
	char *cause_text;    /**< Own copy: the preset cause, then the one it was cancelled with. */
	struct cctx *parent; /**< As the program gave it. NULL for a root. */
	struct cctx *scope;  /**< Itself or the nearest ancestor that can end; NULL when none can. */
	int64_t deadline_ns; /**< Earliest on the way to the root; 0 none. */
	pthread_mutex_t lock; /**< Guards all below, but for `next` to `linked`, which the list's own lock guards: that of the
				   scope above, or of its list of topmost ones. */
	struct cctx *children;
	struct cctx *next;
	struct cctx *prev;
	bool linked;
	struct cctx *work_next; /**< Of the one thread that ends or collects it. */
	bool armed;		/**< In the heap; guarded by the timers' lock. */
	struct cctx_heap_node timer;
	int done_fd; /**< -1 until it is asked for. */
	union {
		struct {
			const void *key;
			void *value;
			void (*drop)(void *value);
		} value;
		struct {
			void (*fn)(void *opaque);
			void *opaque;
		} after;
	};
};

/** Counters behind struct cctx_stats; those of created contexts are indexed by kind. */
enum cctx_counter {
	CCTX_COUNT_CREATED,
	CCTX_COUNT_ENDED = CCTX_COUNT_CREATED + CCTX_KIND_END, /**< Plus enum cctx_reason. */
	CCTX_COUNT_FREED = CCTX_COUNT_ENDED + CCTX_REASON_PARENT + 1,
	CCTX_COUNT_DESTROYED,
	CCTX_COUNT_CANCEL_CALLED,
	CCTX_COUNT_ABANDONED,
	CCTX_COUNT_ABANDONED_AFTER_FUNC,
	CCTX_COUNT_ARMED,
	CCTX_COUNT_DISARMED,
	CCTX_COUNT_TASKS_BEGUN,
	CCTX_COUNT_TASKS_ENDED,
	CCTX_COUNT_REQUESTS_BEGUN,
	CCTX_COUNT_REQUESTS_ENDED,
	CCTX_COUNT_END,
};

/** The counters, spread over cache lines. */
#define CCTX_SHARDS 16
struct cctx_shard {
	_Alignas(64) _Atomic uint64_t value[CCTX_COUNT_END];
};
extern struct cctx_shard cctx_shards[CCTX_SHARDS];

/** Add one. */
void cctx_count(unsigned int counter);

/** The id of a context in probes. */
static inline uint64_t cctx_id(const struct cctx *ctx)
{
	return (uint64_t)(uintptr_t)ctx;
}

/** Can it end by itself, not only with its parent? */
static inline bool cctx_is_cancellable(const struct cctx *ctx)
{
	return ctx->scope == ctx;
}

/** The scope whose list of children a cancellable context belongs to; NULL when nothing above it can end. */
static inline struct cctx *cctx_upper(const struct cctx *ctx)
{
	return ctx->parent->scope;
}

/* counts.c */

/** A context with one user that holds its parent; `scope` and `deadline_ns` are inherited. NULL on ENOMEM. */
struct cctx *cctx_new(enum cctx_kind kind, struct cctx *parent);

/** Take a reference on the memory. */
void cctx_hold(struct cctx *ctx);

/** Give it back; frees, and goes on upwards without recursion. */
void cctx_put(struct cctx *ctx);

/** Add an anchor to a context that has one. */
void cctx_anchor(struct cctx *ctx);

/** Take one away; goes on upwards without recursion. */
void cctx_unanchor(struct cctx *ctx);

/* children.c */

/** Add `child` to the list of its scope above. @return false when that has ended. */
bool cctx_children_add(struct cctx *upper, struct cctx *child);

/** Take the first child out; the list's reference is the caller's now. NULL when there is none. */
struct cctx *cctx_children_pop(struct cctx *upper);

/** Take `child` out of the list it is in, if it is. */
void cctx_children_remove(struct cctx *child);

/** Take apart the tree below a topmost context that nothing reaches any more. */
void cctx_collect(struct cctx *top);

/* tops.c */

/** Enter a context that no other can end into its list; a census finds it there. */
void cctx_tops_add(struct cctx *ctx);

/** Take it out again, if it is in. */
void cctx_tops_remove(struct cctx *ctx);

/* end.c */

/**
 * End a context and everything below it.
 *
 * @param own_cause  Text from malloc(), taken over when this call ends the context; NULL: its preset one.
 * @return false when it had ended before.
 */
bool cctx_end(struct cctx *ctx, enum cctx_reason reason, char *own_cause);

/** End a context that is being made and is in no list: its deadline has passed. */
void cctx_end_born_late(struct cctx *ctx);

/** The same: its scope above, which has ended, takes it along. */
void cctx_end_born_dead(struct cctx *ctx);

/* timers.c */

/** See to it that the timer thread runs. @return 0 or a positive errno. */
int cctx_timers_start(void);

/** Arm the timer of a live context; its lock is held. The timer is an anchor. */
void cctx_timers_add(struct cctx *ctx);

/** Disarm; its lock is held. @return true when the timer was armed: the caller drops the anchor, without the lock. */
bool cctx_timers_remove(struct cctx *ctx);

/* timer_heap.c */

/** Insert a node; `root` may be NULL. @return the new root. */
struct cctx_heap_node *cctx_heap_insert(struct cctx_heap_node *root, struct cctx_heap_node *node);

/** Remove a node that is in the heap. @return the new root. */
struct cctx_heap_node *cctx_heap_remove(struct cctx_heap_node *root, struct cctx_heap_node *node);

/* after_func.c */

/** Start the function of a registration whose context has ended. Takes over one reference. */
void cctx_after_func_launch(struct cctx *ctx);

/** pthread_create(), detached, with every signal blocked when asked for. @return 0 or a positive errno. */
int cctx_thread_start(void *(*run)(void *), void *opaque, bool block_signals);

/* wait.c */

/** Wake the sleepers of a context and make its descriptor readable; its lock is held, err and cause are written. */
void cctx_publish_end(struct cctx *ctx);

#endif
