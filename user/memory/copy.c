// SPDX-License-Identifier: Apache-2.0
#include "memory/copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK_BYTES (UINT64_C(16) << 20)
#define PARTS_MAX (UINT64_C(1) << 24)

/** Memory the parts lie in. */
struct ct_chunk {
	uint8_t *bytes;
	uint64_t size, used;
};

/* Across parts and holes alike. */
static int copy_read(struct ct_memory *memory, uint64_t address, void *buffer, size_t bytes)
{
	struct ct_copy *copy = (struct ct_copy *)memory;
	uint8_t *to = buffer;

	while (bytes) {
		uint64_t there;
		const uint8_t *from = ct_copy_at(copy, address, &there);
		size_t part = there < bytes ? (size_t)there : bytes;

		if (from)
			memcpy(to, from, part);
		else
			memset(to, 0, part);
		address += part;
		to += part;
		bytes -= part;
	}
	return 0;
}

void ct_copy_init(struct ct_copy *copy, struct ct_memory *source, uint64_t bytes_max)
{
	*copy = (struct ct_copy){
		.memory = { .read = copy_read },
		.source = source,
		.bytes_max = bytes_max,
	};
}

static int add_chunk(struct ct_copy *copy, uint64_t bytes, int flags)
{
	struct ct_chunk *more = realloc(copy->chunks, (copy->chunks_count + 1) * sizeof(*more));
	void *memory;

	if (!more)
		return -ENOMEM;
	copy->chunks = more;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	if (memory == MAP_FAILED)
		return -ENOMEM;
	copy->chunks[copy->chunks_count++] = (struct ct_chunk){ .bytes = memory, .size = bytes };
	return 0;
}

int ct_copy_reserve(struct ct_copy *copy, uint64_t bytes)
{
	return bytes ? add_chunk(copy, bytes, MAP_POPULATE) : 0;
}

static int add_part(struct ct_copy *copy, uint64_t start, uint64_t end, const uint8_t *bytes)
{
	if (copy->parts_count == copy->parts_room) {
		size_t room = copy->parts_room * 2 + 4096;
		struct ct_copied *more = room > PARTS_MAX ? NULL : realloc(copy->parts, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		copy->parts = more;
		copy->parts_room = room;
	}
	copy->parts[copy->parts_count++] = (struct ct_copied){ start, end, bytes };
	return 0;
}

/* As much as there is room for in the last chunk, and at least something. */
static int take_room(struct ct_copy *copy, uint64_t wanted, uint8_t **ret_bytes, uint64_t *ret_size)
{
	struct ct_chunk *chunk = copy->chunks_count ? &copy->chunks[copy->chunks_count - 1] : NULL;

	if (!chunk || chunk->used == chunk->size) {
		int rc = add_chunk(copy, CHUNK_BYTES, 0);

		if (rc)
			return rc;
		chunk = &copy->chunks[copy->chunks_count - 1];
	}
	*ret_bytes = chunk->bytes + chunk->used;
	*ret_size = wanted < chunk->size - chunk->used ? wanted : chunk->size - chunk->used;
	chunk->used += *ret_size;
	return 0;
}

static int add_present(void *opaque, uint64_t start, uint64_t end)
{
	struct ct_copy *copy = opaque;
	int rc = 0;

	if (end - start > copy->bytes_max - copy->bytes)
		return -ENOSPC;
	while (start < end && !rc) {
		uint64_t size = 0;
		uint8_t *bytes = NULL;

		rc = take_room(copy, end - start, &bytes, &size);
		if (!rc && copy->source->read_present)
			rc = copy->source->read_present(copy->source, start, bytes, size);
		else if (!rc)
			rc = copy->source->read(copy->source, start, bytes, size);
		if (!rc)
			rc = add_part(copy, start, start + size, bytes);
		copy->bytes += size;
		start += size;
	}
	return rc;
}

int ct_copy_add(struct ct_copy *copy, uint64_t start, uint64_t end)
{
	return ct_memory_each_present(copy->source, start, end, add_present, copy);
}

int ct_copy_add_all(struct ct_copy *copy, uint64_t start, uint64_t end)
{
	return start < end ? add_present(copy, start, end) : 0;
}

static int by_start(const void *a, const void *b)
{
	uint64_t left = ((const struct ct_copied *)a)->start, right = ((const struct ct_copied *)b)->start;

	return left < right ? -1 : left > right;
}

void ct_copy_sort(struct ct_copy *copy)
{
	if (copy->parts_count)
		qsort(copy->parts, copy->parts_count, sizeof(*copy->parts), by_start);
	copy->last = 0;
}

/* Index of the first part that ends behind the address. */
static size_t find(const struct ct_copy *copy, uint64_t address)
{
	size_t low = 0, high = copy->parts_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (copy->parts[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const uint8_t *ct_copy_at(struct ct_copy *copy, uint64_t address, uint64_t *ret_bytes)
{
	const struct ct_copied *part = copy->parts + copy->last;
	size_t index = copy->last;

	if (index >= copy->parts_count || address < part->start || address >= part->end)
		index = find(copy, address);
	if (index == copy->parts_count) {
		*ret_bytes = UINT64_MAX;
		return NULL;
	}
	copy->last = index;
	part = copy->parts + index;
	if (address < part->start) {
		*ret_bytes = part->start - address;
		return NULL;
	}
	*ret_bytes = part->end - address;
	return part->bytes + (address - part->start);
}

void ct_copy_done(struct ct_copy *copy)
{
	for (size_t i = 0; i < copy->chunks_count; i++)
		munmap(copy->chunks[i].bytes, copy->chunks[i].size);
	free(copy->chunks);
	free(copy->parts);
	*copy = (struct ct_copy){ 0 };
}
