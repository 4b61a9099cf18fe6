// SPDX-License-Identifier: Apache-2.0
#include "tree/index_map.h"

#include <errno.h>
#include <string.h>

#define EMPTY UINT32_MAX
#define REMOVED (UINT32_MAX - 1)
#define INDEX_BITS 24
#define INDEX_MASK ((1u << INDEX_BITS) - 1)

#define CAPACITY_MIN 64u
/* A replacement starts at 70% and is over long before 7/8; the new table is at most half full when it takes over. With
 * 56-byte items both tables together stay below 15 bytes an item. */
#define START_PERCENT 70u
#define CLEAR_STEP 256u /* slots cleared per change */
#define MOVE_STEP 32u	/* slots moved per change */

void ct_map_init(struct ct_map *map, const struct ct_allocator *allocator,
		 uint64_t (*key_of)(const void *owner, uint32_t index), const void *owner)
{
	*map = (struct ct_map){ .allocator = allocator, .key_of = key_of, .owner = owner };
}

void ct_map_done(struct ct_map *map)
{
	ct_release(map->allocator, map->now.slots);
	ct_release(map->allocator, map->next.slots);
	ct_map_init(map, map->allocator, map->key_of, map->owner);
}

/* Addresses of a target can be chosen by somebody; where this process keeps the map cannot. */
static uint64_t hash_of(const struct ct_map *map, uint64_t key)
{
	return ct_mix(key ^ (uint64_t)(uintptr_t)map);
}

static uint32_t home_of(const struct ct_map_table *table, uint64_t hash)
{
	return (uint32_t)((hash >> 32) * table->capacity >> 32);
}

static uint32_t slot_of(uint64_t hash, uint32_t index)
{
	return (uint32_t)hash << INDEX_BITS | index;
}

static uint32_t next_position(const struct ct_map_table *table, uint32_t position)
{
	return position + 1 < table->capacity ? position + 1 : 0;
}

static bool is_moving(const struct ct_map *map)
{
	return map->next.slots && map->cleared == map->next.capacity;
}

static uint32_t *find_slot(const struct ct_map *map, const struct ct_map_table *table, uint64_t key, uint64_t hash)
{
	uint32_t at = table->slots ? home_of(table, hash) : 0;

	for (uint32_t probes = 0; probes < table->capacity; probes++, at = next_position(table, at)) {
		uint32_t slot = table->slots[at];

		if (slot == EMPTY)
			return NULL;
		if (slot != REMOVED && slot == slot_of(hash, slot & INDEX_MASK) &&
		    map->key_of(map->owner, slot & INDEX_MASK) == key)
			return &table->slots[at];
	}
	return NULL;
}

static uint32_t *find_either(const struct ct_map *map, uint64_t key)
{
	uint64_t hash = hash_of(map, key);
	uint32_t *slot = find_slot(map, &map->now, key, hash);

	return slot || !is_moving(map) ? slot : find_slot(map, &map->next, key, hash);
}

static void put(struct ct_map_table *table, uint64_t hash, uint32_t index)
{
	uint32_t at = home_of(table, hash);

	while (table->slots[at] != EMPTY && table->slots[at] != REMOVED)
		at = next_position(table, at);
	table->used += table->slots[at] == EMPTY;
	table->slots[at] = slot_of(hash, index);
}

static void move_some(struct ct_map *map)
{
	for (uint32_t i = 0; i < MOVE_STEP && map->moved < map->now.capacity; i++, map->moved++) {
		uint32_t slot = map->now.slots[map->moved];

		if (slot == EMPTY || slot == REMOVED)
			continue;
		put(&map->next, hash_of(map, map->key_of(map->owner, slot & INDEX_MASK)), slot & INDEX_MASK);
		map->now.slots[map->moved] = REMOVED; // not empty: chains of the old table pass here
	}
	if (map->moved < map->now.capacity)
		return;
	ct_release(map->allocator, map->now.slots);
	map->now = map->next;
	map->next = (struct ct_map_table){ 0 };
}

static void clear_some(struct ct_map *map)
{
	uint32_t left = map->next.capacity - map->cleared;
	uint32_t slots = left < CLEAR_STEP ? left : CLEAR_STEP;

	memset(map->next.slots + map->cleared, 0xff, slots * sizeof(*map->next.slots));
	map->cleared += slots;
}

static void step(struct ct_map *map)
{
	if (!map->next.slots)
		return;
	if (is_moving(map))
		move_some(map);
	else
		clear_some(map);
}

/* Room for what is there and for what may come while it is moved: after a peak the old table is large and the items are
 * few, but each of its slots has to be passed. */
static int start_replacing(struct ct_map *map)
{
	uint64_t wanted = ((uint64_t)map->count + map->now.capacity / MOVE_STEP) * 15 / 7;
	uint32_t capacity = wanted > CAPACITY_MIN ? (uint32_t)wanted : CAPACITY_MIN;
	uint32_t *slots = ct_resize(map->allocator, NULL, (size_t)capacity * sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	map->next = (struct ct_map_table){ .slots = slots, .capacity = capacity };
	map->cleared = map->moved = 0;
	return 0;
}

static int first_table(struct ct_map *map)
{
	int rc = start_replacing(map);

	if (rc)
		return rc;
	clear_some(map);
	map->now = map->next;
	map->next = (struct ct_map_table){ 0 };
	return 0;
}

int ct_map_reserve(struct ct_map *map, uint32_t items)
{
	const struct ct_map_table *table;
	uint64_t limit;

	if (!map->now.slots && first_table(map))
		return -ENOMEM;
	if (!map->next.slots && ((uint64_t)map->now.used + items) * 100 >= (uint64_t)map->now.capacity * START_PERCENT)
		start_replacing(map); // without memory the old table goes on to its limit
	table = is_moving(map) ? &map->next : &map->now;
	limit = table->capacity - table->capacity / 8;
	if ((uint64_t)table->used + items <= limit)
		return 0;
	step(map); // so that memory which is there again helps before anything is inserted or removed
	return -ENOMEM;
}

void ct_map_insert(struct ct_map *map, uint64_t key, uint32_t index)
{
	step(map);
	put(is_moving(map) ? &map->next : &map->now, hash_of(map, key), index);
	map->count++;
}

void ct_map_remove(struct ct_map *map, uint64_t key)
{
	uint32_t *slot = find_either(map, key);

	if (!slot)
		return;
	*slot = REMOVED;
	map->count--;
	step(map);
}

uint32_t ct_map_find(const struct ct_map *map, uint64_t key)
{
	const uint32_t *slot = find_either(map, key);

	return slot ? *slot & INDEX_MASK : CT_MAP_NONE;
}
