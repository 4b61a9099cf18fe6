// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int fuzz_file(const void *data, size_t size)
{
	int fd = memfd_create("input", MFD_CLOEXEC);

	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(write(fd, data, size) == (ssize_t)size);
	FUZZ_CHECK(lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

void fuzz_path(int fd, char path[FUZZ_PATH_BYTES])
{
	snprintf(path, FUZZ_PATH_BYTES, "/proc/self/fd/%d", fd);
}

char *fuzz_copy(const void *data, size_t size)
{
	char *copy = malloc(size + 1);

	FUZZ_CHECK(copy);
	if (size)
		memcpy(copy, data, size);
	copy[size] = '\0';
	return copy;
}

size_t fuzz_touch(const char *string)
{
	FUZZ_CHECK(string);
	return strlen(string);
}
