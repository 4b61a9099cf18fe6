// SPDX-License-Identifier: Apache-2.0
#include "memory/image.h"

#include "memory/image_writer.h"
#include "memory/page_map.h"
#include "memory/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX (UINT64_C(1) << 28)

/* A stretch of a page as of one read. */
struct ct_image_piece {
	uint64_t content; /* offset, of no meaning with a flag */
	uint32_t scan, read;
	uint32_t older; /* index + 1 of the page's piece before this one; 0 none */
	uint16_t from, to;
	uint8_t flags; /* CT_MEMORY_ZERO or CT_MEMORY_UNREADABLE */
};

/* A read that left out pages. */
struct ct_image_swapped {
	uint32_t scan, read;
	uint64_t pages;
};

struct ct_image {
	struct ct_memory memory; /* first: the readers get this */
	uint32_t scan, read;	 /* the read that was answered last */
	uint32_t last_scan, last_read; /* of what was added */
	uint64_t holes;		 /* reads of this reading that wanted what the recording does not hold */
	uint64_t steps_max, steps_left; /* bound on the work of one reading */
	bool is_stopped;	 /* the recording holds no more from some read on */
	struct ct_page_map map;	 /* page to newest piece */
	struct ct_image_piece *pieces;
	uint32_t count;
	size_t room;
	uint8_t *content;
	size_t content_bytes, content_room;
	struct ct_image_swapped *swapped; /* in their order */
	size_t swapped_count, swapped_room, swapped_next, swapped_due;
};

static bool is_before(uint32_t scan, uint32_t read, uint32_t other_scan, uint32_t other_read)
{
	return scan != other_scan ? scan < other_scan : read < other_read;
}

/* Where each byte of a stretch of one page comes from. */
struct gathering {
	struct ct_image *image;
	uint8_t *to;
	size_t from, end; /* in the page */
	bool is_unreadable;
	bool is_there[CT_IMAGE_PAGE];
};

/* Where the run of equal marks that begins at `at` ends. */
static size_t run_end(const bool *marks, size_t at, size_t end)
{
	const bool *other = memchr(marks + at, !marks[at], end - at);

	return other ? (size_t)(other - marks) : end;
}

/* Take from a piece what `is_there` does not have. @return how many bytes. */
static size_t take(struct gathering *gathering, const struct ct_image_piece *piece, const bool *is_there)
{
	size_t begin = piece->from > gathering->from ? piece->from : gathering->from;
	size_t end = piece->to < gathering->end ? piece->to : gathering->end, taken = 0;

	for (size_t at = begin, next; at < end; at = next) {
		uint8_t *to = gathering->to + (at - gathering->from);

		next = run_end(is_there, at, end);
		if (is_there[at])
			continue;
		taken += next - at;
		if (piece->flags)
			memset(to, 0, next - at);
		else
			memcpy(to, gathering->image->content + piece->content + (at - piece->from), next - at);
		gathering->is_unreadable |= piece->flags == CT_MEMORY_UNREADABLE;
		memset(gathering->is_there + at, true, next - at);
	}
	return taken;
}

static const struct ct_image_piece *next_piece(struct ct_image *image, uint32_t *index)
{
	const struct ct_image_piece *piece = *index ? &image->pieces[*index - 1] : NULL;

	if (!piece || !image->steps_left)
		return NULL;
	image->steps_left--;
	*index = piece->older;
	return piece;
}

/* Newest first; of what comes later only the earliest counts, so each older one replaces it. */
static size_t take_later(struct gathering *gathering, uint32_t newest)
{
	struct ct_image *image = gathering->image;
	const struct ct_image_piece *piece;
	bool was_there[CT_IMAGE_PAGE];
	size_t count = 0;

	memcpy(was_there, gathering->is_there, sizeof(was_there));
	while ((piece = next_piece(image, &newest)) && is_before(image->scan, image->read, piece->scan, piece->read))
		take(gathering, piece, was_there);
	for (size_t at = gathering->from; at < gathering->end; at++)
		count += gathering->is_there[at];
	return count;
}

/* The usual case: the newest piece that is not later holds all of it. */
static bool take_whole(struct ct_image *image, uint32_t index, uint8_t *to, size_t from, size_t end)
{
	const struct ct_image_piece *piece;

	while ((piece = next_piece(image, &index)))
		if (!is_before(image->scan, image->read, piece->scan, piece->read))
			break;
	if (!piece || piece->from > from || piece->to < end || piece->flags == CT_MEMORY_UNREADABLE)
		return false;
	if (piece->flags)
		memset(to, 0, end - from);
	else
		memcpy(to, image->content + piece->content + (from - piece->from), end - from);
	return true;
}

static int gather(struct ct_image *image, uint32_t newest, uint8_t *to, size_t from, size_t end)
{
	struct gathering gathering = { .image = image, .to = to, .from = from, .end = end };
	const struct ct_image_piece *piece;
	uint32_t index = newest;
	size_t count = 0;

	while (count < end - from && (piece = next_piece(image, &index)))
		if (!is_before(image->scan, image->read, piece->scan, piece->read))
			count += take(&gathering, piece, gathering.is_there);
	if (count < end - from)
		count = take_later(&gathering, newest);
	if (!image->steps_left)
		return -EOVERFLOW;
	image->holes += count < end - from;
	return count < end - from || gathering.is_unreadable ? -EFAULT : 0;
}

static void count_swapped(struct ct_image *image)
{
	while (image->swapped_next < image->swapped_count) {
		const struct ct_image_swapped *swapped = &image->swapped[image->swapped_next];

		if (is_before(image->scan, image->read, swapped->scan, swapped->read))
			break;
		image->memory.swapped_pages += swapped->pages;
		image->swapped_next++;
	}
}

