// SPDX-License-Identifier: Apache-2.0
#include "memory/page_map.h"

#include <stdlib.h>
#include <sys/random.h>

#define ROOM_MIN 1024u

/* The slot of a page, or the free one where it belongs. There is always a free one. */
static struct ct_page_slot *slot_of(const struct ct_page_map *map, uint64_t page)
{
	uint64_t mixed = (page + 1) * (map->seed | 1);
	uint32_t i = (uint32_t)((mixed ^ mixed >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (map->room - 1);

	while (map->slots[i].page && map->slots[i].page != page + 1)
		i = (i + 1) & (map->room - 1);
	return &map->slots[i];
}

static int grow(struct ct_page_map *map)
{
	struct ct_page_map more = { .room = map->room ? map->room * 2 : ROOM_MIN, .seed = map->seed };

	if (!map->room && getrandom(&more.seed, sizeof(more.seed), GRND_NONBLOCK) != sizeof(more.seed))
		more.seed = (uintptr_t)&more;
	more.slots = more.room ? calloc(more.room, sizeof(*more.slots)) : NULL;
	if (!more.slots)
		return -1;
	for (uint32_t i = 0; i < map->room; i++)
		if (map->slots[i].page)
			*slot_of(&more, map->slots[i].page - 1) = map->slots[i];
	more.count = map->count;
	free(map->slots);
	*map = more;
	return 0;
}

uint32_t *ct_page_map_at(struct ct_page_map *map, uint64_t page)
{
	struct ct_page_slot *slot;

	if (map->count >= map->room / 2 && grow(map))
		return NULL;
	slot = slot_of(map, page);
	if (!slot->page) {
		slot->page = page + 1;
		map->count++;
	}
	return &slot->index;
}

uint32_t ct_page_map_find(const struct ct_page_map *map, uint64_t page)
{
	return map->room ? slot_of(map, page)->index : 0;
}

void ct_page_map_done(struct ct_page_map *map)
{
	free(map->slots);
	*map = (struct ct_page_map){ 0 };
}
