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
	gzFile file; /* NULL until there is something to write */
	int fd;	     /* the file's until then */
	bool is_private;
	bool is_ours; /* there was none of that name */
	char path[];
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

static int open_file(struct ct_recorder *recorder)
{
	mode_t mode = recorder->is_private ? 0600 : 0666;

	recorder->fd = open(recorder->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	recorder->is_ours = recorder->fd >= 0;
	if (recorder->fd < 0 && errno == EEXIST)
		recorder->fd = open(recorder->path, O_WRONLY | O_CREAT | O_CLOEXEC, mode); // follows links, opens devices
	return recorder->fd < 0 ? -errno : 0;
}

/* What holds memory of the target is for its owner alone, an older file of that name included. */
static int empty_file(const struct ct_recorder *recorder)
{
	struct stat status;

	if (fstat(recorder->fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode))
		return 0;
	if (recorder->is_private && status.st_mode & 077 && fchmod(recorder->fd, 0600))
		return -errno;
	return ftruncate(recorder->fd, 0) ? -errno : 0;
}

int ct_recorder_open(const char *path, bool is_private, struct ct_recorder **ret_recorder, struct ct_error *reterr)
{
	size_t length = strlen(path) + 1;
	struct ct_recorder *recorder = calloc(1, sizeof(*recorder) + length);
	int rc;

	if (!recorder)
		return ct_error_set(reterr, -ENOMEM, "no memory for the recording");
	memcpy(recorder->path, path, length);
	recorder->is_private = is_private;
	rc = open_file(recorder);
	if (rc) {
		free(recorder);
		return ct_error_set(reterr, rc, "cannot write the recording %s: %s", path, strerror(-rc));
	}
	*ret_recorder = recorder;
	return 0;
}

/* The first event is there: from here on what the file held is gone. */
static int begin(struct ct_recorder *recorder)
{
	struct ct_recording_head head = { .magic = CT_RECORDING_MAGIC, .abi = CT_EVENT_ABI };
	int rc = empty_file(recorder);

	if (rc)
		return rc;
	recorder->file = gzdopen(recorder->fd, "wb1");
	if (!recorder->file)
		return -ENOMEM;
	gzbuffer(recorder->file, BUFFER_BYTES);
	return put(recorder, &head, sizeof(head));
}

int ct_recorder_write(struct ct_recorder *recorder, const struct ct_event *event)
{
	__u32 length = (__u32)event->bytes;
	int rc = recorder->file ? 0 : begin(recorder);

	return rc ?: put(recorder, &length, sizeof(length)) ?: put(recorder, event->header, length);
}

int ct_recorder_finish(struct ct_recorder *recorder)
{
	__u32 end = 0;
	int rc = recorder->file ? 0 : begin(recorder), closed = Z_OK;

	rc = rc ?: put(recorder, &end, sizeof(end));
	if (recorder->file) {
		closed = gzclose(recorder->file);
		recorder->file = NULL;
		recorder->fd = -1;
	}
	if (!rc && closed != Z_OK)
		rc = closed == Z_ERRNO && errno ? -errno : -EIO;
	return rc;
}

void ct_recorder_free(struct ct_recorder *recorder)
{
	if (!recorder)
		return;
	if (recorder->file) {
		gzclose(recorder->file);
	} else if (recorder->fd >= 0) {
		close(recorder->fd);
		if (recorder->is_ours)
			unlink(recorder->path);
	}
	free(recorder);
}
