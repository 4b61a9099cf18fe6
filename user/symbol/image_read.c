// SPDX-License-Identifier: Apache-2.0
#include "symbol/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

// Read at a time by a search; a pattern is far smaller.
#define CHUNK_BYTES (UINT64_C(1) << 20)

// A hostile file may repeat a pattern millions of times, and each match costs its visitor some reads.
#define MATCHES_MAX 65536

static const struct ct_segment *segment_at(const struct ct_image *image, uint64_t address)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct ct_segment *segment = &image->segments[i];

		if (address >= segment->address && address - segment->address < segment->memory_bytes)
			return segment;
	}
	return NULL;
}

uint64_t ct_image_available(const struct ct_image *image, uint64_t address)
{
	const struct ct_segment *segment = segment_at(image, address);

	if (!segment || address - segment->address >= segment->file_bytes)
		return 0;
	return segment->file_bytes - (address - segment->address);
}

int ct_image_offset(const struct ct_image *image, uint64_t address, uint64_t *ret_offset)
{
	const struct ct_segment *segment = segment_at(image, address);

	if (!segment || address - segment->address >= segment->file_bytes)
		return -EFAULT;
	*ret_offset = segment->offset + (address - segment->address);
	return 0;
}

int ct_image_read(const struct ct_image *image, uint64_t address, void *buffer, size_t bytes)
{
	const struct ct_segment *segment = segment_at(image, address);
	uint64_t at, in_file;

	if (!bytes)
		return 0;
	if (!segment || bytes > segment->memory_bytes - (address - segment->address))
		return -EFAULT;
	at = address - segment->address;
	in_file = at < segment->file_bytes ? segment->file_bytes - at : 0;
	if (in_file > bytes)
		in_file = bytes;
	if (ct_image_pread(image, segment->offset + at, buffer, in_file) < 0)
		return -EFAULT;
	memset((char *)buffer + in_file, 0, bytes - in_file);
	ct_image_relocate(image, address, buffer, bytes);
	return 0;
}

/* One search while it runs. */
struct search {
	const struct ct_image *image;
	const struct ct_image_query *query;
	ct_image_visitor visit;
	void *opaque;
	char *chunk;
	size_t matches;
};

static int search_chunk(struct search *search, uint64_t address, size_t bytes)
{
	const struct ct_image_query *query = search->query;
	const char *at = search->chunk, *end = search->chunk + bytes;

	while ((at = memmem(at, (size_t)(end - at), query->pattern, query->bytes))) {
		uint64_t where = address + (uint64_t)(at - search->chunk);
		int r;

		if (where % query->align == 0) {
			if (++search->matches > MATCHES_MAX)
				return -E2BIG;
			r = search->visit(search->opaque, where);
			if (r)
				return r;
		}
		at++;
	}
	return 0;
}

static int search_segment(struct search *search, const struct ct_segment *segment)
{
	size_t overlap = search->query->bytes - 1;

	for (uint64_t at = 0; at < segment->file_bytes; at += CHUNK_BYTES) {
		uint64_t bytes = segment->file_bytes - at;
		int r;

		if (bytes > CHUNK_BYTES + overlap)
			bytes = CHUNK_BYTES + overlap;
		r = ct_image_pread(search->image, segment->offset + at, search->chunk, bytes);
		if (r >= 0)
			r = search_chunk(search, segment->address + at, bytes);
		if (r)
			return r;
	}
	return 0;
}

int ct_image_search(const struct ct_image *image, const struct ct_image_query *query, ct_image_visitor visit,
		    void *opaque)
{
	_ct_free_ char *chunk = malloc(CHUNK_BYTES + query->bytes);
	struct search search = {image, query, visit, opaque, chunk, 0};

	if (!chunk)
		return -ENOMEM;
	for (size_t i = 0; i < image->segment_count; i++) {
		int r = 0;

		if ((image->segments[i].flags & query->mask) == query->flags)
			r = search_segment(&search, &image->segments[i]);
		if (r)
			return r;
	}
	return 0;
}
