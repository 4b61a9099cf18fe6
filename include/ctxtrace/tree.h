// SPDX-License-Identifier: Apache-2.0
/*
 * The live model: contexts, creation sites, tasks and totals, built from the event stream and nothing else.
 *
 * Pure: no clock, no files, no ELF; memory through the allocator given at _new. Replaying the same events gives the
 * same tree. An ended context is forgotten at once unless a live one below it still needs the path to the root. The
 * tree decides nothing about leaks; that is detect's.
 */
#pragma once

#include "ctxtrace/allocator.h"
#include "ctxtrace/event.h"
#include "ctxtrace/histogram.h"
#include "ctxtrace/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** "No context", "no site": the index that stands for nothing. Site 0 is the unknown site and always exists. */
#define CT_INDEX_NONE UINT32_MAX
#define CT_SITE_UNKNOWN 0u

/** Two readings of the memory closer than this are one: a context in the middle of being made looks lost in both. */
#define CT_PROOF_DISTANCE_NS 1000000000ull

/* State bits of a context. */
#define CT_CONTEXT_ENDED 0x0001	     /**< Ended; kept only for its descendants. */
#define CT_CONTEXT_ADOPTED 0x0002    /**< First seen as a parent, by a cancel or in memory: created before the attach. */
#define CT_CONTEXT_DETACHED 0x0004   /**< A detached link lies between it and its parent. */
#define CT_CONTEXT_GAP 0x0008	     /**< Was alive across a gap: its end may have been missed. */
#define CT_CONTEXT_ABANDONED 0x0010  /**< C: last user reference dropped uncancelled (proof of a lost cancel). */
#define CT_CONTEXT_LOST_ONCE 0x0020  /**< Memory said LOST in one scan. */
#define CT_CONTEXT_LOST 0x0040	     /**< Memory said LOST in two scans, or in one that stopped the target: proof. */
#define CT_CONTEXT_HELD 0x0080 /**< Memory said HELD after a collection begun after its creation, or while all stood still. */
#define CT_CONTEXT_DEFERRED 0x0100   /**< Its cancel function is on `task`'s defer list. */
#define CT_CONTEXT_UNRETAINED 0x0200 /**< Memory: nothing retains it. */
#define CT_CONTEXT_REQUEST 0x0400    /**< Request-scoped (REQUEST event). */
#define CT_CONTEXT_MAKER_GONE 0x0800 /**< Its creating task has ended; never told once another task defers its cancel. */
#define CT_CONTEXT_REQUEST_OVER 0x1000 /**< Its request has ended, it has not. */
#define CT_CONTEXT_UNDECIDED 0x4000    /**< Memory: the last complete scan could not tell. Other bits are the tree's own. */

/** One context that can be cancelled (or a foreign or unread root). At most 56 bytes. */
struct ct_context {
	uint64_t id : 48;     /**< Identity: sequence number from 1. */
	uint64_t hops : 16;   /**< Links (values, detached) between it and its parent; UINT16_MAX: that or more. */
	uint64_t address;     /**< Alias. */
	uint64_t created_ns;  /**< For adopted ones: first seen; their age is a lower bound. */
	uint64_t deadline_ns; /**< 0 none. */
	uint64_t task;	      /**< Maker (goid or thread id), or who defers its cancel function; 0 unknown. */
	uint32_t parent;      /**< Index of the parent, or CT_INDEX_NONE (a root, see parent_kind). */
	uint32_t site;	      /**< Index of its creation site. */
	uint32_t children;    /**< Contexts that name this one as their parent and are still kept. */
	uint16_t state;	      /**< CT_CONTEXT_ bits. */
	uint8_t kind : 4;     /**< enum ct_context_kind. */
	uint8_t parent_kind : 4;
	uint8_t retained_by : 3; /**< CT_RETAINED_ bits, from memory. */
	uint8_t is_todo : 1;	 /**< Its root, however far up, is TODO. */
	uint8_t asked_later : 1; /**< A deadline was asked for it, later than one above: it has none of its own. */
	uint8_t reason : 3;	 /**< enum ct_cancel_reason once ended. */
};
_Static_assert(sizeof(struct ct_context) == 56, "with its map entry a live context stays below 72 bytes");

/** A chain of contexts and links to the root is deep from here on. */
#define CT_CHAIN_DEEP 64

