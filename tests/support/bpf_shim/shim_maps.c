// SPDX-License-Identifier: Apache-2.0
/* Maps: chained hash tables whatever their type; arrays are full of zeros from the start. */
#include "shim_private.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#define MAPS_MAX 16
#define BUCKETS	 4096

struct entry {
	struct entry *next;
	uint32_t cpu; /* per-CPU maps */
	_Alignas(8) char bytes[]; /* the key, padded to 8 bytes, and the value */
};

struct shim_map {
	char name[32];
	uint32_t type;
	size_t key_bytes, value_bytes;
	uint32_t max_entries;
	bool is_limited;
	size_t count;
	struct entry *buckets[BUCKETS];
};

static struct shim_map maps[MAPS_MAX];
static size_t maps_count;

static size_t value_at(const struct shim_map *map)
{
	return (map->key_bytes + 7) & ~(size_t)7;
}

void shim_maps_reset(void)
{
	for (size_t i = 0; i < maps_count; i++) {
		for (size_t b = 0; b < BUCKETS; b++) {
			while (maps[i].buckets[b]) {
				struct entry *entry = maps[i].buckets[b];

				maps[i].buckets[b] = entry->next;
				free(entry);
			}
		}
	}
	memset(maps, 0, sizeof(maps));
	maps_count = 0;
}

struct shim_map *shim_map_of(const char *name, uint32_t type, size_t key_bytes, size_t value_bytes)
{
	return shim_map(name, type, key_bytes, value_bytes, 0);
}

struct shim_map *shim_map(const char *name, uint32_t type, size_t key_bytes, size_t value_bytes, uint32_t max_entries)
{
	struct shim_map *map = maps;

	name += *name == '&';
	while (map < maps + maps_count && strcmp(map->name, name))
		map++;
	if (map == maps + maps_count) {
		shim_check(maps_count++ < MAPS_MAX && strlen(name) < sizeof(map->name), "there is room for the map");
		*map = (struct shim_map){ .type = type, .key_bytes = key_bytes, .value_bytes = value_bytes };
		strcpy(map->name, name);
	}
	shim_check(map->type == type && map->key_bytes == key_bytes && map->value_bytes == value_bytes,
		   "a map has one declaration");
	if (max_entries && !map->is_limited)
		map->max_entries = max_entries;
	return map;
}

void shim_map_limit(struct shim_map *map, uint32_t max_entries)
{
	map->max_entries = max_entries;
	map->is_limited = true;
}

size_t shim_map_count(const struct shim_map *map)
{
	return map->count;
}

static bool is_per_cpu(const struct shim_map *map)
{
	return map->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static bool is_array(const struct shim_map *map)
{
	return is_per_cpu(map) || map->type == BPF_MAP_TYPE_ARRAY;
}

/* Where the entry of this key is linked, or where it would be. */
static struct entry **place(struct shim_map *map, const void *key)
{
	uint32_t hash = 2166136261u;
	struct entry **at;

	for (size_t i = 0; i < map->key_bytes; i++)
		hash = (hash ^ ((const uint8_t *)key)[i]) * 16777619u; // reads every byte: padding must be set
	at = &map->buckets[hash % BUCKETS];
	while (*at && (memcmp((*at)->bytes, key, map->key_bytes) || (is_per_cpu(map) && (*at)->cpu != shim.cpu)))
		at = &(*at)->next;
	return at;
}

static struct entry *add(struct shim_map *map, struct entry **at, const void *key)
{
	struct entry *entry = calloc(1, sizeof(*entry) + value_at(map) + map->value_bytes);

	shim_check(entry, "there is memory");
	memcpy(entry->bytes, key, map->key_bytes);
	entry->cpu = shim.cpu;
	*at = entry;
	map->count++;
	return entry;
}

void *shim_map_find(struct shim_map *map, const void *key)
{
	struct entry **at = place(map, key);
	uint32_t index;

	if (!*at && is_array(map)) {
		memcpy(&index, key, sizeof(index));
		if (index >= map->max_entries)
			return NULL;
		add(map, at, key);
	}
	return *at ? (*at)->bytes + value_at(map) : NULL;
}

long shim_map_update(struct shim_map *map, const void *key, const void *value, uint64_t flags)
{
	struct entry **at = place(map, key);

	if (*at && flags == BPF_NOEXIST)
		return -EEXIST;
	if (!*at && map->max_entries && map->count >= map->max_entries)
		return -E2BIG;
	if (!*at)
		add(map, at, key);
	memcpy((*at)->bytes + value_at(map), value, map->value_bytes);
	return 0;
}

long shim_map_delete(struct shim_map *map, const void *key)
{
	struct entry **at = place(map, key), *entry = *at;

	if (!entry)
		return -ENOENT;
	*at = entry->next;
	free(entry);
	map->count--;
	return 0;
}
