// SPDX-License-Identifier: Apache-2.0
#include "memory/space.h"

#include "base/cleanup.h"

#include <errno.h>
#include <inttypes.h>

#define AREAS_MAX (1u << 20)

static int add(struct ct_space *space, const struct ct_area *area)
{
	if (space->count == AREAS_MAX)
		return -EOVERFLOW;
	if (space->count == space->room) {
		size_t room = space->room * 2 + 256;
		struct ct_area *more = realloc(space->areas, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		space->areas = more;
		space->room = room;
	}
	space->areas[space->count++] = *area;
	return 0;
}

int ct_space_read(struct ct_space *space, int pid)
{
	_ct_fclose_ FILE *file = NULL;
	_ct_free_ char *line = NULL;
	size_t room = 0;
	char path[64], permissions[5];
	struct ct_area area;
	int rc = 0;

	space->count = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (!rc && getline(&line, &room, file) > 0) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &area.start, &area.end, permissions) != 3)
			continue;
		area.is_readable = permissions[0] == 'r';
		area.is_writable = permissions[1] == 'w';
		area.is_executable = permissions[2] == 'x';
		area.is_shared = permissions[3] == 's';
		rc = add(space, &area);
	}
	return rc || space->count ? rc : -ESRCH;
}

void ct_space_done(struct ct_space *space)
{
	free(space->areas);
	*space = (struct ct_space){ 0 };
}
