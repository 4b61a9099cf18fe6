// SPDX-License-Identifier: Apache-2.0
/*
 * The recording reader. The first byte says what the rest is: a file as it is (even), or the content of one (odd),
 * which is stored in a valid gzip stream first. Otherwise every mutation would end at the checksum.
 */
#include "fuzz.h"

#include "source/source_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define GZIP (15 + 16) // windowBits: the largest window, a gzip head

static uint8_t *store(const uint8_t *data, size_t size, size_t *ret_size)
{
	z_stream stream = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size };
	size_t room;
	uint8_t *out;

	FUZZ_CHECK(deflateInit2(&stream, Z_NO_COMPRESSION, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	room = deflateBound(&stream, (uLong)size);
	out = malloc(room);
	FUZZ_CHECK(out);
	stream.next_out = out;
	stream.avail_out = (uInt)room;
	FUZZ_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
	*ret_size = stream.total_out;
	deflateEnd(&stream);
	return out;
}

/* A sink gets only what decodes, and it may say no. */
static int take(void *opaque, const struct ct_event *event)
{
	unsigned int *count = opaque;
	struct ct_event again;

	FUZZ_CHECK(ct_event_decode(event->header, event->bytes, &again) == 0);
	return ++*count == 100 ? -ECANCELED : 0;
}

static void drain(int fd)
{
	struct ct_error error = CT_ERROR_INIT;
	struct ct_source *source = NULL;
	char path[FUZZ_PATH_BYTES];
	unsigned int count = 0;
	int rc;

	fuzz_path(fd, path);
	rc = ct_source_file_open(path, &source, &error);
	FUZZ_CHECK(rc == 0 ? source != NULL : rc < 0 && *error.message && !source);
	if (rc)
		return;
	rc = source->ops->drain(source, take, &count, &error);
	if (rc >= 0)
		FUZZ_CHECK(rc == (int)count);
	else
		FUZZ_CHECK(*error.message && (rc != -ECANCELED || count == 100));
	source->ops->done(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *stored = NULL;
	size_t bytes = size ? size - 1 : 0;
	int fd;

	if (!size)
		return 0;
	if (data[0] & 1)
		stored = store(data + 1, bytes, &bytes);
	fd = fuzz_file(stored ? stored : data + 1, bytes);
	drain(fd);
	close(fd);
	free(stored);
	return 0;
}