/** So many links the probes are sure to follow up to a parent (bpf/go_types.bpf.h). */
#define CT_LINKS_SEEN 32

/** The longest chain to the root seen at a site: contexts and links, of those deeper than CT_CHAIN_DEEP. */
struct ct_chain {
	uint32_t longest;  /**< 0: none was deep. */
	uint32_t first;	   /**< The first deep one. */
	uint32_t rises;	   /**< How often a creation or a reading found a longer one than all before. */
	uint32_t looks;	   /**< How often one found a deep one at all. */
	uint64_t first_ns; /**< First and last rise. */
	uint64_t last_ns;
};

/** What a context that was proven lost still had when it ended. */
enum ct_loss {
	CT_LOSS_CANCEL, /**< No timer of its own that would have ended it. */
	CT_LOSS_TIMER,	/**< Its own timer ended it, or would have later. */
	CT_LOSS_END,
};

/**
 * Contexts that were proven lost (CT_CONTEXT_LOST, or CT_CONTEXT_ABANDONED with no gap since), lived for `lost_age_ns`
 * at least, and then ended, but not by their owner. What was proven of them stays true.
 */
struct ct_losses {
	uint64_t count;
	uint64_t longest_ns; /**< Longest lifetime. */
	uint8_t retained_by; /**< CT_RETAINED_ bits, all that occurred; at least one. */
	uint8_t reasons;     /**< 1 << enum ct_cancel_reason, all that occurred. */
};

/** Where contexts are made: one call path. */
struct ct_site {
	uint32_t path;	/**< Number in the stream; 0 for the unknown site. */
	uint16_t frames; /**< Frames in `packed`; 0 while no SITE event came. */
	uint16_t packed_bytes;
	char *packed;	/**< Frames as in ct_event_site; read with ct_frame_next(). Owned by the tree. */
	uint8_t kind;	/**< Kind of the contexts made here (the last seen). */
	uint8_t flags;	/**< CT_SITE_ bits. */
	bool is_todo_root; /**< Some context made here hangs directly off TODO. */
	uint16_t deadline; /**< 1 + its number among the deadlines that fired; 0: none did. */
	uint64_t created;
	uint64_t ended[CT_REASON_END];
	uint64_t cancel_called;
	uint64_t live;
	uint64_t first_ns; /**< First and last creation seen. */
	uint64_t last_ns;
	uint64_t todo_rooted; /**< Created with TODO as their root's kind. */
	uint64_t rooted_in_request; /**< Created below Background by a task that was serving a request. */
	uint64_t todo_in_request; /**< The same below TODO. */
	bool starts_workers; /**< A thread started here went from one request to another, or a goroutine waits to. */
	bool leaves_work; /**< Memory has shown a goroutine started here well after its request was over. */
	bool may_detach; /**< Memory has shown one whose context may be detached: then what is started here has to be asked. */
	uint64_t asked_later; /**< Created with a deadline that an earlier one above makes void. */
	uint64_t stale;	      /**< Created below a context that had ended more than the grace before. */
	uint64_t stalest_ns;  /**< Longest time since that end. */
	struct ct_chain chain;
	struct ct_losses losses[CT_LOSS_END]; /**< By enum ct_loss; of the unknown site none. */
	struct ct_histogram lifetime;
	/** How much of their deadline, their own or one above, was over when they ended; one second stands for all of it. */
	struct ct_histogram deadline_used;
	/** From the end of a context made here until a task that was started with it ended, too. NULL: none did. */
	struct ct_histogram *cancel_latency;
};

/** One frame, borrowed from a site. */
struct ct_frame {
	const char *function; /**< As the symbolizer named it; not escaped. */
	const char *file;     /**< May be empty. */
	uint32_t line;	      /**< 0 unknown. */
	uint8_t flags;	      /**< CT_FRAME_ bits. */
};

/** Why the program says it cancelled: distinct causes are numbered from 1, in order of first use; 0 is none. */
struct ct_cause {
	char type[CT_CAUSE_TYPE_BYTES + 1]; /**< Of the error value, "" unknown. Not escaped, nor is the text. */
	bool is_cut;			    /**< The text goes on. */
	char text[CT_CAUSE_TEXT_BYTES + 1]; /**< "" unknown. */
};

/** A cause that is not kept: there were too many different ones. */
#define CT_CAUSE_OTHER UINT32_MAX

