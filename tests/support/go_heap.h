// SPDX-License-Identifier: Apache-2.0
/*
 * A miniature Go process, as its memory shows it: one arena, a context of every fate, the closures, maps, types and
 * goroutines that decide about them, in the layout of any release the census knows. For tests of the census and for the
 * seeds of its fuzz target; every byte of it may be changed by a test.
 */
#pragma once

#include "fake_memory.h"
#include "memory/census.h"
#include "memory/facts.h"
#include "memory/heap.h"

/* Addresses. */
#define GO_HEAP_TYPES UINT64_C(0x500000)
#define GO_HEAP_MHEAP UINT64_C(0x600000)
#define GO_HEAP_ARENAS UINT64_C(0x7f0000000000)
#define GO_HEAP_ARENA_INFO UINT64_C(0x7f1000000000)
#define GO_HEAP_HEADERS UINT64_C(0x7f2000000000)
#define GO_HEAP_BITS UINT64_C(0x7f3000000000)
#define GO_HEAP_ARENA UINT64_C(0xc000000000)

#define GO_HEAP_PAGES 12
#define GO_HEAP_SPANS 5
#define GO_HEAP_TIME_BASE UINT64_C(1000000000000)
#define GO_HEAP_DEADLINE (GO_HEAP_TIME_BASE + UINT64_C(5000000000))
#define GO_HEAP_WATCHER_STACK (5 * 8192 + 0x4000 + 2 * 0x400 + 0x100) /* in `heap`: what the watcher's stack holds */
#define GO_HEAP_DEFERS (5 * 8192 + 0x2000) /* in `heap`: 50 records of a defer list, 48 bytes each */
#define GO_HEAP_INSIDE (5 * 8192 + 0x1000 + 3 * 512) /* in `heap`: the goroutine that is inside a creator */
#define GO_HEAP_PLAIN_CODE UINT64_C(0x408000) /* code that is no creator's */
#define GO_HEAP_TASK 7 /* goroutine whose defer list holds a cancel function 50 times */

/** What becomes of a context. */
enum go_heap_fate {
	GO_HEAP_ROOT,	  /**< Held, below Background; parent of the others. */
	GO_HEAP_HELD,
	GO_HEAP_LOST,
	GO_HEAP_WRAPPED,  /**< Lost below two value contexts. */
	GO_HEAP_CANCELLED,
	GO_HEAP_IMPOSTOR, /**< A user's struct around a context: none. */
	GO_HEAP_WATCHED,  /**< Lost below a parent of the program's own type, watched by a goroutine. */
	GO_HEAP_DEFERRED,
	GO_HEAP_IN_CALL,  /**< Its creator has not returned yet. */
	GO_HEAP_TIMED,	  /**< Lost with an armed timer. */
	GO_HEAP_FATES,
};

/** Zero-initialise by go_heap_build(), release with go_heap_done(). Large: not for the stack. */
struct go_heap {
	struct fake_memory fake;
	struct ct_go_layout go;
	uint64_t contexts[GO_HEAP_FATES]; /**< Addresses by fate, as the library knows them. */
	uint8_t mheap[68000];
	uint8_t types[0x14000]; /* and itabs, and runtime.allgs */
	uint8_t headers[4096], bits[4096];
	uint8_t heap[GO_HEAP_PAGES * 8192 + 16384];
	uint8_t *arenas, *arena_info;
	size_t arena_info_bytes;
};

/** Build the process of Go 1.`minor`. */
void go_heap_build(struct go_heap *process, unsigned int minor);

/** What a census has to know of it; to be given to ct_census_over() or released. */
struct ct_census_facts go_heap_facts(unsigned int minor);

/** Release. */
void go_heap_done(struct go_heap *process);
