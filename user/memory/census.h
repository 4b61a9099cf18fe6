// SPDX-License-Identifier: Apache-2.0
/*
 * The census: what a Go program's own memory says about its contexts. Which live, which are not cancelled, and which
 * can never be cancelled by their owner because no cancel function for them exists any more.
 *
 * Read-only through /proc/PID/mem, the target runs on. A result is one reading; a verdict needs two that agree (the
 * tree counts them). Hostile input: every pointer, size, count and hop is checked; what two reads disagree on is
 * not believed. The method, its guards and what they were verified on are told at the head of scan.c.
 */
#pragma once

#include "ctxtrace/error.h"
#include "ctxtrace/event.h"
#include "symbol/binary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ct_census_facts;
struct ct_memory;
struct ct_memory_listener;

/** Everything that stays the same between scans of one process. */
struct ct_census;

/** One context found in memory. */
struct ct_census_context {
	uint64_t address;
	uint64_t parent;	/**< Nearest ancestor that can be cancelled, or 0 at a root. */
	uint64_t deadline_ns;	/**< CLOCK_MONOTONIC, 0 none or unknown. */
	uint64_t task;		/**< Goroutine on whose defer list its cancel function waits; 0 none. */
	uint8_t kind;		/**< enum ct_context_kind. */
	uint8_t parent_kind;	/**< As in CREATE. */
	uint8_t state;		/**< enum ct_observed_state. */
	uint8_t retained_by;	/**< CT_RETAINED_ bits. */
	uint16_t hops;		/**< Links on the way to `parent`; UINT16_MAX means that or more. */
	bool is_in_flux;	/**< UNDECIDED only because the memory was changing while it was read. */
	bool looks_lost;	/**< In flux, and would be LOST were a collection not going on. */
};

/** More goroutines than this are not told at all. */
#define CT_CENSUS_GOROUTINES_MAX ((size_t)4 << 20)

/** One goroutine that has not ended. */
struct ct_census_goroutine {
	uint64_t task;	     /**< goid. */
	uint64_t creator;    /**< goid of the one that started it; 0 unknown (Go before 1.21). */
	uint64_t created_pc; /**< Return address of its go statement. */
	uint64_t entry;	     /**< Function it began with; 0 unknown. */
};

/** One reading. Release with ct_census_result_done(). */
struct ct_census_result {
	struct ct_census_context *contexts; /**< Sorted by address. */
	size_t count;
	struct ct_census_goroutine *goroutines; /**< In the runtime's order; NULL: nobody asked, or not all are told. */
	size_t goroutines_count;
	uint64_t began_ns;   /**< CLOCK_MONOTONIC before the first byte was read. */
	uint64_t read_bytes;
	uint32_t collections; /**< Collections begun so far (mheap sweepgen / 2). */
	uint32_t lost;	      /**< Contexts in state LOST. */
	bool is_refused;      /**< The memory contradicts the layout, or has not proven an unknown one: nothing is told. */
	uint64_t paused_ns;  /**< How long the target stood still for it; 0 it ran. */
	bool is_stopped;     /**< The target stood still: this reading is a proof by itself. */
	bool is_torn;	      /**< A children map changed while it was read: contexts may be missing. */
	bool is_complete;     /**< False: something could not be read; nothing may be concluded from absence. */
	char reason[160];     /**< Why incomplete, for a person. */
};

/**
 * Prepare censuses of one process.
 *
 * @param pid         Process, for /proc/PID/{mem,pagemap,maps}; opened here, before privileges are dropped.
 * @param binary      Its executable; borrowed, must outlive the census.
 * @param load_bias   Runtime address minus address as linked.
 * @param time_base_ns  CLOCK_MONOTONIC at the process's own monotonic zero (process_config), 0 unknown.
 * @return 0; -EOPNOTSUPP with a sentence when this Go version or layout is not known; negative errno.
 */
int ct_census_new(int pid, struct ct_binary *binary, uint64_t load_bias, uint64_t time_base_ns,
		  struct ct_census **ret_census, struct ct_error *reterr);

/**
 * Prepare censuses of memory that came from elsewhere: a recording, a test.
 *
 * @param facts   Emptied: they belong to the census from here on, or are released when this fails.
 * @param memory  Borrowed, must outlive the census.
 * @return as ct_census_new().
 */
int ct_census_over(struct ct_census_facts *facts, struct ct_memory *memory, struct ct_census **ret_census,
		   struct ct_error *reterr);

/**
 * How readings shall be made.
 *
 * @param helpers  Threads that copy spans of a large heap ahead, at low priority; they end with the reading. None when
 *                 the memory is not a process's own.
 * @param end_ns   CLOCK_MONOTONIC at which a reading gives up and is incomplete; 0 never.
 */
void ct_census_limit(struct ct_census *census, unsigned int helpers, uint64_t end_ns);

/** How far the current reading is, for a person. */
unsigned int ct_census_percent(const struct ct_census *census);

/**
 * The same for a C program that uses libctxtrace-context.
 *
 * @param address  Of the library's constant in the process (ctxtrace/context_census.h).
 */
int ct_census_new_c(int pid, uint64_t address, struct ct_census **ret_census, struct ct_error *reterr);

/** Is the release one of the known ones? Else the newest known layout is tried, and verified in each reading. */
bool ct_census_is_known_release(const struct ct_census *census);

/** What it knows of the program. Borrowed. */
const struct ct_census_facts *ct_census_facts(const struct ct_census *census);

/** Let somebody hear all its reads, from the next scan on. NULL: nobody. Borrowed. */
void ct_census_listen(struct ct_census *census, struct ct_memory_listener *listener);

/** Let results have the goroutines, too. */
void ct_census_list_goroutines(struct ct_census *census);

/** Bound what one scan reads (CT_READ_COST, memory/reader.h); beyond, it is incomplete. The default is 32 GiB. */
void ct_census_bound(struct ct_census *census, uint64_t cost);

/** As ct_heap_look_at(), for tests. */
void ct_census_look_at(struct ct_census *census, uint64_t first, uint64_t last);

/** Free it. NULL is fine. */
void ct_census_free(struct ct_census *census);

/**
 * Tell the census about contexts that create events named, so that unlinked ones are not taken for user structs.
 * Called back during a scan: is there a live context of the tree at this address? Also called now and then with
 * address 0, whose answer is ignored, so that the caller can go on with other work while memory is read.
 */
typedef bool (*ct_census_known)(void *opaque, uint64_t address);

/**
 * Read the target's memory once.
 *
 * @param known       May be NULL.
 * @param ret_result  The reading; incomplete ones are returned too, with `is_complete` false.
 * @return 0; -ESRCH when the process is gone; negative errno when nothing could be read.
 */
int ct_census_scan(struct ct_census *census, ct_census_known known, void *opaque, struct ct_census_result *ret_result,
		   struct ct_error *reterr);

/** @return the context at `address`, or NULL: not allocated, or no live uncancelled context any more. */
const struct ct_census_context *ct_census_find(const struct ct_census_result *result, uint64_t address);

/**
 * What memory says now about an address where a context is believed alive, but which the result does not list.
 *
 * @return CANCELLED: allocated, a context, its error set; FREED: not allocated, or no context any more; UNDECIDED:
 * unreadable, or alive and uncancelled (made after the reading, or in the middle of a change). An address that is in
 * the result gives its state there.
 */
enum ct_observed_state ct_census_state_of(struct ct_census *census, const struct ct_census_result *result,
					  uint64_t address);

/** Release a result. A zeroed one is fine. */
void ct_census_result_done(struct ct_census_result *result);
