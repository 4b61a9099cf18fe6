// SPDX-License-Identifier: Apache-2.0
/*
 * One header of a span, Go's runtime.mspan (src/runtime/mheap.go): bytes in, a checked span out. `header` is always
 * CT_SPAN_HEADER_BYTES of one. Nothing is read here.
 */
#pragma once

#include "memory/heap.h"

/** States: mSpanInUse, mSpanManual. Dead is 0, and there are no others. */
#define CT_MSPAN_IN_USE 1
#define CT_MSPAN_MANUAL 2

/** Is it in use for objects, and do its numbers fit together? */
bool ct_mspan_parse(const struct ct_heap_layout *layout, const uint8_t *header, struct ct_object_span *span);

/** Is it one of stacks? Only start and bytes are filled in. */
bool ct_mspan_parse_stack(const struct ct_heap_layout *layout, const uint8_t *header, struct ct_object_span *span);

/** Is the element size the one its size class has? */
bool ct_mspan_has_class_size(const struct ct_heap_layout *layout, const uint8_t *header,
			     const struct ct_object_span *span);

/** @return true and the span when it is one of small elements, as the census reads them. */
bool ct_mspan_take_small(const struct ct_object_span *any, struct ct_span *ret_span);
