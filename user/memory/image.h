// SPDX-License-Identifier: Apache-2.0
/*
 * What a recorded census read, as memory that a census can read again. Made of MEMORY events, which anybody may have
 * written: bounded in size and work, and what they do not hold is never invented.
 *
 * A read is the Nth of its reading, as in the recording, and sees of each byte the latest content that is not after it;
 * where there is none, the earliest after it. The census that made the recording asks the same in the same order and
 * gets the same answers, changes under its hands included. Another one may ask for what is not there: that is counted.
 */
#pragma once

#include "ctxtrace/event.h"
#include "memory/page_map.h"
#include "memory/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Zero-initialise by ct_image_init(); release with ct_image_done(). */
struct ct_image {
	struct ct_memory memory; /**< First: the readers get this. */
	uint32_t scan, read;	 /**< The read that was answered last. */
	uint64_t holes;		 /**< Reads of this reading that wanted what the recording does not hold. */
	uint64_t steps_left;	 /**< Bound on the work of one reading. */
	bool is_stopped; /**< The recording ends before its events do. */
	struct ct_page_map map; /**< Page to newest piece. */
	struct ct_image_piece *pieces;
	uint32_t count, room;
	uint8_t *content;
	size_t content_bytes, content_room;
	struct ct_image_swapped *swapped; /**< In their order. */
	size_t swapped_count, swapped_room, swapped_next, swapped_due;
	uint32_t last_scan, last_read; /**< Of what was added. */
};

/** An empty one. It must not move afterwards. */
void ct_image_init(struct ct_image *image);

/** Add a decoded event. @return 0; -EPROTO it comes before an earlier one; -EOVERFLOW too much; -ENOMEM. */
int ct_image_add(struct ct_image *image, const struct ct_event_memory *event);

/** Begin the reading `scan`, all of whose events were added; those of questions after it may come later. */
void ct_image_begin(struct ct_image *image, uint32_t scan);

/** After a reading: does the recording hold all that it asked for, and did it meet all pages that were swapped out? */
bool ct_image_is_whole(const struct ct_image *image);

/** Release. */
void ct_image_done(struct ct_image *image);
