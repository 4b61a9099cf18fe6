// SPDX-License-Identifier: Apache-2.0
/*
 * Of each page a copy is held of the one stretch told last. A read inside it is compared; one that touches it makes it
 * longer; one elsewhere in the page replaces it, and what it replaced is told again should it be read again. So what is
 * left out is always what a replay has already.
 */
#include "memory/image_writer.h"

#include "memory/page_map.h"
#include "memory/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COPIES_MAX 65536 /* 256 MiB of pages; others are told whenever they are read */

/* What was told of one page. */
struct copy {
	uint8_t *bytes; /* of the whole page; NULL: zeros */
	uint16_t from, to;
};

/* A stretch of one read that is to be told, so far. */
struct run {
	uint64_t address;
	const uint8_t *bytes;
	uint64_t count;
	uint8_t flags;
};

struct ct_image_writer {
	struct ct_memory_listener listener; /* first */
	ct_event_sink sink;
	void *opaque;
	uint64_t time_ns, told_bytes;
	uint32_t scan, read, pieces;
	int error;
	struct ct_page_map map; /* page to index in `copies` */
	struct copy *copies;
	uint32_t copies_count, copies_room, pages_held;
	struct run run;
	struct {
		struct ct_event_memory head;
		uint8_t content[CT_MEMORY_BYTES_MAX];
	} event;
};

static void tell(struct ct_image_writer *writer, uint64_t address, const uint8_t *bytes, uint64_t count, uint8_t flags,
		 uint32_t pages)
{
	struct ct_event_memory *memory = &writer->event.head;
	struct ct_event event = { .memory = memory, .bytes = sizeof(*memory) + (flags ? 0 : count) };

	*memory = (struct ct_event_memory){
		.header = { .time_ns = writer->time_ns, .type = CT_EVENT_MEMORY, .flags = flags },
		.address = address,
		.bytes = count,
		.scan = writer->scan,
		.read = writer->read,
		.pages = pages,
	};
	if (!flags)
		memcpy(writer->event.content, bytes, count);
	writer->error = writer->sink(writer->opaque, &event);
}

/* There is more than is kept. The first failure is told, and nothing after it. */
static void stop(struct ct_image_writer *writer, int error)
{
	tell(writer, 4096, NULL, 1, CT_MEMORY_STOPPED, 0);
	if (!writer->error)
		writer->error = error;
}

static void end_run(struct ct_image_writer *writer)
{
	struct run *run = &writer->run;

	while (run->count && !writer->error) {
		uint64_t part = !run->flags && run->count > CT_MEMORY_BYTES_MAX ? CT_MEMORY_BYTES_MAX : run->count;

		tell(writer, run->address, run->bytes, part, run->flags, 0);
		run->address += part;
		run->bytes += part;
		run->count -= part;
	}
	*run = (struct run){ 0 };
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
	return !*bytes && !memcmp(bytes, bytes + 1, count - 1);
}

static void add_to_run(struct ct_image_writer *writer, uint64_t address, const uint8_t *bytes, size_t count)
{
	uint8_t flags = is_zero(bytes, count) ? CT_MEMORY_ZERO : 0;
	struct run *run = &writer->run;

	if (!run->count || run->flags != flags || run->address + run->count != address) {
		end_run(writer);
		*run = (struct run){ .address = address, .bytes = bytes, .flags = flags };
	}
	run->count += count;
	writer->told_bytes += flags ? 0 : count;
	if (++writer->pieces > CT_IMAGE_PIECES_MAX / 2 || // long runs are cut once more
	    writer->told_bytes > CT_IMAGE_BYTES_MAX) {
		*run = (struct run){ 0 };
		if (!writer->error)
			stop(writer, -EOVERFLOW);
	}
}

/* The copy of a page, or NULL: none, and no room or no memory for one. */
static struct copy *copy_of(struct ct_image_writer *writer, uint64_t page)
{
	uint32_t *index = ct_page_map_at(&writer->map, page);

	if (!index)
		return NULL;
	if (*index)
		return &writer->copies[*index - 1];
	if (writer->copies_count == writer->copies_room) {
		uint32_t room = writer->copies_room * 2 + 1024;
		struct copy *more = realloc(writer->copies, room * sizeof(*more));

		if (!more)
			return NULL;
		writer->copies = more;
		writer->copies_room = room;
	}
	writer->copies[writer->copies_count] = (struct copy){ 0 };
	*index = ++writer->copies_count;
	return &writer->copies[*index - 1];
}

static uint8_t byte_of(const struct copy *copy, size_t at)
{
	return copy->bytes ? copy->bytes[at] : 0;
}

