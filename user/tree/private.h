// SPDX-License-Identifier: Apache-2.0
/*
 * Inside of the tree, private to this room.
 *
 * Contexts live in a slab and are found by address while they live; an ended one leaves the map and stays in the slab
 * as long as a kept context names it as its parent. Every apply first reserves what it may need, so that it can fail
 * only before it changed anything. What depends on time or on other objects (gap, held, maker gone) is not written to
 * a million contexts when it changes: ct_tree_show() brings one context up to date when somebody looks at it.
 */
#pragma once

#include "ctxtrace/explain.h"
#include "ctxtrace/measures.h"
#include "ctxtrace/tree.h"
#include "ctxtrace/work.h"
#include "tree/census_groups.h"
#include "tree/index_map.h"
#include "tree/slab.h"

/* State bits nobody outside may rely on. */
#define CT_CONTEXT_FRESH 0x2000	     /* LOST_ONCE was told by the scan being told now */
#define CT_CONTEXT_TASK_KNOWN 0x8000 /* its maker was entered as a running task */

/* Groups of cancels; beyond, they are counted by their reason alone. */
#define CT_CANCEL_GROUPS_MAX 4096u

/* Ended contexts remembered by address, for the calls that come after the end. Powers of two. */
#define CT_ENDED_SLOTS 16384u
#define CT_ENDED_WAYS 4u /* for each address */
#define CT_ORIGIN_SLOTS 1024u

/* Hops up ended ancestors in search of where a cancellation began; deeper chains are shortened by the memo. */
#define CT_ORIGIN_HOPS_MAX 256u

/* Hops up in search of a cycle when a late create links an adopted context into the tree. */
#define CT_CYCLE_HOPS_MAX 1024u

/* Ended contexts with a cause that were kept for others. A cascade asks for them at once. */
#define CT_CAUSED_SLOTS 1024u

/* Where a cancellation began. */
struct ct_origin {
	uint64_t id; /* of the ended context this was found for */
	uint32_t site;
	uint32_t cause;
	uint8_t reason;
};

/* The cause of an ended context that others are kept for. */
struct ct_caused {
	uint64_t id;
	uint32_t cause;
};

/* What the program says of why it cancels. */
struct ct_cause_table {
	struct ct_cause *items; /* numbered from 1 */
	uint32_t count;
	uint32_t capacity;
	uint64_t to_come_of; /* address of the context whose CANCEL follows; 0 none */
	struct ct_cause to_come;
	struct ct_caused *caused; /* CT_CAUSED_SLOTS */
};

/* Contexts that ended below a live deadline, until it fires or does not: all, and of one deadline. */
#define CT_SHARES_KEPT_MAX 65536u
#define CT_SHARES_OF_ONE_MAX 64u

/* One of them. */
struct ct_share {
	uint32_t next; /* of the same deadline; CT_INDEX_NONE */
	uint32_t site;
	uint8_t used; /* hundredths */
	bool asked_later;
};

/* A live deadline below which some have ended. */
struct ct_open_deadline {
	uint32_t context;
	uint32_t first;
	uint32_t count;
	uint32_t untold;
};

/* Where the time of deadlines goes. Nothing is allocated before there is one. */
struct ct_deadline_table {
	bool is_needed;
	struct ct_deadline **rows; /* CT_DEADLINES_MAX + 1 */
	struct ct_deadline *spare; /* the next row */
	size_t count;
	uint64_t untold;
	struct ct_slab open, shares;
	struct ct_map by_context;
};

/* A context that ended not long ago. */
struct ct_ended {
	uint64_t address; /* 0: empty */
	uint64_t time_ns;
	uint32_t site;
	uint32_t group; /* CT_INDEX_NONE: none */
	uint32_t cause; /* number */
	uint8_t reason;
	uint8_t loss;	  /* enum ct_loss it was counted as; CT_LOSS_END: none */
	bool is_inferred; /* its CANCEL was missed and may still come */
	uint32_t id; /* its low bits */
	uint32_t request; /* the one it belonged to; CT_INDEX_NONE */
	uint32_t request_id; /* its low bits */
	bool is_stranger; /* nobody knew it: all there is to say is when it ended */
};

/* A request that is over and has no task: a thread that was started for it may be late to say so. */
struct ct_lingering {
	uint64_t id; /* 0: none */
	uint32_t index;
};

#define CT_LINGERING_MAX 256u

/* A context that was made at the end of a deep chain. */
struct ct_chain_memo {
	uint64_t id;
	uint32_t length;
};

#define CT_CHAIN_MEMOS 256u

/* One told context, to be untold by the next scan. */
struct ct_told {
	uint64_t id;
	uint32_t index;
};

