// SPDX-License-Identifier: Apache-2.0
#include "agent/http_body.h"

#include <stdlib.h>
#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* the largest window, with a gzip header */
#define STEP ((size_t)128 << 10)

struct ct_body *ct_body_new(struct ct_bodies *all, struct ct_text *text)
{
	bool is_refused = text->capacity > CT_BODY_SMALL && all->bytes + text->capacity > CT_BODIES_BYTES_MAX;
	struct ct_body *body = text->failed || is_refused ? NULL : malloc(sizeof(*body));

	if (!body) {
		ct_text_done(text);
		return NULL;
	}
	*body = (struct ct_body){ .all = all, .text = *text, .users = 1 };
	*text = (struct ct_text){ 0 };
	all->bytes += body->text.capacity;
	return body;
}

struct ct_body *ct_body_keep(struct ct_body *body)
{
	body->users++;
	return body;
}

void ct_body_release(struct ct_body *body)
{
	if (!body || --body->users)
		return;
	body->all->bytes -= body->text.capacity;
	ct_text_done(&body->text);
	free(body);
}

/* Compress one step of input, all of it. */
static void deflate_step(z_stream *stream, bool is_last, struct ct_text *out)
{
	unsigned char buffer[16384];

	do {
		stream->next_out = buffer;
		stream->avail_out = sizeof(buffer);
		deflate(stream, is_last ? Z_FINISH : Z_NO_FLUSH);
		ct_text_append(out, (const char *)buffer, sizeof(buffer) - stream->avail_out);
	} while (!stream->avail_out);
}

struct ct_text ct_body_gzip(const struct ct_text *text, void (*breathe)(void *opaque), void *opaque)
{
	z_stream stream = { 0 };
	struct ct_text out = { 0 };

	if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		out.failed = true;
		return out;
	}
	for (size_t at = 0; at < text->length; at += STEP) {
		size_t left = text->length - at;

		stream.next_in = (unsigned char *)text->data + at;
		stream.avail_in = (unsigned int)(left < STEP ? left : STEP);
		deflate_step(&stream, left <= STEP, &out);
		breathe(opaque);
	}
	deflateEnd(&stream);
	return out;
}