/** As many different causes of one group are told apart. */
#define CT_GROUP_CAUSES 4

/** Who cancelled what, aggregated. */
struct ct_cancel_group {
	uint32_t site;	      /**< Of the context that ended. */
	uint32_t by;	      /**< Canceller's path as a site index; CT_SITE_UNKNOWN when none. */
	uint32_t origin_site; /**< reason PARENT: site of the ancestor where it began; else CT_INDEX_NONE. */
	uint8_t reason;
	uint8_t origin_reason; /**< reason PARENT: why that ancestor ended. */
	uint64_t count;
	uint64_t late; /**< Cancel functions called after the end, for this site and reason. */
	uint64_t late_ns; /**< The longest time from the end to such a call. */
	struct {
		uint64_t count;
		uint32_t cause; /**< Number; 0: this and the following are unused. */
	} causes[CT_GROUP_CAUSES];
	uint64_t other_causes; /**< Ended with one that is not among them. */
};

/** Shares of a deadline's time: by hundredths, how often. */
#define CT_SHARES 101

/** Contexts made at one site below deadlines that fired: where their time went. */
struct ct_deadline_child {
	uint32_t site;
	uint64_t finished;    /**< Ended before the deadline passed. */
	uint64_t cancelled;   /**< By the deadline. */
	uint64_t asked_later; /**< Of both: had asked for a deadline of their own, later than this one. */
	uint32_t used[CT_SHARES]; /**< From their creation to their end or the deadline. */
};

/** As many sites are told apart below one deadline. */
#define CT_DEADLINE_CHILDREN_MAX 16

/** As many deadlines that fired are told apart; those of further sites count as made at the unknown one. */
#define CT_DEADLINES_MAX 256

/** Deadlines of one site that fired. Those from before the attach are not among them. */
struct ct_deadline {
	uint32_t site; /**< Where their contexts were made. */
	uint64_t fired;
	uint64_t born_past;	/**< Of these: had passed when the context was made. */
	uint64_t shortest_ns;	/**< Time they gave, as asked for; 0 unknown. */
	uint64_t longest_ns;
	uint64_t untold; /**< Contexts below them that no child stands for: their end was missed, or there is a cap. */
	uint32_t children_count;
	struct ct_deadline_child children[CT_DEADLINE_CHILDREN_MAX]; /**< In order of first use. */
};

/** Numbers of the whole window. `created` counts kinds CANCEL, DEADLINE and AFTER_FUNC. */
struct ct_totals {
	uint64_t events;  /**< Kernel events applied. */
	uint64_t created;
	uint64_t ended[CT_REASON_END]; /**< Of created ones (adopted ones are in `adopted_ended`). */
	uint64_t adopted_ended;
	uint64_t cancel_called;
	uint64_t live;	    /**< Created or adopted and not ended. */
	uint64_t peak_live;
	uint64_t adopted;
	uint64_t unmatched; /**< Ends of contexts nobody knew. */
	uint64_t late;	    /**< Events older than one already applied to the same context. */
	uint64_t gaps;
	uint64_t lost_events; /**< Sum over gaps. */
	uint64_t refused_contexts; /**< Not kept because of max_contexts. */
	uint64_t refused_sites;
	uint64_t refused_tasks;
	uint64_t tasks_seen; /**< Without the runtime's own, as in `tasks_live`. */
	uint64_t tasks_live;
	uint64_t requests_started;
	uint64_t requests_live;
	uint64_t counters[CT_COUNTER_MAX]; /**< As of the last COUNTERS event. */
	uint64_t scans;			   /**< Complete scans. */
	uint64_t failed_scans;
	uint64_t paused_ns; /**< How long the target stood still for all scans together. */
};

