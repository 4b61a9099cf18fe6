// SPDX-License-Identifier: Apache-2.0
#include "report/gzip.h"

#include <errno.h>
#include <limits.h>
#include <zlib.h>

#define WITH_GZIP_HEADER 16 /* added to the window's bits */
#define MEMORY_LEVEL 8	    /* zlib's default */

int ct_gzip(struct ct_text *text, const void *bytes, size_t length)
{
	z_stream stream = { .next_in = (Bytef *)bytes };
	unsigned char packed[16384];
	int rc;

	if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + WITH_GZIP_HEADER, MEMORY_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	do {
		if (!stream.avail_in) {
			stream.avail_in = length < UINT_MAX ? (uInt)length : UINT_MAX;
			length -= stream.avail_in;
		}
		stream.next_out = packed;
		stream.avail_out = sizeof(packed);
		rc = deflate(&stream, length ? Z_NO_FLUSH : Z_FINISH);
		ct_text_append(text, (const char *)packed, sizeof(packed) - stream.avail_out);
	} while (rc == Z_OK);
	deflateEnd(&stream);
	return rc == Z_STREAM_END && !text->failed ? 0 : -ENOMEM;
}
