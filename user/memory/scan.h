// SPDX-License-Identifier: Apache-2.0
/* One reading in the making: the state its passes share. The order of the passes is told in scan.c. */
#pragma once

#include "memory/c_library.h"
#include "memory/census.h"
#include "memory/children.h"
#include "memory/facts.h"
#include "memory/frozen.h"
#include "memory/heap.h"
#include "memory/itab.h"
#include "memory/layout.h"
#include "memory/locate.h"

/* What the passes found out about a candidate. The first six each prove that it is a context, not a user's struct. */
#define CT_SEEN_IN_MAP 0x0001	   /**< Key of its parent's children. */
#define CT_SEEN_OWNED 0x0002	   /**< A cancel function for it exists. */
#define CT_SEEN_TIMER 0x0004	   /**< Its timer's callback exists. */
#define CT_SEEN_WATCHER 0x0008	   /**< A goroutine watches its foreign parent. */
#define CT_SEEN_HAS_CHILDREN 0x0010 /**< Its children map has contexts as keys. */
#define CT_SEEN_KNOWN 0x0020	   /**< A create event named it. */
#define CT_SEEN_PROOF 0x003f
#define CT_SEEN_UNSWEPT 0x0040	 /**< Its span is not swept yet. */
#define CT_SEEN_TORN_MAP 0x0080	 /**< Its children map changed while it was read: keys may be missing. */
#define CT_SEEN_REACHED 0x0100	 /**< Programs with inlined creators: its pointer is on a stack or in a closure. */
#define CT_SEEN_VIA_OUTER 0x0200 /**< Proven under its outer address (1.20's timerCtx). */
#define CT_SEEN_IN_CALL 0x0400	 /**< Its creator or its cancel function has not returned yet. */
#define CT_SEEN_YOUNG 0x0800	 /**< Made since the last collection, so its cancel function cannot have been collected. */
#define CT_SEEN_GARBAGE 0x1000	 /**< Frozen: nothing reaches it. */

/** A live, uncancelled object that looks like a context. */
struct ct_candidate {
	struct ct_census_context seen; /**< `parent` is the parent's data pointer until the parents pass. */
	uint64_t object;	       /**< Its cancelCtx; `seen.address` but for a timerCtx of 1.20. */
	uint64_t children;	       /**< Map, 0 none. */
	uint16_t flags;		       /**< CT_SEEN_. */
	uint8_t parent_concrete;       /**< enum ct_concrete of its parent's itab. */
	uint8_t is_armed;	       /**< Its timer word is set. */
};

/** 1.20: a timerCtx {*cancelCtx, timer, deadline}. */
struct ct_outer {
	uint64_t address;
	uint64_t inner;
	uint64_t deadline_ns;
};

/** Where the target keeps things. */
struct ct_census {
	struct ct_memory *memory; /**< What is read: `process`, or what the maker of the census gave. */
	struct ct_process_memory process; /**< Zero when the memory is somebody else's. */
	struct ct_c_library *c_library; /**< Set: a C program, and nothing below is used. */
	struct ct_memory_listener *listener; /**< Hears `memory`; may be NULL. */
	uint64_t read_bound; /**< What one scan may ask for. */
	struct ct_go_layout layout;
	struct ct_census_facts facts; /**< `allgs` is filled in by the first reading that finds it. */
	struct ct_heap heap;
	struct ct_itabs itabs;
	struct ct_span_view view;
	struct ct_memory_window window;
	struct ct_children_reader children;
	uint64_t todo; /**< Up to 1.20: data pointer of context.TODO(), as of this reading; 0 unknown. */
	unsigned int helpers; /**< Threads that read ahead. */
	uint64_t end_ns;      /**< CLOCK_MONOTONIC at which a reading gives up, 0 never. */
	size_t spans_read, spans_to_read; /**< Of the current reading. */
	bool lists_goroutines;
	struct ct_freeze *freeze; /**< What is read is this copy; NULL: a process that runs. Borrowed. */
};

/**
 * What the passes met that speaks for the layout, and what speaks against it (verify.c). A running program leaves a few
 * odd ones; a wrong layout makes most of them odd.
 */
struct ct_evidence {
	uint64_t goroutines, odd_goroutines;
	uint64_t whole_goroutines;	/**< Of the sound ones those with an entry. */
	uint64_t waiting, odd_waiting;	/**< Those that wait, with a frame on their stack and without. */
	bool has_odd_main;		/**< The first goroutine is not the one that runs main. */
	uint64_t counted, odd_counted;	/**< Spans with as many live elements as they say, and others. */
	uint64_t keys, odd_keys;	/**< Of children maps: live contexts, and what the library never makes. */
	struct ct_sized {
		uint64_t sound, odd;
	} linked[2], owned[2];		/**< Of the size of their type, and of another, cancelCtx apart from the larger ones:
					     parents and children; what cancel functions name. */
	uint64_t owners;		/**< Cancel functions that name a live context. */
};

/** The goroutines of one reading. */
struct ct_goroutine_list {
	struct ct_census_goroutine *list;
	size_t count, room;
	bool is_cut; /**< There were too many, or some could not be read: none is told. */
};

