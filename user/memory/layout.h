// SPDX-License-Identifier: Apache-2.0
/*
 * Where Go keeps what the census reads: offsets by release. A release that is not in the tables is refused, never
 * guessed. Byte offsets, 64-bit targets.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** runtime.mheap, runtime.heapArena, runtime.mspan. */
struct ct_heap_layout {
	uint8_t minor_from, minor_to; /**< Go 1.x, both included. */
	uint8_t count_bytes;	      /**< Of mspan.freeindex and mspan.nelems. */
	uint8_t free_index, elements; /**< mspan.freeindex, mspan.nelems. */
	uint8_t alloc_bits, sweepgen, state, element_bytes; /**< mspan fields; spanclass lies before state. */
	uint32_t heap_sweepgen, heap_arenas;		    /**< mheap.sweepgen, mheap.arenas. */
	uint32_t arena_spans;				    /**< heapArena.spans. */
};

/** context.cancelCtx, timerCtx, afterFuncCtx, and the map that cancelCtx.children is. */
struct ct_context_layout {
	uint8_t minor_from, minor_to;
	uint8_t cancel_class;	/**< Size class of a cancelCtx. */
	uint8_t timer_class;	/**< Size class of a timerCtx (and of an afterFuncCtx). */
	uint8_t timer, deadline; /**< In timerCtx. */
	bool is_timer_indirect; /**< timerCtx begins with a pointer to a cancelCtx of its own (1.20). */
	bool has_swiss_maps;
};

/** Fields of cancelCtx that never moved: Context (type, data), children, err. */
#define CT_CONTEXT_PARENT_ITAB 0
#define CT_CONTEXT_PARENT_DATA 8
#define CT_CONTEXT_CHILDREN 40
#define CT_CONTEXT_ERR 48

/** runtime.hmap (up to 1.23), internal/runtime/maps.Map and table (since 1.24): of each the fields that are read. */
#define CT_HMAP_COUNT 0
#define CT_HMAP_FLAGS 8
#define CT_HMAP_B 9
#define CT_HMAP_BUCKETS 16
#define CT_HMAP_OLD_BUCKETS 24
#define CT_SWISS_USED 0
#define CT_SWISS_DIRECTORY 16
#define CT_SWISS_DIRECTORY_LENGTH 24
#define CT_SWISS_TABLE_GROUPS 16
#define CT_SWISS_TABLE_MASK 24

/** mspan fields that never moved. */
#define CT_SPAN_START 24
#define CT_SPAN_PAGES 32

/** runtime.g and runtime._defer. */
struct ct_goroutine_layout {
	uint8_t minor_from, minor_to;
	uint16_t status, goid, start_pc;
	uint8_t sched_bp;
	uint8_t defer_link;
	uint16_t parent_goid; /**< 0: this release has none. */
	uint16_t gopc;
};

/** Fields that never moved. */
#define CT_G_STACK_LOW 0
#define CT_G_STACK_HIGH 8
#define CT_G_DEFER 40
#define CT_G_SCHED_SP 56
#define CT_G_SCHED_PC 64
#define CT_G_SCHED_CTXT 80
#define CT_G_BYTES 336 /**< As much of a g as is read. */
#define CT_DEFER_SP 8
#define CT_DEFER_FN 24

/** runtime.moduledata. */
struct ct_module_layout {
	uint8_t minor_from, minor_to;
	uint16_t next; /**< The module loaded after this one: a plugin's, a shared library's. */
};

/** Largest mspan field read, and one more word. */
#define CT_SPAN_HEADER_BYTES 120

/** All that depends on the release. */
struct ct_go_layout {
	const struct ct_heap_layout *heap;
	const struct ct_context_layout *context;
	const struct ct_goroutine_layout *goroutine;
	const struct ct_module_layout *module;
};

/** First and last release, as 1.N, of the tables. */
#define CT_GO_MINOR_OLDEST 17
#define CT_GO_MINOR_NEWEST 27

/** Is the layout of Go 1.`minor` in the tables? Of an older one nothing is told, a newer one may be verified. */
static inline bool ct_go_minor_is_known(uint64_t minor)
{
	return minor >= CT_GO_MINOR_OLDEST && minor <= CT_GO_MINOR_NEWEST;
}

/** Layout of Go 1.`minor`. @return 0 or -EOPNOTSUPP. */
int ct_go_layout_find(unsigned int minor, struct ct_go_layout *ret_layout);

/** The same; of a newer release than the newest known the layout of that one, to be verified. */
static inline int ct_go_layout_try(uint64_t minor, struct ct_go_layout *ret_layout)
{
	return ct_go_layout_find(minor < CT_GO_MINOR_NEWEST ? (unsigned int)minor : CT_GO_MINOR_NEWEST, ret_layout);
}

/** Arena index of an address: 64 MiB arenas, and on amd64 the lower half of the address space comes second. */
#define CT_ARENA_BYTES (UINT64_C(1) << 26)
#if defined(__x86_64__)
#define CT_ARENA_BASE UINT64_C(0x800000000000)
#else
#define CT_ARENA_BASE UINT64_C(0)
#endif
/** Entries of the only second-level arena table (48 address bits). */
#define CT_ARENA_COUNT (UINT64_C(1) << 22)
#define CT_GO_PAGE_BYTES UINT64_C(8192)
#define CT_ARENA_PAGES (CT_ARENA_BYTES / CT_GO_PAGE_BYTES)

/** Entry of the arena table for an address. */
static inline uint64_t ct_arena_index(uint64_t address)
{
	return (address + CT_ARENA_BASE) / CT_ARENA_BYTES & (CT_ARENA_COUNT - 1);
}
