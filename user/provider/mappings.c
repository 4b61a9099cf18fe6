// SPDX-License-Identifier: Apache-2.0
#include "provider/mappings.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

void ct_mappings_done(struct ct_mappings *mappings)
{
	for (size_t i = 0; i < mappings->count; i++)
		free(mappings->list[i].path);
	free(mappings->list);
	*mappings = (struct ct_mappings){0};
}

/*
 * "start-end perms offset major:minor inode   path": mappings of files only. The path is the rest of the
 * line; the kernel writes a newline in it as \012, so a line is a mapping whatever the file is called.
 */
static int parse(char *line, struct ct_mapping *ret)
{
	unsigned int major_number, minor_number;
	char permissions[5];
	int path_at = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &ret->start, &ret->end,
		   permissions, &ret->offset, &major_number, &minor_number, &ret->inode, &path_at) < 7 ||
	    !path_at)
		return -EPROTO;
	if (!ret->inode || line[path_at] != '/' || ret->end <= ret->start)
		return -ENOENT;
	ret->is_executable = permissions[2] == 'x';
	ret->device = makedev(major_number, minor_number);
	ret->path = line + path_at;
	return 0;
}

static int add(struct ct_mappings *mappings, const struct ct_mapping *mapping)
{
	struct ct_mapping *slot;

	if (!(mappings->count & (mappings->count - 1))) { // a power of two: full
		size_t room = mappings->count ? mappings->count * 2 : 1;
		struct ct_mapping *list = reallocarray(mappings->list, room, sizeof(*list));

		if (!list)
			return -ENOMEM;
		mappings->list = list;
	}
	slot = &mappings->list[mappings->count];
	*slot = *mapping;
	slot->path = strdup(mapping->path);
	if (!slot->path)
		return -ENOMEM;
	mappings->count++;
	return 0;
}

int ct_mappings_read(pid_t pid, struct ct_mappings *ret_mappings)
{
	struct ct_mappings mappings = {0};
	_ct_fclose_ FILE *file = NULL;
	_ct_free_ char *line = NULL;
	size_t room = 0;
	char path[64];
	int rc = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (!rc && mappings.count < CT_MAPPINGS_MAX && getline(&line, &room, file) > 0) {
		struct ct_mapping mapping = {0};

		if (!parse(line, &mapping))
			rc = add(&mappings, &mapping);
	}
	if (rc)
		ct_mappings_done(&mappings);
	else
		*ret_mappings = mappings;
	return rc;
}
