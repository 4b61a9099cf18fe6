// SPDX-License-Identifier: Apache-2.0
#include "source/recorder.h"

#include "source/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define BUFFER_BYTES (256 * 1024)

struct ct_recorder {
	gzFile file;
};

static int gz_error(gzFile file)
{
	int code = Z_OK;

	gzerror(file, &code);
	return code == Z_ERRNO && errno ? -errno : -EIO;
}

static int put(struct ct_recorder *recorder, const void *bytes, size_t length)
{
	return gzfwrite(bytes, 1, length, recorder->file) == length ? 0 : gz_error(recorder->file);
}

/* What holds memory of the target is for its owner alone, an older file of that name included. */
static int open_file(const char *path, bool is_private)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, is_private ? 0600 : 0666);
	struct stat status;
	int error;

	if (fd < 0 || !is_private || fstat(fd, &status) || !S_ISREG(status.st_mode) || !(status.st_mode & 077) ||
	    !fchmod(fd, 0600))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

int ct_recorder_open(const char *path, bool is_private, struct ct_recorder **ret_recorder, struct ct_error *reterr)
{
	struct ct_recording_head head = { .magic = CT_RECORDING_MAGIC, .abi = CT_EVENT_ABI };
	struct ct_recorder *recorder;
	int fd = open_file(path, is_private);

	if (fd < 0)
		return ct_error_set(reterr, -errno, "cannot write the recording %s: %s", path, strerror(errno));
	recorder = calloc(1, sizeof(*recorder));
	if (recorder)
		recorder->file = gzdopen(fd, "wb1");
	if (!recorder || !recorder->file) {
		close(fd);
		free(recorder);
		return ct_error_set(reterr, -ENOMEM, "no memory for the recording");
	}
	gzbuffer(recorder->file, BUFFER_BYTES);
	if (put(recorder, &head, sizeof(head))) {
		ct_recorder_free(recorder);
		return ct_error_set(reterr, -EIO, "cannot write the recording %s", path);
	}
	*ret_recorder = recorder;
	return 0;
}

int ct_recorder_write(struct ct_recorder *recorder, const struct ct_event *event)
{
	__u32 length = (__u32)event->bytes;
	int rc = put(recorder, &length, sizeof(length));

	return rc ?: put(recorder, event->header, length);
}

int ct_recorder_finish(struct ct_recorder *recorder)
{
	__u32 end = 0;
	int rc = put(recorder, &end, sizeof(end));
	int closed = gzclose(recorder->file);

	recorder->file = NULL;
	if (!rc && closed != Z_OK)
		rc = closed == Z_ERRNO && errno ? -errno : -EIO;
	return rc;
}

void ct_recorder_free(struct ct_recorder *recorder)
{
	if (recorder && recorder->file)
		gzclose(recorder->file);
	free(recorder);
}
