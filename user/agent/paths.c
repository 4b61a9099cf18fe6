// SPDX-License-Identifier: Apache-2.0
#include "agent/paths.h"

#include "provider/process_symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATHS_MAX 16384u

static uint64_t key_of(const uint64_t *pcs, size_t count)
{
	uint64_t key = count;

	for (size_t i = 0; i < count; i++) {
		key = (key ^ pcs[i]) * UINT64_C(0x9e3779b97f4a7c15);
		key ^= key >> 29;
	}
	return key ? key : 1;
}

static size_t slot_of(const struct ct_paths *paths, uint64_t key)
{
	size_t at = key >> 16 & (paths->room - 1);

	while (paths->slots[at].key && paths->slots[at].key != key)
		at = (at + 1) & (paths->room - 1);
	return at;
}

static int grow(struct ct_paths *paths)
{
	struct ct_paths more = { .room = paths->room ? paths->room * 2 : 256 };

	more.slots = calloc(more.room, sizeof(*more.slots));
	if (!more.slots)
		return -ENOMEM;
	for (size_t i = 0; i < paths->room; i++)
		if (paths->slots[i].key)
			more.slots[slot_of(&more, paths->slots[i].key)] = paths->slots[i];
	free(paths->slots);
	paths->slots = more.slots;
	paths->room = more.room;
	return 0;
}

static int tell(struct ct_paths *paths, const uint64_t *pcs, size_t count, uint64_t time_ns, uint32_t path)
{
	static _Alignas(8) uint8_t buffer[CT_EVENT_BYTES_MAX];
	struct ct_event_stack stack = {
		.header = { .time_ns = time_ns, .type = CT_EVENT_STACK },
		.path = path,
		.depth = (uint32_t)count,
	};
	struct ct_event site;

	memcpy(stack.frames, pcs, count * sizeof(*pcs));
	if (ct_process_symbols_all(paths->symbols, &stack, buffer, sizeof(buffer), &site))
		return 0; // a path without names
	return ct_pipeline_push(paths->pipeline, &site);
}

int ct_paths_number(struct ct_paths *paths, const uint64_t *pcs, size_t count, uint64_t time_ns, uint32_t *ret_path)
{
	struct ct_path_slot *slot;
	uint64_t key;

	*ret_path = 0;
	if (count > CT_STACK_FRAMES_MAX)
		count = CT_STACK_FRAMES_MAX;
	key = key_of(pcs, count);
	if (!count || (paths->count * 2 >= paths->room && grow(paths)))
		return count ? -ENOMEM : 0;
	slot = &paths->slots[slot_of(paths, key)];
	if (!slot->key) {
		if (paths->count == PATHS_MAX)
			return 0;
		*slot = (struct ct_path_slot){ key, CT_PATH_MEMORY + paths->count++ };
		*ret_path = slot->path;
		return tell(paths, pcs, count, time_ns, slot->path);
	}
	*ret_path = slot->path;
	return 0;
}

void ct_paths_done(struct ct_paths *paths)
{
	free(paths->slots);
	paths->slots = NULL;
	paths->room = paths->count = 0;
}
