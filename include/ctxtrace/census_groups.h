// SPDX-License-Identifier: Apache-2.0
/*
 * A census in a few lines: the live contexts by parent, kind and depth, each group by what memory says of it.
 *
 * Made by the tree at the end of every complete reading of a window without probes (ct_window_is_census), from the
 * contexts as they are then; nothing changes between two readings. Bounded whatever the target has: the parents with
 * the most children have groups of their own, the others share one for each kind and depth, and depths above
 * CT_CENSUS_DEPTH_MAX are one. What growth a group shows is kept from reading to reading in a fixed number of samples.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ct_context;
struct ct_tree;

/** What memory says of a context. */
enum ct_census_state {
	CT_CENSUS_UNKNOWN,    /**< Nothing: of a foreign type, or not read. */
	CT_CENSUS_HELD,	      /**< A cancel function exists, or its remains wait for the next collection. */
	CT_CENSUS_DEFERRED,   /**< Held, by one of many records on the defer list of one goroutine. */
	CT_CENSUS_LOST,	      /**< Two readings: retained, and no cancel function exists. */
	CT_CENSUS_UNRETAINED, /**< No cancel function, and nothing keeps it: garbage waiting, no leak. */
	CT_CENSUS_UNDECIDED,  /**< Not sure yet: one reading only, in the middle of a change, a pointer on a stack. */
	CT_CENSUS_STATE_END,
};

/** Parents that have groups of their own. */
#define CT_CENSUS_PARENTS_MAX 32

/** Deeper contexts are counted at this depth. */
#define CT_CENSUS_DEPTH_MAX 64

/** Groups; what belongs to none of them is counted. */
#define CT_CENSUS_GROUPS_MAX 1024

/** Readings that a group remembers. */
#define CT_CENSUS_SAMPLES 8

/** The contexts of a group about which memory says the same. */
struct ct_census_part {
	uint64_t count;
	uint64_t bytes;		  /**< Estimate of what they occupy; of those that something retains. */
	uint64_t first_ns;	  /**< When the oldest was first seen. */
	uint64_t deadline_min_ns; /**< Earliest and latest deadline known; 0 none. */
	uint64_t deadline_max_ns;
	uint8_t retained_by; /**< CT_RETAINED_ bits, all that occur. */
};

/** Contexts that something retains, at one reading: garbage that waits for a collection is no growth. */
struct ct_census_sample {
	uint64_t time_ns;
	uint64_t count;
	uint64_t bytes;
};

/** Live contexts of one kind at one depth below one parent. */
struct ct_census_group {
	uint64_t parent_id;  /**< 0: a root, or several parents. */
	uint32_t parent;     /**< Index in the tree; CT_INDEX_NONE when parent_id is 0. */
	uint32_t parents;    /**< How many parents they have; 0 for roots. */
	uint8_t parent_kind; /**< enum ct_context_kind; for roots what they hang off: BACKGROUND, TODO, 0 unread. */
	uint8_t kind;	     /**< enum ct_context_kind. */
	uint8_t depth;	     /**< Ancestors that can be cancelled, up to the root. */
	bool is_root;	     /**< They have no parent that can be cancelled. */
	struct ct_census_part parts[CT_CENSUS_STATE_END];
	uint64_t count;	      /**< All that live, UNRETAINED left out. */
	uint64_t since_ns;    /**< Reading that growth counts from. */
	uint64_t since_count; /**< `count` then. */
	struct ct_census_sample samples[CT_CENSUS_SAMPLES]; /**< The latest, oldest first. */
	uint32_t samples_count;
};

/** All of a census. Owned by the tree, good until the next event. */
struct ct_census_groups {
	struct ct_census_group *list;
	size_t count;
	uint64_t ungrouped;   /**< Live contexts for which there was no group left. */
	uint64_t first_ns;    /**< First and latest complete reading. */
	uint64_t last_ns;
	uint64_t readings;    /**< Complete ones. */
	uint64_t read_bytes;  /**< By the latest. */
	uint32_t collections; /**< Garbage collections the target has begun so far. */
	uint64_t totals[CT_CENSUS_STATE_END]; /**< Contexts by state, the ungrouped included. */
};

/** How a group has grown. Of all its states but UNRETAINED. */
struct ct_census_growth {
	uint64_t since_ns;	 /**< Reading it counts from. */
	int64_t count;		 /**< More or less than then. */
	int64_t per_min_milli;	 /**< The same per minute, times 1000. */
	bool is_steady;		 /**< Three readings or more, each found more, and no step was thrice another. */
	uint64_t per_hour;	 /**< At this rate; 0 unless steady. */
	uint64_t bytes_per_day;
};

/** @return the groups, or NULL: a window with probes, or no complete reading yet. */
const struct ct_census_groups *ct_tree_census(const struct ct_tree *tree);

/** @return false when there is nothing to compare with: the group's first reading. */
bool ct_census_growth_of(const struct ct_census_groups *groups, const struct ct_census_group *group,
			 struct ct_census_growth *ret_growth);

/** @return what memory says of a context, as far as the stream told. */
enum ct_census_state ct_tree_census_state(const struct ct_tree *tree, const struct ct_context *context);

/** @return "held", "lost", ...; NULL for CT_CENSUS_UNKNOWN. */
const char *ct_census_state_name(enum ct_census_state state);

/** @return estimate of the memory one context of this kind takes together with what it makes others keep. */
uint64_t ct_context_size(uint8_t runtime, uint8_t kind, uint8_t retained_by);
