// SPDX-License-Identifier: Apache-2.0
#include "memory/mspan.h"

#define SPAN_PAGES_MAX (UINT64_C(1) << 35) /* 2^48 bytes */

/* allocCount, spanclass, state lie side by side in every release: two bytes, one, one. */
#define ALLOCATED_BEFORE_STATE 3

/* Is this mspan one in use, and do its numbers fit together? Lowest bit of spanclass, the byte before state: no pointers
 * inside (src/runtime/mheap.go, spanClass). */
bool ct_mspan_parse(const struct ct_heap_layout *layout, const uint8_t *header, struct ct_object_span *span)
{
	uint64_t pages = ct_load64(header + CT_SPAN_PAGES);
	uint64_t elements = ct_load(header + layout->elements, layout->count_bytes);
	uint64_t free_index = ct_load(header + layout->free_index, layout->count_bytes);

	span->start = ct_load64(header + CT_SPAN_START);
	span->element_bytes = ct_load64(header + layout->element_bytes);
	if (header[layout->state] != CT_MSPAN_IN_USE || !span->element_bytes || span->element_bytes % 8 ||
	    span->start % CT_GO_PAGE_BYTES || !pages || pages > SPAN_PAGES_MAX)
		return false;
	span->bytes = pages * CT_GO_PAGE_BYTES;
	if (!elements || free_index > elements || elements > span->bytes / span->element_bytes)
		return false;
	span->alloc_bits = ct_load64(header + layout->alloc_bits);
	span->elements = (uint32_t)elements;
	span->free_index = (uint32_t)free_index;
	span->sweepgen = (uint32_t)ct_load(header + layout->sweepgen, 4);
	span->allocated = (uint16_t)ct_load(header + layout->state - ALLOCATED_BEFORE_STATE, 2);
	span->has_pointers = !(header[layout->state - 1] & 1);
	return true;
}

/*
 * Element sizes of the size classes 1 to 67 (src/runtime/sizeclasses.go; one table in Go 1.17 to 1.27). Class 0 is a
 * span with one large object.
 */
static const uint16_t class_bytes[] = {
	0,    8,    16,   24,	32,   48,   64,	  80,	96,   112,  128,   144,	  160,	 176,	192,   208,   224,
	240,  256,  288,  320,	352,  384,  416,  448,	480,  512,  576,   640,	  704,	 768,	896,   1024,  1152,
	1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096,  4864,  5120,	 5376,	6144,  6528,  6784,
	6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672,
	32768,
};

/* Is the element size the one its size class has? */
bool ct_mspan_has_class_size(const struct ct_heap_layout *layout, const uint8_t *header, const struct ct_object_span *span)
{
	size_t class = header[layout->state - 1] >> 1;

	if (!class)
		return span->elements == 1;
	return class < sizeof(class_bytes) / sizeof(class_bytes[0]) && span->element_bytes == class_bytes[class];
}

/* Is this mspan one of stacks? The runtime itself keeps account of what is in use there. */
bool ct_mspan_parse_stack(const struct ct_heap_layout *layout, const uint8_t *header, struct ct_object_span *span)
{
	uint64_t pages = ct_load64(header + CT_SPAN_PAGES);

	span->start = ct_load64(header + CT_SPAN_START);
	span->bytes = pages * CT_GO_PAGE_BYTES;
	return header[layout->state] == CT_MSPAN_MANUAL && span->start % CT_GO_PAGE_BYTES == 0 && pages &&
	       pages <= SPAN_PAGES_MAX;
}

/* One of small elements? */
bool ct_mspan_take_small(const struct ct_object_span *any, struct ct_span *span)
{
	if (any->element_bytes > CT_ELEMENT_BYTES_MAX || any->bytes > CT_SPAN_BYTES_MAX)
		return false;
	*span = (struct ct_span){
		.header = any->header,
		.start = any->start,
		.alloc_bits = any->alloc_bits,
		.elements = any->elements,
		.free_index = any->free_index,
		.sweepgen = any->sweepgen,
		.allocated = any->allocated,
		.element_bytes = (uint8_t)any->element_bytes,
	};
	return true;
}
