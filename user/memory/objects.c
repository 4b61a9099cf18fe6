// SPDX-License-Identifier: Apache-2.0
#include "memory/objects.h"

#include <errno.h>
#include <stdlib.h>

#define SPANS_MAX (UINT32_C(1) << 24)

static int add_span(void *opaque, const struct ct_object_span *span)
{
	struct ct_objects *objects = opaque;

	if (objects->count == SPANS_MAX)
		return -EOVERFLOW;
	if (objects->count == objects->room) {
		size_t room = objects->room + objects->room / 2 + 1024;
		struct ct_object_span *more = realloc(objects->spans, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		objects->spans = more;
		objects->room = room;
	}
	objects->spans[objects->count++] = *span;
	return 0;
}

static int by_start(const void *a, const void *b)
{
	uint64_t left = ((const struct ct_object_span *)a)->start, right = ((const struct ct_object_span *)b)->start;

	return left < right ? -1 : left > right;
}

/* A span that was freed and made anew while the list was read stands in it twice, in parts: the later one goes. */
static void drop_overlaps(struct ct_objects *objects)
{
	size_t kept = 0;
	uint64_t end = 0;

	objects->bytes_with_pointers = 0;
	for (size_t i = 0; i < objects->count; i++) {
		struct ct_object_span span = objects->spans[i];

		if (span.start < end)
			continue;
		end = span.start + span.bytes;
		if (span.has_pointers)
			objects->bytes_with_pointers += span.bytes;
		objects->spans[kept++] = span;
	}
	objects->count = kept;
}

int ct_objects_load(struct ct_objects *objects, const struct ct_heap *heap)
{
	int rc;

	objects->count = 0;
	rc = ct_heap_each_span(heap, add_span, objects);
	if (objects->count)
		qsort(objects->spans, objects->count, sizeof(*objects->spans), by_start);
	drop_overlaps(objects);
	return rc;
}

void ct_objects_done(struct ct_objects *objects)
{
	free(objects->spans);
	*objects = (struct ct_objects){ 0 };
}

const struct ct_object_span *ct_objects_find(const struct ct_objects *objects, uint64_t address)
{
	size_t low = 0, high = objects->count;
	const struct ct_object_span *span;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (objects->spans[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	span = &objects->spans[low - 1];
	return (address - span->start) / span->element_bytes < span->elements ? span : NULL;
}
