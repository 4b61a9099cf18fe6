// SPDX-License-Identifier: Apache-2.0
#include "source/source_file.h"

#include "source/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define NAME_BYTES 256

struct file_source {
	struct ct_source source;
	gzFile file;
	char name[NAME_BYTES];
	_Alignas(8) char record[CT_EVENT_BYTES_MAX];
};

/* What zlib says of a file without a name begins with "<fd:7>: ", which means nothing to anybody. */
static const char *zlib_words(gzFile file, int *code)
{
	const char *words = gzerror(file, code);
	const char *behind = strncmp(words, "<fd:", 4) ? NULL : strstr(words, ">: ");

	return behind ? behind + 3 : words;
}

/* Exactly `length` bytes. zlib reports a flipped bit (checksum, bad code) and an early end in its own words. */
static int take(struct file_source *file, void *bytes, size_t length, struct ct_error *reterr)
{
	size_t got = gzfread(bytes, 1, length, file->file);
	int code = Z_OK;
	const char *words = zlib_words(file->file, &code);

	if (got == length && code == Z_OK)
		return 0;
	if (code == Z_ERRNO)
		return ct_error_set(reterr, -errno, "cannot read the recording %s: %s", file->name, strerror(errno));
	if (code == Z_DATA_ERROR)
		return ct_error_set(reterr, -EBADMSG, "the recording %s is damaged: %s", file->name, words);
	return ct_error_set(reterr, -EBADMSG, "the recording %s is cut off: ctxtrace ended before it was complete",
			    file->name);
}

static int damaged(struct file_source *file, const char *what, struct ct_error *reterr)
{
	ct_error_set(reterr, -EBADMSG, "the recording %s is damaged: %s", file->name, what);
	if (reterr)
		reterr->offset = (uint64_t)gztell(file->file);
	return -EBADMSG;
}

/* After the end record the gzip stream must end too; reading on makes zlib verify its checksum. */
static int take_end(struct file_source *file, struct ct_error *reterr)
{
	char more;
	int got = gzread(file->file, &more, 1);

	if (got > 0)
		return damaged(file, "there is something behind its end", reterr);
	return got < 0 || !gzeof(file->file) ? damaged(file, "its checksum does not match", reterr) : 0;
}

static int file_drain(struct ct_source *source, ct_event_sink sink, void *opaque, struct ct_error *reterr)
{
	struct file_source *file = (struct file_source *)source;
	int count = 0;

	for (;;) {
		struct ct_event event;
		__u32 length;
		int rc = take(file, &length, sizeof(length), reterr);

		if (!rc && !length) {
			rc = take_end(file, reterr);
			return rc ?: count;
		}
		if (!rc && length > sizeof(file->record))
			rc = damaged(file, "an event is longer than events can be", reterr);
		if (!rc)
			rc = take(file, file->record, length, reterr);
		if (rc)
			return rc;
		rc = ct_event_decode(file->record, length, &event);
		if (rc == -ENOMSG)
			continue;
		if (rc)
			return damaged(file, "an event is malformed", reterr);
		rc = sink(opaque, &event);
		if (rc)
			return ct_error_set(reterr, rc, "cannot replay %s: %s", file->name, strerror(-rc));
		count++;
	}
}

static void file_done(struct ct_source *source)
{
	struct file_source *file = (struct file_source *)source;

	if (file->file)
		gzclose(file->file);
	free(file);
}

static const struct ct_source_ops file_ops = {
	.drain = file_drain,
	.done = file_done,
};

static int check_head(struct file_source *file, struct ct_error *reterr)
{
	struct ct_recording_head head = { 0 };
	bool is_short = gzdirect(file->file) || gzfread(&head, 1, sizeof(head), file->file) != sizeof(head);
	int code = Z_OK;
	const char *words = zlib_words(file->file, &code);

	if (is_short && code == Z_DATA_ERROR) // zlib hands out nothing of a block that is damaged further on
		return ct_error_set(reterr, -EBADMSG, "the recording %s is damaged: %s", file->name, words);
	if (is_short || memcmp(head.magic, CT_RECORDING_MAGIC, sizeof(head.magic)))
		return ct_error_set(reterr, -ENOMSG, "%s is no recording of ctxtrace", file->name);
	if (head.abi > CT_EVENT_ABI)
		return ct_error_set(reterr, -ENOMSG,
				    "%s was recorded by a newer ctxtrace (format %u, this one reads up to %u)",
				    file->name, head.abi, CT_EVENT_ABI);
	return 0;
}

static int open_plain(const char *path, struct ct_error *reterr)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return ct_error_set(reterr, -errno, "cannot read the recording %s: %s", path, strerror(errno));
	if (!fstat(fd, &status) && !S_ISDIR(status.st_mode) && (status.st_size || !S_ISREG(status.st_mode)))
		return fd;
	close(fd);
	return ct_error_set(reterr, -ENOMSG, "%s is %s", path, S_ISDIR(status.st_mode) ? "a directory" : "empty");
}

int ct_source_file_open(const char *path, struct ct_source **ret_source, struct ct_error *reterr)
{
	struct file_source *file;
	int fd = open_plain(path, reterr);
	int rc;

	if (fd < 0)
		return fd;
	file = calloc(1, sizeof(*file));
	if (file)
		file->file = gzdopen(fd, "rb");
	if (!file || !file->file) {
		close(fd);
		free(file);
		return ct_error_set(reterr, -ENOMEM, "no memory to read %s", path);
	}
	file->source.ops = &file_ops;
	strncat(file->name, path, sizeof(file->name) - 1);
	gzbuffer(file->file, 256 * 1024);
	rc = check_head(file, reterr);
	if (rc)
		file_done(&file->source);
	else
		*ret_source = &file->source;
	return rc;
}
