// SPDX-License-Identifier: Apache-2.0
/*
 * How to find the live contexts of libctxtrace-context in a process from outside, without its debug information.
 *
 * The library exports one constant, `cctx_census_v1`. It says where the lists of contexts begin and at which offsets the
 * fields of a context stand. A reader walks from the topmost contexts (those that no other can end) down through the
 * lists of children; every context that can end and has not is in exactly one list. The counters tell whether anything
 * changed meanwhile. Nothing here is for programs; not installed.
 *
 * The reader must not believe any of it: the memory is another process's.
 */
#ifndef CTXTRACE_CONTEXT_CENSUS_H
#define CTXTRACE_CONTEXT_CENSUS_H

#include <stdint.h>

/** The symbol. A change that old readers cannot read gets another name. */
#define CCTX_CENSUS_SYMBOL "cctx_census_v1"

/** First word: "cctxcns1" as a little-endian number. */
#define CCTX_CENSUS_MAGIC UINT64_C(0x31736e6378746363)

/** Counters that make and unmake what can end and lives. */
#define CCTX_CENSUS_BEGINS 3
#define CCTX_CENSUS_ENDS 4

/** Fields are added at the end; `bytes` says which there are. Addresses are those of the process. */
struct cctx_census {
	uint64_t magic;
	uint32_t version; /**< 1. */
	uint32_t bytes;	  /**< Of this struct. */
	const void *tops; /**< Lists of topmost contexts, side by side. */
	const void *counters;	/**< Tables of uint64_t, side by side; a counter is the sum over all. */
	const void *background; /**< The two roots. */
	const void *todo;
	uint32_t tops_count;
	uint32_t tops_bytes; /**< From one list to the next. */
	uint32_t tops_first; /**< Offset of the pointer to the first context in a list. */
	uint32_t counters_count;
	uint32_t counters_bytes; /**< From one table to the next. */
	uint8_t begins[CCTX_CENSUS_BEGINS]; /**< Counters (indices): made, for each kind that can end. */
	uint8_t ends[CCTX_CENSUS_ENDS];	    /**< Ended for each reason, or freed without. */
	uint8_t pad;
	/* Of a context: its size, and the offsets of its fields. */
	uint16_t context_bytes;
	uint16_t users;	      /**< uint32_t: 0 when the program has dropped its last reference. */
	uint16_t state;	      /**< uint32_t: `state_ended` once it has ended. */
	uint16_t state_ended;
	uint16_t kind;	      /**< uint32_t: enum cctx_kind. */
	uint16_t parent;      /**< Pointer; NULL for a root. */
	uint16_t scope;	      /**< Pointer: itself or the nearest ancestor that can end; NULL when none can. */
	uint16_t deadline_ns; /**< int64_t, CLOCK_MONOTONIC; 0 none. */
	uint16_t children;    /**< Pointer to the first child. */
	uint16_t next;	      /**< Pointer to the next in the same list. */
	uint16_t armed;	      /**< One byte: its timer is armed. */
	uint16_t pad2;
};

#endif
