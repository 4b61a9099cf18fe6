// SPDX-License-Identifier: Apache-2.0
/*
 * The tables, newest first. Each number was taken from the DWARF of programs built by that release (1.17.13, 1.18.10,
 * 1.19.13, 1.20.14, 1.21.13, 1.22.12, 1.23.12, 1.24.13, 1.25.7, 1.26.8, 1.27.3, linux/amd64) and checked by a census
 * of a program whose contexts are known. Declared in Go's src/runtime/mheap.go (mheap, heapArena, mspan),
 * src/runtime/runtime2.go (g, _defer), src/runtime/symtab.go (moduledata), src/context/context.go.
 */
#include "memory/layout.h"

#include <errno.h>
#include <stddef.h>

static const struct ct_heap_layout heap_layouts[] = {
	{ .minor_from = 22, .minor_to = 27, // mspan.nelems and freeindex became uint16; heapArena lost its bitmap
	  .count_bytes = 2, .free_index = 48, .elements = 50, .alloc_bits = 64, .sweepgen = 88, .state = 99,
	  .element_bytes = 104, .heap_sweepgen = 65856, .heap_arenas = 66008, .arena_spans = 0 },
	{ .minor_from = 21, .minor_to = 21, // mspan.pinnerBits
	  .count_bytes = 8, .free_index = 48, .elements = 56, .alloc_bits = 72, .sweepgen = 96, .state = 107,
	  .element_bytes = 112, .heap_sweepgen = 65856, .heap_arenas = 65944, .arena_spans = 1064960 },
	{ .minor_from = 20, .minor_to = 20, // heapArena.bitmap has one bit a word and noMorePtrs
	  .count_bytes = 8, .free_index = 48, .elements = 56, .alloc_bits = 72, .sweepgen = 88, .state = 99,
	  .element_bytes = 104, .heap_sweepgen = 65816, .heap_arenas = 65904, .arena_spans = 1064960 },
	{ .minor_from = 19, .minor_to = 19,
	  .count_bytes = 8, .free_index = 48, .elements = 56, .alloc_bits = 72, .sweepgen = 88, .state = 99,
	  .element_bytes = 104, .heap_sweepgen = 65848, .heap_arenas = 65936, .arena_spans = 2097152 },
	{ .minor_from = 18, .minor_to = 18,
	  .count_bytes = 8, .free_index = 48, .elements = 56, .alloc_bits = 72, .sweepgen = 88, .state = 99,
	  .element_bytes = 104, .heap_sweepgen = 65840, .heap_arenas = 65936, .arena_spans = 2097152 },
	{ .minor_from = 17, .minor_to = 17,
	  .count_bytes = 8, .free_index = 48, .elements = 56, .alloc_bits = 72, .sweepgen = 88, .state = 99,
	  .element_bytes = 104, .heap_sweepgen = 65832, .heap_arenas = 65944, .arena_spans = 2097152 },
};

static const struct ct_context_layout context_layouts[] = {
	{ .minor_from = 24, .minor_to = 27, // Swiss maps
	  .cancel_class = 80, .timer_class = 112, .timer = 80, .deadline = 88, .has_swiss_maps = true },
	{ .minor_from = 21, .minor_to = 23, // timerCtx embeds a cancelCtx again; afterFuncCtx (104 bytes)
	  .cancel_class = 80, .timer_class = 112, .timer = 80, .deadline = 88 },
	{ .minor_from = 20, .minor_to = 20, // cause; timerCtx {*cancelCtx, timer, deadline}, 40 bytes
	  .cancel_class = 80, .timer_class = 48, .timer = 8, .deadline = 16, .is_timer_indirect = true },
	{ .minor_from = 17, .minor_to = 19,
	  .cancel_class = 64, .timer_class = 96, .timer = 64, .deadline = 72 },
};

static const struct ct_goroutine_layout goroutine_layouts[] = {
	{ .minor_from = 26, .minor_to = 27, .status = 144, .goid = 152, .parent_goid = 280, .gopc = 288,
	  .start_pc = 304, .sched_bp = 96, .defer_link = 32 },
	{ .minor_from = 25, .minor_to = 25, .status = 144, .goid = 152, .parent_goid = 272, .gopc = 280,
	  .start_pc = 296, .sched_bp = 96, .defer_link = 32 },
	{ .minor_from = 23, .minor_to = 24, .status = 152, .goid = 160, .parent_goid = 280, .gopc = 288,
	  .start_pc = 304, .sched_bp = 104, .defer_link = 32 }, // g.syscallbp
	{ .minor_from = 22, .minor_to = 22, .status = 144, .goid = 152, .parent_goid = 272, .gopc = 280,
	  .start_pc = 296, .sched_bp = 104, .defer_link = 32 },
	{ .minor_from = 21, .minor_to = 21, .status = 144, .goid = 152, .parent_goid = 272, .gopc = 280,
	  .start_pc = 296, .sched_bp = 104, .defer_link = 40 },
	{ .minor_from = 17, .minor_to = 20, .status = 144, .goid = 152, .gopc = 296, .start_pc = 312,
	  .sched_bp = 104, .defer_link = 40 },
};

static const struct ct_module_layout module_layouts[] = {
	{ .minor_from = 27, .minor_to = 27, .next = 560 }, { .minor_from = 26, .minor_to = 26, .next = 584 },
	{ .minor_from = 23, .minor_to = 25, .next = 576 }, { .minor_from = 21, .minor_to = 22, .next = 584 },
	{ .minor_from = 20, .minor_to = 20, .next = 560 }, { .minor_from = 18, .minor_to = 19, .next = 544 },
	{ .minor_from = 17, .minor_to = 17, .next = 528 },
};

#define LENGTH(table) (sizeof(table) / sizeof((table)[0]))

/* First row of a table whose range contains the release. */
#define FIND(table, minor)                                                                         \
	({                                                                                         \
		const __typeof__((table)[0]) *found_ = NULL;                                       \
		for (size_t i_ = 0; i_ < LENGTH(table) && !found_; i_++)                           \
			if ((minor) >= (table)[i_].minor_from && (minor) <= (table)[i_].minor_to) \
				found_ = &(table)[i_];                                             \
		found_;                                                                            \
	})

int ct_go_layout_find(unsigned int minor, struct ct_go_layout *ret_layout)
{
	struct ct_go_layout layout = {
		.heap = FIND(heap_layouts, minor),
		.context = FIND(context_layouts, minor),
		.goroutine = FIND(goroutine_layouts, minor),
		.module = FIND(module_layouts, minor),
	};

	if (!layout.heap || !layout.context || !layout.goroutine || !layout.module)
		return -EOPNOTSUPP;
	*ret_layout = layout;
	return 0;
}