/** The window and the target, as told by the stream. Strings are owned by the tree and never NULL. */
struct ct_window {
	uint32_t pid;
	uint8_t runtime;
	bool is_stripped;
	bool is_unknown_release; /**< Newer than the known ones: its layout was verified by structure. */
	bool has_begun;
	bool has_ended;
	bool is_target_gone; /**< It exited, whatever ended the window: all tasks are gone, and that says nothing. */
	uint8_t end_reason;
	uint64_t begin_ns;
	uint64_t end_ns;
	uint64_t wall_clock_ns;
	uint64_t now_ns;	  /**< Latest time in the stream. */
	bool serves_several; /**< C: a thread has served several requests at once, so what it does is not one request's. */
	bool has_torn_scan; /**< Some reading may have missed contexts: what is new in the next one may be older. */
	uint64_t last_scan_ns;	  /**< When the last complete scan was read; 0 none. */
	uint64_t collected_before_ns; /**< Contexts made before this have been through a whole collection; 0 none. */
	uint64_t stopped_ns; /**< When the target stood still for the last complete scan that stopped it; 0 none did. */
	uint64_t last_collection_ns;  /**< A collection was first seen to have ended by then; 0 none seen. */
	const char *exe;
	const char *runtime_version;
	const char *build_id;
	struct {
		char name[32];
		uint32_t attach_points;
	} providers[4];
	size_t providers_count;
};

/** @return true for a window without a probe: everything in it comes from readings of the target's memory. */
static inline bool ct_window_is_census(const struct ct_window *window)
{
	return window->providers_count == 1 && !window->providers[0].attach_points;
}

/** Default of ct_tree_options.max_tasks. Those older than the attach leave half of it to those of the window. */
#define CT_TASKS_MAX 4000000u

/** Caps, and what is worth counting. Zero fields take the defaults. */
struct ct_tree_options {
	uint32_t max_contexts; /**< Default 4,000,000. */
	uint32_t max_sites;    /**< Default 65,536. */
	uint32_t max_tasks;    /**< Default 4,000,000 (CT_TASKS_MAX) live tasks. */
	uint64_t lost_age_ns;  /**< Lost ones that ended younger are no losses (struct ct_losses). Default 0: all are. */
	uint32_t max_lifetimes; /**< Ended contexts to keep, the latest ones, for a trace. Default 0: none. */
};

/** The live model. */
struct ct_tree;

/** @return a new empty tree, or NULL without memory. `allocator` must outlive it. */
struct ct_tree *ct_tree_new(const struct ct_allocator *allocator, const struct ct_tree_options *options);

/** Free the tree and everything in it. NULL is fine. */
void ct_tree_free(struct ct_tree *tree);

/**
 * Apply one event.
 *
 * Events of one context arrive in order; across contexts they may be late. A create at a known live address proves
 * that the old context was freed (reason FREED). An unknown parent is adopted. STACK events are ignored (names come as
 * SITE); a path may be used before its SITE arrives.
 *
 * @param tree         Tree to change.
 * @param event        Validated event, borrowed for this call.
 * @param ret_context  Context concerned as it is after the event, borrowed until the next apply; NULL for events of
 *                     tasks and windows, and for contexts already forgotten. Optional.
 * @return 0; -ENOSPC at a cap (counted, tree unchanged but for counters); -ENOMEM; -EPROTO when event and tree
 *         contradict each other.
 */
int ct_tree_apply(struct ct_tree *tree, const struct ct_event *event, const struct ct_context **ret_context);

/** @return the live context at this address, or NULL. Borrowed until the next apply. */
const struct ct_context *ct_tree_find(const struct ct_tree *tree, uint64_t address);

/** Is what memory shows at the address of a live context another one than that? */
bool ct_tree_is_another(const struct ct_tree *tree, const struct ct_context *context, const struct ct_event_observed *seen);

/** @return the context at `index` (live or kept), or NULL. */
const struct ct_context *ct_tree_context(const struct ct_tree *tree, uint32_t index);

/** @return the identity of the context at `index`, 0 when there is none; cheap enough to ask of all. */
uint64_t ct_tree_id(const struct ct_tree *tree, uint32_t index);

/** @return the parent, or NULL at a root. */
const struct ct_context *ct_tree_parent(const struct ct_tree *tree, const struct ct_context *context);

/** @return true when the chain from it to its root, itself included, is longer than CT_CHAIN_DEEP. */
bool ct_tree_is_deep(const struct ct_tree *tree, const struct ct_context *context);

/** @return one past the highest context index; walk 0..end with ct_tree_context(), which skips by returning NULL. */
uint32_t ct_tree_end(const struct ct_tree *tree);

/** @return the index of a context. */
uint32_t ct_tree_index(const struct ct_tree *tree, const struct ct_context *context);

/** @return how many contexts are kept at most: ct_tree_options.max_contexts, or its default. */
uint32_t ct_tree_contexts_max(const struct ct_tree *tree);

