// SPDX-License-Identifier: Apache-2.0
/*
 * A Go process as it stood at one moment: a copy of all memory from which something can be reached, and the registers of
 * its threads. The process has to stand still while ct_freeze_copy() runs, and may run on afterwards: what is concluded
 * is concluded from the copy. With it a single reading is a proof (scan.h, ct_scan_mark()).
 *
 * Copied are: of the arenas the spans whose objects may hold pointers, and the stacks; and every other page of private
 * writable memory: the modules' data, the heap's own tables, and what the runtime or C code keep outside the heap
 * (finalizers, cleanups, malloc). Objects without pointers are not copied; they read as zeros.
 */
#pragma once

#include "ctxtrace/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A thread as it stood. */
struct ct_thread {
	int id;
	uint64_t pc, sp, frame; /**< `frame`: the frame pointer. */
	uint64_t *words; /**< Every register that can hold a pointer, those of vectors included. From malloc(). */
	size_t words_count;
	bool is_on_goroutine; /**< Its stack pointer lies in a goroutine's stack. Found by ct_scan_mark(). */
};

/** The threads of a process; release with ct_threads_done(). */
struct ct_threads {
	struct ct_thread *list;
	size_t count;
};

/** Release. A zeroed one is fine. */
void ct_threads_done(struct ct_threads *threads);

/** What a freeze came to. */
struct ct_freeze_figures {
	uint64_t bytes;	  /**< Copied. */
	uint64_t reached; /**< Objects, once the census has read it. */
	size_t threads;
};

struct ct_census;

/** A frozen process. */
struct ct_freeze;

/**
 * While the process still runs: see how much there is to copy, make room for it, copy what never changes.
 *
 * @param bytes_max   More than this is refused with a sentence: there are no half proofs.
 * @param ret_freeze  To be released with ct_freeze_free().
 * @return 0; -ENOSPC; -EAGAIN no heap yet; negative errno. Told in reterr.
 */
int ct_freeze_new(const struct ct_census *census, uint64_t bytes_max, struct ct_freeze **ret_freeze,
		  struct ct_error *reterr);

/**
 * While the process stands still: copy it.
 *
 * @param threads     Emptied: they belong to the freeze from here on.
 * @param stopped_ns  When all stood, CLOCK_MONOTONIC: what was made later is not judged.
 * @return 0 or negative errno, told in reterr.
 */
int ct_freeze_copy(struct ct_freeze *freeze, const struct ct_census *census, struct ct_threads *threads,
		   uint64_t stopped_ns, struct ct_error *reterr);

/** How long it stood, once that is known. */
void ct_freeze_set_pause(struct ct_freeze *freeze, uint64_t paused_ns);

/** From here on the census reads the frozen process; NULL: the living one again. Borrowed. */
void ct_census_freeze(struct ct_census *census, struct ct_freeze *freeze);

/** @return the figures so far. */
struct ct_freeze_figures ct_freeze_figures(const struct ct_freeze *freeze);

/** Release. NULL is fine. */
void ct_freeze_free(struct ct_freeze *freeze);