/* Memory's word. */
struct ct_scans {
	uint32_t scan; /* being told now; 0 none */
	bool is_stopped; /* the target stood still for it */
	uint64_t began_ns;
	struct {
		uint64_t began_ns;
		uint32_t collections;
	} history[2]; /* newest scans with the two highest numbers of collections */
	size_t history_count;
	bool has_links; /* the reading being told says of whom contexts are children */
	bool has_told; /* a census: a complete reading has been told, so what is not mentioned is held */
	struct ct_told *told;
	size_t told_count;
	size_t told_capacity;
};

/* What memory explains (ctxtrace/explain.h). */
struct ct_explained {
	bool is_old; /* another reading has begun since: the next event replaces all of it */
	struct ct_goroutine_totals totals;
	struct ct_goroutine_group *goroutines;
	size_t goroutines_count, goroutines_room;
	struct ct_map by_goroutine;
	struct ct_held_group *held;
	size_t held_count, held_room;
	struct ct_held_chain open; /* hops of the chain that is being told */
	uint64_t open_context;	   /* 0: none is */
	uint8_t open_next;
};

/* What requests ask for, each text once. */
struct ct_routes {
	char **texts; /* CT_ROUTES_MAX, made with the first; the one at 0 is not used */
	uint32_t count;
	struct ct_map by_text;
};

#define CT_ROUTES_MAX 1024u

/* Who was seen to wait for values of a channel first, when memory was last asked. */
struct ct_queue {
	uint64_t channel, request_id, time_ns;
	uint32_t site; /* where it was started */
};

/* Hops up from a context in search of its request. */
#define CT_REQUEST_HOPS_MAX 64

#define CT_QUEUES 256u /* by a hash of the channel; what falls into the same place replaces what was there */

/* A ring of ended contexts. */
struct ct_lifetimes {
	struct ct_lifetime *list; /* NULL: none are kept */
	uint64_t told;
	uint32_t room;
};

struct ct_tree {
	const struct ct_allocator *allocator;
	struct ct_lifetimes lifetimes;
	struct ct_tree_options caps;
	struct ct_slab contexts;
	struct ct_map by_address;
	struct ct_slab sites;
	struct ct_map by_path;
	struct ct_slab tasks;
	struct ct_map by_task;
	bool has_tasks; /* some provider tells about tasks */
	bool has_threads; /* threads are told when they start and when they are gone */
	struct ct_slab requests;
	struct ct_map by_request; /* by the address of their context, until it means another one */
	struct ct_lingering lingering[CT_LINGERING_MAX];
	unsigned int lingering_next;
	struct ct_queue queues[CT_QUEUES];
	struct ct_map by_server;  /* of these one for each task that serves, by its number */
	struct ct_map by_innermost; /* C: the last one that a task began and has not ended */
	struct ct_map by_maker;   /* the last one of each maker that has no server yet */
	uint64_t last_request;
	struct ct_routes routes;
	uint64_t grace_ns;
	struct ct_cancel_group *groups;
	size_t groups_count;
	size_t groups_capacity;
	struct ct_map by_group;
	struct ct_ended *ended;	   /* CT_ENDED_SLOTS */
	struct ct_origin *origins; /* CT_ORIGIN_SLOTS */
	struct ct_cause_table causes;
	struct ct_deadline_table deadlines;
	uint64_t last_id;
	uint64_t gap_to_ns;	     /* end of the latest gap */
	struct ct_context forgotten; /* copy of the context that the last apply forgot */
	struct ct_scans scans;
	struct ct_explained explained;
	struct ct_census_groups census;
	struct ct_chain_memo chains[CT_CHAIN_MEMOS]; /* by context index */
	bool has_deep; /* some site has a deep chain */
	struct ct_totals totals;
	struct ct_measures measures;
	struct ct_window window;
	char *target_strings;
};

/* How a context ends. */
struct ct_ending {
	uint64_t time_ns;
	uint8_t reason;
	uint32_t by; /* canceller's site */
	bool is_inferred;
	const struct ct_cause *cause; /* as the program gave it for this context; NULL */
};

/* One event's handler. */
typedef int (*ct_apply_fn)(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context);

static inline struct ct_context *ct_tree_at(const struct ct_tree *tree, uint32_t index)
{
	return ct_slab_at(&tree->contexts, index);
}

static inline struct ct_site *ct_tree_site_at(const struct ct_tree *tree, uint32_t index)
{
	return ct_slab_at(&tree->sites, index);
}