static bool is_told(const struct copy *copy, const uint8_t *bytes, size_t from, size_t at)
{
	return at >= copy->from && at < copy->to && byte_of(copy, at) == bytes[at - from];
}

/* Take what is being told into the copy. */
static void keep(struct ct_image_writer *writer, struct copy *copy, const uint8_t *bytes, size_t from, size_t to)
{
	bool touches = copy->to && from <= copy->to && to >= copy->from;

	if (!copy->bytes && !is_zero(bytes, to - from)) {
		copy->bytes = writer->pages_held < COPIES_MAX ? calloc(1, CT_IMAGE_PAGE) : NULL;
		writer->pages_held += copy->bytes != NULL;
		if (!copy->bytes) {
			copy->from = copy->to = 0;
			return;
		}
	}
	if (copy->bytes)
		memcpy(copy->bytes + from, bytes, to - from);
	copy->from = (uint16_t)(touches && copy->from < from ? copy->from : from);
	copy->to = (uint16_t)(touches && copy->to > to ? copy->to : to);
}

/* Bytes [from, to) of a page, of which those are told that are not yet. */
static void hear_piece(struct ct_image_writer *writer, uint64_t page, const uint8_t *bytes, size_t from, size_t to)
{
	struct copy *copy = copy_of(writer, page);
	size_t first = from, last = to;

	if (copy && !copy->bytes && from >= copy->from && to <= copy->to && is_zero(bytes, to - from))
		return;
	if (copy && copy->bytes && from >= copy->from && to <= copy->to &&
	    !memcmp(copy->bytes + from, bytes, to - from))
		return;
	while (copy && first < to && is_told(copy, bytes, from, first))
		first++;
	while (copy && last > first && is_told(copy, bytes, from, last - 1))
		last--;
	if (first < last)
		add_to_run(writer, page * CT_IMAGE_PAGE + first, bytes + (first - from), last - first);
	if (copy)
		keep(writer, copy, bytes, from, to);
}

/* What cannot be read now may be readable, and the same as before, later: that would have to be told again. */
static void forget(struct ct_image_writer *writer, uint64_t address, size_t count)
{
	for (uint64_t page = address / CT_IMAGE_PAGE; page <= (address + count - 1) / CT_IMAGE_PAGE; page++) {
		struct copy *copy = copy_of(writer, page);

		if (copy)
			copy->from = copy->to = 0;
	}
}

static void hear(struct ct_memory_listener *listener, uint64_t address, const uint8_t *bytes, size_t count, int rc,
		 uint64_t swapped)
{
	struct ct_image_writer *writer = (struct ct_image_writer *)listener;

	writer->read++;
	if (!writer->error && swapped)
		tell(writer, address, NULL, count, CT_MEMORY_SWAPPED, (uint32_t)swapped);
	if (!writer->error && rc == -EFAULT) {
		forget(writer, address, count);
		tell(writer, address, NULL, count, CT_MEMORY_UNREADABLE, 0);
		writer->pieces += (uint32_t)(count / CT_IMAGE_PAGE) + 2;
	}
	for (size_t at = 0; at < count && !rc && !writer->error;) {
		size_t from = (address + at) % CT_IMAGE_PAGE;
		size_t part = count - at < CT_IMAGE_PAGE - from ? count - at : CT_IMAGE_PAGE - from;

		hear_piece(writer, (address + at) / CT_IMAGE_PAGE, bytes + at, from, from + part);
		at += part;
	}
	end_run(writer);
}

struct ct_image_writer *ct_image_writer_new(ct_event_sink sink, void *opaque)
{
	struct ct_image_writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return NULL;
	writer->listener.hear = hear;
	writer->sink = sink;
	writer->opaque = opaque;
	writer->scan = 1;
	return writer;
}

void ct_image_writer_free(struct ct_image_writer *writer)
{
	if (!writer)
		return;
	for (uint32_t i = 0; i < writer->copies_count; i++)
		free(writer->copies[i].bytes);
	free(writer->copies);
	ct_page_map_done(&writer->map);
	free(writer);
}

struct ct_memory_listener *ct_image_writer_listener(struct ct_image_writer *writer)
{
	return &writer->listener;
}

void ct_image_writer_begin(struct ct_image_writer *writer, uint32_t scan, uint64_t time_ns)
{
	writer->scan = scan;
	writer->read = 0;
	writer->time_ns = time_ns;
}

int ct_image_writer_error(const struct ct_image_writer *writer)
{
	return writer->error;
}