/** @return the site at `index`, or NULL past the last. */
const struct ct_site *ct_tree_site(const struct ct_tree *tree, uint32_t index);

/** @return how many sites there are, the unknown one included. */
uint32_t ct_tree_sites(const struct ct_tree *tree);

/** @return the who-cancelled-what groups; `ret_count` of them, in order of first use. Borrowed until the next apply. */
const struct ct_cancel_group *ct_tree_cancels(const struct ct_tree *tree, size_t *ret_count);

/** What is kept of a context that ended. */
struct ct_lifetime {
	uint64_t id;
	uint64_t begin_ns;  /**< As in struct ct_context: of adopted ones the first time they were seen. */
	uint64_t end_ns;    /**< Of those seen as freed only: when that was seen. */
	uint64_t task;
	uint32_t site;
	uint16_t state; /**< CT_CONTEXT_ bits at the end. */
	uint8_t kind;
	uint8_t reason;
};

/**
 * The ended contexts that were kept (struct ct_tree_options), in no order that means anything.
 *
 * @param ret_count      How many.
 * @param ret_forgotten  How many older ones were not kept, for want of room.
 * @return them, borrowed until the next apply; NULL when none were to be kept.
 */
const struct ct_lifetime *ct_tree_lifetimes(const struct ct_tree *tree, size_t *ret_count, uint64_t *ret_forgotten);

/** @return the cause of this number, or NULL for 0 and CT_CAUSE_OTHER. Borrowed until the next apply. */
const struct ct_cause *ct_tree_cause(const struct ct_tree *tree, uint32_t number);

/** @return the cause that the stream has told of the CANCEL to come of the context at this address, or NULL. */
const struct ct_cause *ct_tree_cause_to_come(const struct ct_tree *tree, uint64_t address);

/** How a context ended, as far as that is remembered. */
struct ct_end_facts {
	uint64_t time_ns;
	uint32_t site;	/**< Where it was made. */
	uint32_t by;	/**< Who cancelled it, a site. */
	uint32_t cause; /**< Number; 0: none, or none of its own. */
	uint8_t reason;
};

/** What is remembered of the last context that ended at this address. @return false: nothing. */
bool ct_tree_end_facts(const struct ct_tree *tree, uint64_t address, struct ct_end_facts *ret);

/** The same of an ended context that is kept for those below it. */
bool ct_tree_end_facts_of(const struct ct_tree *tree, const struct ct_context *context, struct ct_end_facts *ret);

/** @return the deadline a context is under, its own or the nearest one above; NULL when there is none. */
const struct ct_context *ct_tree_deadline_of(const struct ct_tree *tree, const struct ct_context *context);

/**
 * @param ret_count   How many.
 * @param ret_untold  Contexts that ended below deadlines, fired or not, and are counted nowhere: there is a cap.
 * @return deadlines that fired, by site, in order of first use. Borrowed until the next apply.
 */
const struct ct_deadline *const *ct_tree_deadlines(const struct ct_tree *tree, size_t *ret_count, uint64_t *ret_untold);

/** @return a share (0..100, hundredths) that `quantile` (0..1) of them do not exceed; -1 when none is known. */
int ct_deadline_child_used(const struct ct_deadline_child *child, double quantile);

/** @return true while the task is known to run. */
bool ct_tree_is_task_live(const struct ct_tree *tree, uint64_t task);

/** @return the totals. */
const struct ct_totals *ct_tree_totals(const struct ct_tree *tree);

/** @return window and target. */
const struct ct_window *ct_tree_window(const struct ct_tree *tree);

/**
 * @return true when events were lost or refused, so that verdicts need memory's word; or when this is a census whose
 * memory could not be read twice.
 */
bool ct_tree_is_incomplete(const struct ct_tree *tree);

/**
 * Walk the frames of a site, innermost first.
 *
 * @param site    The site.
 * @param cursor  Start with 0; advanced by the call.
 * @param ret     The frame.
 * @return true while there is one.
 */
bool ct_frame_next(const struct ct_site *site, uint32_t *cursor, struct ct_frame *ret);

/** @return lifetime in nanoseconds below which `quantile` (0..1) of the ended contexts lie; 0 when none ended. */
uint64_t ct_site_lifetime(const struct ct_site *site, double quantile);