/** One reading. */
struct ct_scan {
	struct ct_census *census;
	struct ct_memory *memory;
	ct_census_known known;
	void *opaque;
	struct ct_candidate *candidates; /**< By object. */
	size_t count, room;
	uint32_t *slots; /**< Open addressing by object: index + 1, 0 empty. Made once all candidates are there. */
	size_t slots_count;
	struct ct_outer *outers; /**< By address. */
	size_t outer_count, outer_room;
	struct ct_evidence evidence;
	struct ct_goroutine_list goroutines;
	bool is_refused;
	const struct ct_span_view *view; /**< The span being looked at. */
	bool is_complete;
	char *reason; /**< Of the result. */
};

#define CT_REASON_BYTES sizeof(((struct ct_census_result *)0)->reason)

/** Something could not be read: the first reason stays. */
void ct_scan_incomplete(struct ct_scan *scan, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Let the caller work while memory is read. */
void ct_scan_breathe(struct ct_scan *scan);

/** Is there no time left? Then the reading is incomplete, and says so. */
bool ct_scan_is_late(struct ct_scan *scan);

/** Make the index. @return 0 or -ENOMEM. */
int ct_scan_index(struct ct_scan *scan);

/** Candidate at an address (of a context, or of 1.20's timerCtx), or NULL. `ret_outer` may be NULL. */
struct ct_candidate *ct_scan_find(struct ct_scan *scan, uint64_t address, const struct ct_outer **ret_outer);

/** Note a fact about the candidate at `address`, if there is one. @return it, or NULL. */
struct ct_candidate *ct_scan_note(struct ct_scan *scan, uint64_t address, uint16_t flags);

/** Deadline of a time.Time {wall, ext}: CLOCK_MONOTONIC, 0 without a monotonic reading. */
uint64_t ct_scan_deadline(const struct ct_census *census, uint64_t wall, uint64_t ext);

/**
 * Is element `index` of the view alive: reached, in a frozen process; else allocated, as of the last
 * collection?
 */
bool ct_scan_is_live(const struct ct_scan *scan, uint32_t index);

/** Element sizes the passes need. */
ct_sizes ct_scan_sizes(const struct ct_census *census);

/** Frozen processes only: find what can be reached. @return 0 or negative errno. */
int ct_scan_mark(struct ct_scan *scan);

/** The passes. @return 0 or negative errno (the reading is worth nothing then). */
int ct_scan_contexts(struct ct_scan *scan);
int ct_scan_owners(struct ct_scan *scan);
int ct_scan_children(struct ct_scan *scan);
int ct_scan_goroutines(struct ct_scan *scan);
int ct_scan_parents(struct ct_scan *scan);
int ct_scan_judge(struct ct_scan *scan);

/**
 * Does what the passes met look like the layout that was used? A release whose layout is not known has to prove it, a
 * known one must not contradict it.
 *
 * @return true; or false with a sentence that says what does not fit.
 */
bool ct_scan_verify(struct ct_scan *scan, char *ret_reason, size_t room);

/** Weigh whether an object that is told to be a context of a kind has the size of such. */
void ct_weigh_size(struct ct_scan *scan, struct ct_sized sized[2], uint64_t address, uint8_t kind);

/** src/runtime/runtime2.go: _Gidle, _Grunnable, _Grunning, _Gwaiting, _Gdead, _Gcopystack, _Gpreempted, _Gscan. */
#define CT_GOROUTINE_IDLE 0
#define CT_GOROUTINE_RUNNABLE 1
#define CT_GOROUTINE_RUNNING 2
#define CT_GOROUTINE_WAITING 4
#define CT_GOROUTINE_DEAD 6
#define CT_GOROUTINE_COPYING 8 /* its stack */
#define CT_GOROUTINE_PREEMPTED 9
#define CT_GOROUTINE_SCANNED 0x1000 /* flag: its stack is being scanned, and may be moved to a smaller one */

/** Status of a runtime.g, without the flag. */
static inline uint32_t ct_goroutine_status(const struct ct_goroutine_layout *layout, const uint8_t *g)
{
	return (uint32_t)ct_load(g + layout->status, 4) & ~(uint32_t)CT_GOROUTINE_SCANNED;
}

/** Is its stack being copied to another one, or may it be? Its words then name both, some of each. */
static inline bool ct_goroutine_is_moving(const struct ct_goroutine_layout *layout, const uint8_t *g)
{
	uint64_t status = ct_load(g + layout->status, 4);

	return status & CT_GOROUTINE_SCANNED || status == CT_GOROUTINE_COPYING;
}

/**
 * Visit every goroutine that has a stack: `g` is CT_G_BYTES of its runtime.g.
 *
 * @return 0; what `visit` returned unless 0; -ENOMEM, -ESRCH. Goroutines that cannot be read make the reading incomplete.
 */
int ct_scan_each_goroutine(struct ct_scan *scan, int (*visit)(struct ct_scan *scan, const uint8_t *g, void *opaque),
			   void *opaque);

/** Add one to the reading's list. @return 0 or -ENOMEM. */
int ct_goroutine_list_add(struct ct_scan *scan, const uint8_t *g);

/** Let none be told. */
void ct_goroutine_list_drop(struct ct_goroutine_list *list);

/** Note contexts whose creator or cancel function stands still inside the library. @return as the passes. */
int ct_scan_calls(struct ct_scan *scan);

/** Find runtime.allgs in a binary, or guesses. @return 0 or negative errno. */
int ct_locate_allgs(struct ct_census_facts *facts, struct ct_binary *binary, uint64_t load_bias);

/** Does a slice header at `address` look like runtime.allgs? */
bool ct_locate_is_allgs(struct ct_census *census, uint64_t address);
