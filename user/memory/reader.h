// SPDX-License-Identifier: Apache-2.0
/*
 * Reading a target's memory without leaving traces in it.
 *
 * A page the target never touched is not asked for: reading it through /proc/PID/mem would allocate page tables in
 * the target (measured: 1 GiB of untouched memory grew them from 64 to 2,116 kB), and its content is known: zeros.
 * A page that is swapped out is not fetched either; it is counted, and a reading that needed one is incomplete.
 */
#pragma once

#include "memory/present.h"

#include <stddef.h>

struct ct_memory;

/** Hears every read that reached a memory, with its answer. The first member of who listens. */
struct ct_memory_listener {
	/** `rc` is that of ct_memory_read(), `swapped` how many pages were left out because they were swapped out. */
	void (*hear)(struct ct_memory_listener *listener, uint64_t address, const uint8_t *bytes, size_t count, int rc,
		     uint64_t swapped);
};

/** Memory to read from: a process, a copy of parts of one, a recorded image, or a fake of the tests. */
struct ct_memory {
	/** Fill `buffer`. @return 0; -EFAULT no such address; -ESRCH the process is gone. */
	int (*read)(struct ct_memory *memory, uint64_t address, void *buffer, size_t bytes);
	/** See ct_memory_each_present(). NULL: all of it is there. */
	int (*each_present)(struct ct_memory *memory, uint64_t start, uint64_t end, ct_stretch_visitor visit,
			    void *opaque);
	/** As `read`, and fast, for pages that are present. NULL: `read` does it. */
	int (*read_present)(struct ct_memory *memory, uint64_t address, void *buffer, size_t bytes);
	uint64_t image_start;	/**< The program's file-backed image: read whether present or not. */
	uint64_t image_end;
	uint64_t read_bytes;	/**< Bytes really read so far. */
	uint64_t swapped_pages; /**< Pages left out because they were swapped out. */
	uint64_t cost_left; /**< With `has_bound`: no more than this may be asked for; see CT_READ_COST. */
	bool has_bound;
	bool is_spent; /**< A read was refused with -EOVERFLOW because of the bound. */
	struct ct_memory_listener *listener; /**< May be NULL. */
};

/** A read costs its bytes, and no less than this: a bound on the work, whatever the target's memory says. */
#define CT_READ_COST 256
/** One through a window that has it already costs this. */
#define CT_WINDOW_COST 16

/** Memory of a process. */
struct ct_process_memory {
	struct ct_memory memory; /**< First: the readers below get this. */
	int pid;
	int mem_fd;
	struct ct_pagemap pagemap;
};

/** Open /proc/PID/mem and /proc/PID/pagemap. @return 0 or negative errno. */
int ct_process_memory_init(struct ct_process_memory *process, int pid);

/** Close both. */
void ct_process_memory_done(struct ct_process_memory *process);

/**
 * Read `bytes` at `address`; what was never touched reads as zeros.
 *
 * @return 0; -EFAULT; -ESRCH; -EOVERFLOW when the bound is used up.
 */
int ct_memory_read(struct ct_memory *memory, uint64_t address, void *buffer, size_t bytes);

/**
 * Visit what is present of a range of whole pages, in order. Pages that are swapped out are counted, not visited.
 *
 * @return 0; what `visit` returned unless 0; -EOVERFLOW the range is larger than this kernel can tell of; -ESRCH.
 */
int ct_memory_each_present(struct ct_memory *memory, uint64_t start, uint64_t end, ct_stretch_visitor visit,
			   void *opaque);

/** Read one 64-bit word. @return as ct_memory_read(). */
int ct_memory_read_word(struct ct_memory *memory, uint64_t address, uint64_t *ret_word);

#define CT_WINDOW_BYTES 16384

/** A short-lived copy of one stretch, for many small reads that lie close together. Zero-initialise. */
struct ct_memory_window {
	uint64_t base;
	size_t valid; /**< Bytes of `data` that hold something; 0 empty. */
	uint8_t data[CT_WINDOW_BYTES];
};

/** As ct_memory_read(), through the window. Forget it (valid = 0) when fresh data is needed. */
int ct_memory_window_read(struct ct_memory_window *window, struct ct_memory *memory, uint64_t address, void *buffer,
			  size_t bytes);

/** Unaligned little-endian loads from a buffer. */
static inline uint64_t ct_load(const void *from, size_t bytes)
{
	uint64_t value = 0;

	__builtin_memcpy(&value, from, bytes);
	return value;
}

static inline uint64_t ct_load64(const void *from)
{
	return ct_load(from, 8);
}
