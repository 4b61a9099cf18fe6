// SPDX-License-Identifier: Apache-2.0
/* Which pages of a process are there: /proc/PID/pagemap. */
#pragma once

#include "memory/reader.h"

/** Documentation/admin-guide/mm/pagemap.rst: bit 63 page present, bit 62 page swapped (or migrating). */
#define CT_PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define CT_PAGEMAP_SWAPPED (UINT64_C(1) << 62)

/**
 * As ct_memory_each_present(), for an open pagemap.
 *
 * @param swapped_pages  Counted up.
 */
int ct_present_each(int pagemap_fd, uint64_t page_bytes, uint64_t start, uint64_t end, ct_stretch_visitor visit,
		    void *opaque, uint64_t *swapped_pages);
