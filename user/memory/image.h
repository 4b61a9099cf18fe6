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

#include <stdbool.h>
#include <stdint.h>

struct ct_memory;

/** A recorded image. */
struct ct_image;

/** An empty one. @return NULL: no memory. */
struct ct_image *ct_image_new(void);

/** Release it. NULL is fine. */
void ct_image_free(struct ct_image *image);

/** What a census reads. Borrowed. */
struct ct_memory *ct_image_memory(struct ct_image *image);

/** Add a decoded event. @return 0; -EPROTO it comes before an earlier one; -EOVERFLOW too much; -ENOMEM. */
int ct_image_add(struct ct_image *image, const struct ct_event_memory *event);

/** Begin the reading `scan`, all of whose events were added; those of questions after it may come later. */
void ct_image_begin(struct ct_image *image, uint32_t scan);

/** Bound the work of one reading to so many pieces looked at, from the next one on. The default is 2^28. */
void ct_image_bound(struct ct_image *image, uint64_t steps);

/** After a reading: does the recording hold all that it asked for, and did it meet all pages that were swapped out? */
bool ct_image_is_whole(const struct ct_image *image);