static int image_read(struct ct_memory *memory, uint64_t address, void *buffer, size_t bytes)
{
	struct ct_image *image = (struct ct_image *)memory;
	uint8_t *to = buffer;
	uint32_t newest;
	int rc = 0;

	image->read++;
	count_swapped(image);
	while (bytes && !rc) {
		size_t from = address % CT_IMAGE_PAGE;
		size_t part = bytes < CT_IMAGE_PAGE - from ? bytes : CT_IMAGE_PAGE - from;

		newest = ct_page_map_find(&image->map, address / CT_IMAGE_PAGE);
		if (!take_whole(image, newest, to, from, from + part))
			rc = gather(image, newest, to, from, from + part);
		address += part;
		to += part;
		bytes -= part;
	}
	return rc;
}

struct ct_image *ct_image_new(void)
{
	struct ct_image *image = calloc(1, sizeof(*image));

	if (!image)
		return NULL;
	image->memory.read = image_read;
	image->steps_max = STEPS_MAX;
	return image;
}

void ct_image_free(struct ct_image *image)
{
	if (!image)
		return;
	ct_page_map_done(&image->map);
	free(image->pieces);
	free(image->content);
	free(image->swapped);
	free(image);
}

struct ct_memory *ct_image_memory(struct ct_image *image)
{
	return &image->memory;
}

/* Room for `count` more items. */
static int reserve(void **items, size_t count, size_t *room, size_t item_bytes)
{
	size_t more = *room + *room / 2 + 1024;
	void *bigger;

	if (count <= *room)
		return 0;
	if (more < count)
		more = count;
	bigger = realloc(*items, more * item_bytes);
	if (!bigger)
		return -ENOMEM;
	*items = bigger;
	*room = more;
	return 0;
}

static int add_piece(struct ct_image *image, const struct ct_event_memory *event, uint64_t page, size_t from, size_t to,
		     uint64_t content)
{
	uint32_t *newest;
	int rc = image->count == CT_IMAGE_PIECES_MAX ? -EOVERFLOW : 0;

	if (!rc)
		rc = reserve((void **)&image->pieces, image->count + 1, &image->room, sizeof(*image->pieces));
	newest = rc ? NULL : ct_page_map_at(&image->map, page);
	if (!newest)
		return rc ?: -ENOMEM;
	image->pieces[image->count] = (struct ct_image_piece){
		.content = content,
		.scan = event->scan,
		.read = event->read,
		.older = *newest,
		.from = (uint16_t)from,
		.to = (uint16_t)to,
		.flags = event->header.flags,
	};
	*newest = ++image->count;
	return 0;
}

static int add_swapped(struct ct_image *image, const struct ct_event_memory *event)
{
	int rc = image->swapped_count == CT_IMAGE_PIECES_MAX ?
			 -EOVERFLOW :
			 reserve((void **)&image->swapped, image->swapped_count + 1, &image->swapped_room,
				 sizeof(*image->swapped));

	if (!rc)
		image->swapped[image->swapped_count++] =
			(struct ct_image_swapped){ event->scan, event->read, event->pages };
	return rc;
}

static int add_content(struct ct_image *image, const struct ct_event_memory *event)
{
	int rc = image->content_bytes + event->bytes > CT_IMAGE_BYTES_MAX ?
			 -EOVERFLOW :
			 reserve((void **)&image->content, image->content_bytes + event->bytes, &image->content_room, 1);

	if (rc)
		return rc;
	memcpy(image->content + image->content_bytes, event + 1, event->bytes);
	image->content_bytes += event->bytes;
	return 0;
}

int ct_image_add(struct ct_image *image, const struct ct_event_memory *event)
{
	uint64_t content = image->content_bytes, address = event->address, end = address + event->bytes;
	int rc = 0;

	if (is_before(event->scan, event->read, image->last_scan, image->last_read))
		return -EPROTO;
	image->last_scan = event->scan;
	image->last_read = event->read;
	image->is_stopped |= event->header.flags == CT_MEMORY_STOPPED;
	if (event->header.flags == CT_MEMORY_STOPPED)
		return 0;
	if (event->header.flags == CT_MEMORY_SWAPPED)
		return add_swapped(image, event);
	if (event->bytes / CT_IMAGE_PAGE > CT_IMAGE_PIECES_MAX - image->count)
		return -EOVERFLOW;
	if (!event->header.flags)
		rc = add_content(image, event);
	while (address < end && !rc) {
		size_t from = address % CT_IMAGE_PAGE;
		size_t part = end - address < CT_IMAGE_PAGE - from ? end - address : CT_IMAGE_PAGE - from;

		rc = add_piece(image, event, address / CT_IMAGE_PAGE, from, from + part,
			       content + (address - event->address));
		address += part;
	}
	return rc;
}

void ct_image_begin(struct ct_image *image, uint32_t scan)
{
	image->scan = scan;
	image->read = 0;
	image->holes = 0;
	image->steps_left = image->steps_max;
	image->swapped_due = image->swapped_count;
	image->swapped_next = 0;
	while (image->swapped_next < image->swapped_count && image->swapped[image->swapped_next].scan < scan)
		image->swapped_next++;
}

void ct_image_bound(struct ct_image *image, uint64_t steps)
{
	image->steps_max = steps;
}

bool ct_image_is_whole(const struct ct_image *image)
{
	return !image->holes && !image->is_stopped && image->steps_left && image->swapped_next >= image->swapped_due;
}
