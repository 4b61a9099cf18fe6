// SPDX-License-Identifier: Apache-2.0
/* Bytes that are being sent, to several clients at once perhaps, and how many there are in all. */
#pragma once

#include "base/text.h"

/** All bodies of one server. Zero-initialise. */
struct ct_bodies {
	size_t bytes;
};

/** Bodies that slow clients have not taken yet may need so much memory; then there is none for new large ones. */
#define CT_BODIES_BYTES_MAX ((size_t)64 << 20)

/** A small body is always taken: a scrape is one, and what it needs in all is bounded by the number of clients. */
#define CT_BODY_SMALL ((size_t)256 << 10)

/** One body. */
struct ct_body {
	struct ct_bodies *all;
	struct ct_text text;
	unsigned int users;
};

/**
 * Take over a text, with one reference.
 * @return NULL when it failed, there is no memory, or too much is held already for a large one.
 */
struct ct_body *ct_body_new(struct ct_bodies *all, struct ct_text *text);

/** One reference more. @return the body. */
struct ct_body *ct_body_keep(struct ct_body *body);

/** One reference less; the last one frees. NULL is fine. */
void ct_body_release(struct ct_body *body);

/** Compress, and `breathe` every few milliseconds. @return the compressed text; `failed` when there is no memory. */
struct ct_text ct_body_gzip(const struct ct_text *text, void (*breathe)(void *opaque), void *opaque);
