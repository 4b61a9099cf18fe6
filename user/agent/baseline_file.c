// SPDX-License-Identifier: Apache-2.0
#include "agent/baseline_file.h"

#include "agent/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ct_baseline_file {
	int fd;
	bool is_ours; /* there was none of that name, and nothing is in it yet */
	char path[];
};

static int open_file(struct ct_baseline_file *file)
{
	file->fd = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	file->is_ours = file->fd >= 0;
	if (file->fd < 0 && errno == EEXIST)
		file->fd = open(file->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666); // follows links, opens devices
	return file->fd < 0 ? -errno : 0;
}

int ct_baseline_file_open(const char *path, struct ct_baseline_file **ret_file, struct ct_error *reterr)
{
	size_t length = strlen(path) + 1;
	struct ct_baseline_file *file = calloc(1, sizeof(*file) + length);
	int rc;

	if (!file)
		return ct_error_set(reterr, -ENOMEM, "no memory for the baseline");
	memcpy(file->path, path, length);
	rc = open_file(file);
	if (rc) {
		free(file);
		return ct_error_set(reterr, rc, "cannot write the baseline %s: %s", path, strerror(-rc));
	}
	*ret_file = file;
	return 0;
}

int ct_baseline_file_write(struct ct_baseline_file *file, const struct ct_text *text)
{
	int rc = ct_write_whole(file->fd, text);

	if (!rc)
		file->is_ours = false;
	return rc;
}

void ct_baseline_file_free(struct ct_baseline_file *file)
{
	if (!file)
		return;
	close(file->fd);
	if (file->is_ours)
		unlink(file->path);
	free(file);
}