/* FNV-1a, 64 bits. */
static inline uint64_t ct_text_key(const char *text)
{
	uint64_t key = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		key = (key ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return key;
}

/* Can it be cancelled, as far as anybody knows? */
static inline bool ct_is_cancellable(uint8_t kind)
{
	return kind == CT_KIND_CANCEL || kind == CT_KIND_DEADLINE || kind == CT_KIND_AFTER_FUNC;
}

/* tree.c: everything one event may need, reserved together. */
int ct_tree_reserve(struct ct_tree *tree);
const struct ct_context *ct_tree_show(const struct ct_tree *tree, struct ct_context *context);

/* contexts.c: making, adopting and linking. */
uint32_t ct_context_find(const struct ct_tree *tree, uint64_t address);
uint32_t ct_context_make(struct ct_tree *tree, uint64_t address, uint64_t time_ns);
uint32_t ct_context_adopt(struct ct_tree *tree, uint64_t address, uint64_t time_ns, uint8_t kind);
void ct_context_link(struct ct_tree *tree, uint32_t index, uint32_t parent, uint8_t parent_kind);
uint32_t ct_context_parent(struct ct_tree *tree, uint64_t address, uint8_t parent_kind, uint64_t time_ns);
bool ct_context_is_new_parent(const struct ct_tree *tree, uint64_t address, uint8_t parent_kind);
bool ct_context_is_below(const struct ct_tree *tree, uint32_t index, uint32_t above);

/* endings.c: ending and forgetting. */
const struct ct_context *ct_context_end(struct ct_tree *tree, uint32_t index, const struct ct_ending *ending);
uint8_t ct_context_infer_reason(const struct ct_tree *tree, uint32_t index, uint64_t time_ns);
void ct_context_forget_all(struct ct_tree *tree, uint64_t time_ns);

/* lifetimes.c: ended contexts kept for a trace. */
int ct_lifetimes_init(struct ct_tree *tree, uint32_t most);
void ct_lifetime_keep(struct ct_tree *tree, const struct ct_context *context, const struct ct_ending *ending);

/* losses.c: proven losses that end. */
uint8_t ct_loss_count(struct ct_tree *tree, const struct ct_context *context, const struct ct_ending *ending);
void ct_loss_take_back(struct ct_tree *tree, struct ct_ended *ended);

/* cancels.c: who cancelled what. */
int ct_cancels_reserve(struct ct_tree *tree);
uint32_t ct_cancels_count(struct ct_tree *tree, const struct ct_cancel_group *group);
struct ct_origin ct_origin_find(const struct ct_tree *tree, const struct ct_context *context);
void ct_origin_keep(struct ct_tree *tree, const struct ct_origin *origin);
void ct_ended_keep(struct ct_tree *tree, const struct ct_ended *ended);
struct ct_ended *ct_ended_find(const struct ct_tree *tree, uint64_t address);
uint64_t ct_ended_time(const struct ct_tree *tree, uint64_t address);
uint64_t ct_group_key(const void *owner, uint32_t index);

/* causes.c: what the program says of why. */
int ct_causes_reserve(struct ct_tree *tree);
uint32_t ct_cause_count(struct ct_tree *tree, uint32_t group, const struct ct_cause *cause);
uint32_t ct_cause_inherit(struct ct_tree *tree, uint32_t group, uint32_t number);
void ct_caused_keep(struct ct_tree *tree, uint64_t id, uint32_t cause);
uint32_t ct_caused_find(const struct ct_tree *tree, uint64_t id);
void ct_causes_done(struct ct_tree *tree);

/* deadlines.c: where their time went. */
void ct_deadlines_init(struct ct_tree *tree);
int ct_deadlines_reserve(struct ct_tree *tree);
void ct_deadline_note_end(struct ct_tree *tree, uint32_t index, const struct ct_ending *ending);
void ct_deadlines_forget(struct ct_tree *tree);
void ct_deadlines_done(struct ct_tree *tree);

/* chains.c: how long the chains to the root are. */
void ct_chain_note_create(struct ct_tree *tree, uint32_t index);
int ct_chain_note_reading(struct ct_tree *tree, uint64_t time_ns);

/* measures.c: the same for the whole process, by kind and reason. */
void ct_measure_created(struct ct_tree *tree, const struct ct_context *context);
void ct_measure_ended(struct ct_tree *tree, const struct ct_context *context, const struct ct_ending *ending);
void ct_context_becomes(struct ct_tree *tree, struct ct_context *context, uint8_t kind);

/* sites.c */
uint32_t ct_site_of_path(struct ct_tree *tree, uint32_t path);
void ct_site_count_created(struct ct_site *site, const struct ct_context *context);
void ct_site_count_lifetime(struct ct_site *site, uint64_t lifetime_ns);

int ct_site_of_frame(struct ct_tree *tree, const struct ct_frame *frame, uint32_t *ret_index);
void ct_site_done(const struct ct_allocator *allocator, struct ct_site *site);
int ct_site_count_latency(struct ct_tree *tree, uint32_t site, uint64_t latency_ns, uint64_t time_ns);
void ct_site_count_stale(struct ct_site *site, uint64_t stale_ns);

/* requests.c */
uint64_t ct_request_key(const void *owner, uint32_t index);
uint64_t ct_server_key(const void *owner, uint32_t index);
uint64_t ct_maker_key(const void *owner, uint32_t index);
void ct_request_hold(struct ct_tree *tree, uint32_t index);
void ct_request_leave(struct ct_tree *tree, uint32_t index);
void ct_request_begins(struct ct_tree *tree, uint32_t context, uint64_t task, uint64_t time_ns);
void ct_request_ends(struct ct_tree *tree, uint64_t address, uint64_t time_ns);
void ct_request_finish(struct ct_tree *tree, uint32_t index, uint64_t time_ns); /* it is over, and was not */
void ct_request_note_create(struct ct_tree *tree, uint32_t context, const struct ct_event_create *create);
void ct_request_note_task(struct ct_tree *tree, const struct ct_task *task);
void ct_request_note_task_end(struct ct_tree *tree, const struct ct_task *task, uint64_t time_ns);
uint32_t ct_request_any_of(const struct ct_tree *tree, const struct ct_context *context);
struct ct_request *ct_request_of_route(const struct ct_tree *tree, const struct ct_event_route *seen);
void ct_request_becomes(struct ct_tree *tree, uint64_t task, uint8_t flags);
void ct_requests_close(struct ct_tree *tree);

/* request_ends.c */
void ct_request_context_ends(struct ct_tree *tree, const struct ct_context *context, const struct ct_ending *ending);
void ct_request_cancel_called(struct ct_tree *tree, uint64_t address, uint32_t by, uint64_t time_ns);

/* serving.c */
void ct_serving_push(struct ct_tree *tree, uint32_t request);
void ct_serving_pop(struct ct_tree *tree, uint32_t request);
uint32_t ct_request_current(const struct ct_tree *tree, uint64_t task);

/* bindings.c */
bool ct_request_is_at_hand(const struct ct_tree *tree, const struct ct_ended *ended, uint64_t number);
uint32_t ct_request_bind(struct ct_tree *tree, const struct ct_event_task_start *start, uint64_t *ret_context_id);
void ct_thread_is_worker(struct ct_tree *tree, struct ct_task *task);
void ct_task_part(struct ct_tree *tree, struct ct_task *task);
void ct_task_derives(struct ct_tree *tree, uint32_t context, const struct ct_event_create *create);
void ct_task_serves(struct ct_tree *tree, uint64_t number, uint32_t request);

/* threads.c */
void ct_thread_spawned(struct ct_tree *tree, struct ct_task *thread, const struct ct_event_task_start *start);
void ct_thread_begins_task(struct ct_tree *tree, struct ct_task *thread, const struct ct_event_task_start *start);
void ct_thread_ends_task(struct ct_tree *tree, struct ct_task *thread);

/* handlers.c */
int ct_request_seen_at(struct ct_tree *tree, uint64_t task, uint32_t site, uint8_t awaits);

/* routes.c */
uint64_t ct_route_key(const void *owner, uint32_t index);
void ct_routes_done(struct ct_tree *tree);
int ct_apply_route(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);

/* tasks.c */
struct ct_task *ct_task_find(const struct ct_tree *tree, uint64_t task);
void ct_task_seen_at(struct ct_tree *tree, const struct ct_event_goroutine *seen, uint32_t site);
bool ct_task_seen_at_work(struct ct_tree *tree, uint64_t task, uint64_t time_ns);
bool ct_task_has_gone(const struct ct_tree *tree, uint64_t task, uint64_t time_ns);
void ct_tasks_close(struct ct_tree *tree);

/* goroutines.c, holders.c: what memory explains. */
uint64_t ct_goroutine_key(const void *owner, uint32_t index);
void ct_explained_begin(struct ct_tree *tree); /* drop what an older reading explained */
void ct_explained_clear(struct ct_tree *tree);

/* Handlers of the events, in the files named. */
int ct_apply_create(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret); /* create.c */
int ct_apply_cancel(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret); /* cancel.c */
int ct_apply_cause(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret); /* causes.c */
int ct_apply_cancel_call(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_free(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_abandon(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_request(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_task_start(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_task_join(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_task_end(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_task_seen(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_task_idle(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret); /* queues.c */
int ct_apply_site(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_target(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret); /* window.c */
int ct_apply_provider(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_begin(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_end(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_gap(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_counters(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_exec(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_exit(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_scan_begin(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret); /* scans.c */
int ct_apply_observed(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_rules(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_scan_end(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret);
int ct_apply_goroutine(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret); /* goroutines.c */
int ct_apply_holder(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret); /* holders.c */
