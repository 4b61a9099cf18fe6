// SPDX-License-Identifier: Apache-2.0
/* A search for holders in the making: sweeps (holders.c), what they find (holders_found.c), chains (holders_chain.c). */
#pragma once

#include "memory/holders.h"

#define CT_NODES_MAX 4096
#define CT_OWNER_BYTES_MAX 48 /* largest object a cancel function is looked for in */
#define CT_NODE_HOLDERS 8
#define CT_NODE_HITS 64 /* references to one object that are looked at in one sweep */

/* How long a root will go on holding, the longest first. A deferred call ends the context by itself: it wins. */
enum root_rank {
	RANK_DEFERRED,
	RANK_GLOBAL,
	RANK_WAITING,
	RANK_RUNNING,
	RANK_RUNTIME,
	RANK_NONE,
};

/* An object somebody may hold. The first nodes are the contexts: what refers to them are their cancel functions. */
struct node {
	uint64_t start, bytes;
	uint32_t holders[CT_NODE_HOLDERS]; /* indices of nodes */
	uint8_t holders_count;
	uint8_t level; /* 0: a context */
	uint8_t hits;
	bool is_full; /* more refer to it than were looked at */
	uint8_t rank; /* of `root`; RANK_NONE: no root refers to it */
	struct ct_hop root;
};

/* One step of a way up. */
struct step {
	uint32_t node;
	uint32_t from; /* index of the step it came from */
};

struct finding {
	const struct ct_holder_search *search;
	struct node *nodes;
	size_t count;
	size_t level_begin; /* nodes looked for in this sweep: from here to level_end */
	size_t level_end;
	uint32_t *order; /* of these, by start */
	uint64_t low, high; /* all of them lie between */
	uint64_t bits[1024]; /* does one lie in this granule, by hash */
	uint64_t bytes_left;
	bool is_cut; /* time or nodes ran out */
	int rc;
	struct step steps[CT_NODES_MAX];
	uint64_t seen[CT_NODES_MAX / 64]; /* nodes that are in `steps` */
	struct ct_memory_window window;
	uint64_t buffer[8192];
};

/* Where a word was found. */
struct place {
	const struct ct_object_span *span;     /* in a heap object of this span, or */
	const struct ct_holder_stack *stack;   /* on this stack, or */
	uint64_t address;		       /* in a variable; always: where */
};

/* A new node, or NULL when there are too many. */
struct node *ct_holder_node_add(struct finding *finding, uint64_t start, uint64_t bytes, uint8_t level);

/* A word points into `node`. */
void ct_holder_found(struct finding *finding, struct node *node, uint64_t word, const struct place *place);

/* The rank of the best root found so far for context `index`. */
uint8_t ct_holder_rank(struct finding *finding, size_t index);

/* Make the chain of context `index` (which is node `index`). */
void ct_holder_chain_make(struct finding *finding, size_t index, struct ct_holder_chain *chain);
