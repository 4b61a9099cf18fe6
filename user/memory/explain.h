// SPDX-License-Identifier: Apache-2.0
/*
 * Questions to a process's memory that a census does not ask: who holds these cancel functions, and what do all the
 * goroutines do. Both explain and prove nothing: the target runs on, stacks are read conservatively, and what cannot be
 * read is left out.
 */
#pragma once

#include "memory/census.h"
#include "memory/chain.h"

/** A context the asker knows. */
struct ct_known_context {
	uint64_t address;
	uint8_t kind;  /**< enum ct_context_kind. */
	uint8_t state; /**< enum ct_observed_state, as it is to be told. */
};

/** What the asker gives. */
struct ct_census_asker {
	/** Is the variable, or the function, at this address the runtime's own? */
	bool (*is_runtime)(void *opaque, uint64_t address);
	void *opaque;
	uint64_t bytes_max; /**< Read at most so much in search of holders. */
	uint64_t globals[2][2]; /**< Begin and end of data and bss: the variables that may hold pointers. */
};

/** Find who holds the cancel functions of these contexts; see ct_holders_find(). */
int ct_census_holders(struct ct_census *census, const uint64_t *contexts, size_t count,
		      const struct ct_census_asker *asker, struct ct_holder_chain *ret_chains);

/** Room for a route, "GET /orders/{id}". */
#define CT_ROUTE_BYTES 128

/** One goroutine. */
struct ct_goroutine_seen {
	uint64_t task, creator; /**< goids; `creator` 0 unknown (Go before 1.21). */
	uint64_t entry;	     /**< Address of the function it began with. */
	uint64_t created_pc; /**< Return address of its go statement. */
	uint64_t wait_since_ns; /**< As in the GOROUTINE event. */
	uint64_t context;
	uint32_t refers;
	uint8_t context_state;
	bool waits;
	bool is_timed; /**< One of the channels it is blocked on is a timer's. */
	uint64_t queue;	 /**< The one channel it waits for a value of, beside timers, contexts and signals; 0 none, or several. */
	bool may_be_detached; /**< Its stack leads to a context in an object of its own: WithoutCancel's, or a variable. */
	const char *route; /**< What the request that it serves asks for; NULL unknown. Borrowed for the visit. */
	const char *state, *reason; /**< Constant texts. */
	unsigned int frames;	    /**< 0 while it runs. */
	uint64_t pcs[CT_STACK_FRAMES_MAX];
};

/** Who is told about goroutines. */
struct ct_goroutine_asker {
	/** Address of the context of the request that a goroutine serves; 0: it serves none. */
	uint64_t (*serves)(void *opaque, uint64_t task);
	int (*visit)(void *opaque, const struct ct_goroutine_seen *seen); /**< @return 0 to go on. */
	void (*breathe)(void *opaque); /**< Called now and then. */
	void *opaque;
};

/**
 * Visit every goroutine of the program.
 *
 * @param contexts  By address. Contexts not among them are told only when they are cancelled.
 * @return 0; what `visit` returned; -ENOMEM; -ESRCH; -ENOENT when the list of goroutines was not found.
 */
int ct_census_goroutines(struct ct_census *census, const struct ct_known_context *contexts, size_t count,
			 const struct ct_goroutine_asker *asker);
