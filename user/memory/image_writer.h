// SPDX-License-Identifier: Apache-2.0
/*
 * Keeps what a census reads, as MEMORY events (ctxtrace/event.h): a listener of the census's memory. It remembers what it
 * has told, so that a second reading of an idle program adds next to nothing. Nothing is kept that was not read.
 */
#pragma once

#include "ctxtrace/source.h"

#include <stdint.h>

struct ct_memory_listener;

/** More content than this is not kept: a recording stays within what a replay holds in memory. */
#define CT_IMAGE_BYTES_MAX (UINT64_C(1) << 30)
/** Nor more pieces of pages than this. */
#define CT_IMAGE_PIECES_MAX (UINT32_C(1) << 22)

/** What was told so far. */
struct ct_image_writer;

/** Make one that tells `sink`. @return NULL: no memory. */
struct ct_image_writer *ct_image_writer_new(ct_event_sink sink, void *opaque);

/** Release it; nobody may hear through it any more. NULL is fine. */
void ct_image_writer_free(struct ct_image_writer *writer);

/** The listener, for ct_memory. Borrowed. */
struct ct_memory_listener *ct_image_writer_listener(struct ct_image_writer *writer);

/** The reading `scan` begins; its events get this time. */
void ct_image_writer_begin(struct ct_image_writer *writer, uint32_t scan, uint64_t time_ns);

/** @return 0; -EOVERFLOW when there was more than is kept; what the sink returned; -ENOMEM. Such an image is cut. */
int ct_image_writer_error(const struct ct_image_writer *writer);
