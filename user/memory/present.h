// SPDX-License-Identifier: Apache-2.0
/*
 * Which pages of a process are there: /proc/PID/pagemap.
 *
 * To pagemap a page that the kernel is moving (compaction, NUMA balancing) looks like one that is swapped out. It is back
 * within microseconds, so what looks swapped out is asked for again, for a while.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** Documentation/admin-guide/mm/pagemap.rst: bit 63 page present, bit 62 page swapped (or migrating). */
#define CT_PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define CT_PAGEMAP_SWAPPED (UINT64_C(1) << 62)

/** Called with a stretch of present pages. @return 0 to go on. */
typedef int (*ct_stretch_visitor)(void *opaque, uint64_t start, uint64_t end);

/** An open /proc/PID/pagemap. */
struct ct_pagemap {
	int fd;
	uint64_t page_bytes;
	unsigned int vain; /**< Waits that ended with the page still away: pages are swapped out here, so there are few. */
};

/**
 * The entries of `count` pages from page number `first` on.
 *
 * @return 0 or negative errno; -ESRCH the address space is gone.
 */
int ct_pagemap_read(struct ct_pagemap *pagemap, uint64_t first, uint64_t count, uint64_t *ret_entries);

/**
 * As ct_memory_each_present(), for an open pagemap.
 *
 * @param swapped_pages  Counted up.
 */
int ct_present_each(struct ct_pagemap *pagemap, uint64_t start, uint64_t end, ct_stretch_visitor visit, void *opaque,
		    uint64_t *swapped_pages);
