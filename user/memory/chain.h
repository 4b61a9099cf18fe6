// SPDX-License-Identifier: Apache-2.0
/* A chain of holders: from a context's cancel function to what lives by itself. See memory/holders.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** Levels of objects, the cancel function's closure not counted. */
#define CT_HOLDERS_DEPTH 6
/** Longest chain told: collapsed ones are shorter. */
#define CT_HOLDER_HOPS_MAX 8
/** Frames told of a stack. */
#define CT_HOLDER_FRAMES 8

/** One hop. */
struct ct_hop {
	uint8_t kind;	  /**< enum ct_holder_kind. */
	uint8_t frames;	  /**< In `pcs`. */
	uint64_t address; /**< Of the object or the variable. */
	uint64_t bytes;	  /**< Of the object's size class. */
	uint64_t entries; /**< Of a map or channel. */
	uint64_t code;	  /**< CLOSURE: its function. */
	uint64_t task;
	uint64_t pcs[CT_HOLDER_FRAMES]; /**< STACK: from the frame that holds it on; DEFERRED: the call that waits. */
};

/** From a context's cancel function to what lives by itself. */
struct ct_holder_chain {
	uint64_t context;
	bool is_cut; /**< It may go on: a bound was reached. Else nothing refers to its last object. */
	uint8_t count;
	struct ct_hop hops[CT_HOLDER_HOPS_MAX]; /**< None: nothing refers to it, or it was not found in time. */
};
