// SPDX-License-Identifier: Apache-2.0
/*
 * What memory explains beside the verdicts: who holds the cancel functions of contexts that live, and what all the
 * goroutines do. Built by the tree from HOLDER and GOROUTINE events; the next reading's replace them.
 *
 * Nothing here is evidence: the target ran on while it was read.
 */
#pragma once

#include "ctxtrace/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ct_tree;

/** Goroutines of more groups than this are counted, not described. */
#define CT_GOROUTINE_GROUPS_MAX 8192u

/** Goroutines that were started at one place with one function and stand at one place for one reason. */
struct ct_goroutine_group {
	uint32_t created; /**< Site of the go statement; CT_SITE_UNKNOWN when it could not be named. */
	uint32_t entry;	  /**< Site whose only frame is the function it began with. */
	uint32_t at;	  /**< Site: its stack now; CT_SITE_UNKNOWN while it runs. */
	char state[16];	  /**< In the runtime's words. */
	char reason[48];  /**< Why it waits; "" when it does not. */
	uint64_t count;
	uint64_t examples[3];	   /**< goids; 0 none. */
	uint64_t longest_ns;	   /**< Longest wait known, a lower bound; 0 unknown. */
	uint64_t waits_lost;	   /**< Blocked on the done channel of a context that is lost: for ever, or its deadline. */
	uint64_t waits_live;	   /**< Blocked on that of another context that lives. */
	uint64_t refers_cancelled; /**< Not so blocked; its stack refers to a context that is cancelled. */
	uint64_t refers_lost;
	uint64_t refers_live;
};

/** How many there are. */
struct ct_goroutine_totals {
	uint64_t read_ns; /**< When they were read. */
	uint64_t seen;	  /**< All but the runtime's own. */
	uint64_t system;  /**< The runtime's own. */
	uint64_t refused; /**< Of `seen`: in no group, there were too many. */
};

/** @return the totals; all zero when memory was not asked. */
const struct ct_goroutine_totals *ct_tree_goroutine_totals(const struct ct_tree *tree);

/** @return the groups in the order they were told, `ret_count` of them. Borrowed until the next apply. */
const struct ct_goroutine_group *ct_tree_goroutines(const struct ct_tree *tree, size_t *ret_count);

#define CT_HELD_HOPS_MAX 10
#define CT_HELD_CHAINS_MAX 8
#define CT_HELD_GROUPS_MAX 64u

/** One hop of a chain of holders: see struct ct_event_holder. */
struct ct_held_hop {
	uint8_t kind;  /**< enum ct_holder_kind. */
	uint32_t site; /**< CT_SITE_UNKNOWN: none. */
	uint64_t task; /**< Of the first context that has this chain. */
	uint64_t object_bytes;
	uint64_t entries; /**< Of the first. */
	const char *name; /**< Never NULL; owned by the tree. */
};

/** A chain, nearest holder first, and how many of the sample have it. */
struct ct_held_chain {
	uint64_t count;
	uint8_t hops_count; /**< 0: nothing was found. */
	bool is_cut;	    /**< It goes on. */
	struct ct_held_hop hops[CT_HELD_HOPS_MAX];
};

/** Contexts of one site, kind and parent, whose cancel functions exist. */
struct ct_held_group {
	uint16_t number; /**< In the stream. */
	uint8_t kind;	 /**< enum ct_context_kind. */
	uint8_t parent_kind;
	bool has_parents;   /**< They have different parents; `parent` is 0. */
	uint32_t site;	    /**< Where they were made. */
	uint64_t parent;    /**< Identity of their parent; 0 at a root or unknown. */
	uint64_t count;	    /**< How many contexts it stands for. */
	uint64_t sampled;   /**< How many were asked about. */
	uint64_t other;	    /**< Of these: with rarer chains than those kept. */
	size_t chains_count;
	struct ct_held_chain chains[CT_HELD_CHAINS_MAX]; /**< The most frequent first. */
};

/** @return the groups, `ret_count` of them, in the order they were told. Borrowed until the next apply. */
const struct ct_held_group *ct_tree_held(const struct ct_tree *tree, size_t *ret_count);
