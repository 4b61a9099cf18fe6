// SPDX-License-Identifier: Apache-2.0
#include "memory/children.h"

#include "memory/layout.h"

#include <errno.h>
#include <string.h>

#define SLOTS 8
#define KEY_BYTES 16

/*
 * Classic map, src/runtime/map.go up to Go 1.23: hmap {count 0, flags 8, B 9, buckets 16, oldbuckets 24}; bucket
 * {tophash[8], 8 keys, no elements, overflow pointer}. A slot is in use from minTopHash on; lower values are marks.
 */
#define HMAP_BYTES 32
#define HMAP_SAME_SIZE_GROW 8
#define BUCKET_BYTES (8 + SLOTS * KEY_BYTES + 8)
#define BUCKET_OVERFLOW (8 + SLOTS * KEY_BYTES)
#define MIN_TOP_HASH 5
#define CHAIN_MAX 4096

/*
 * Swiss map, src/internal/runtime/maps since Go 1.24: Map {used 0, dirPtr 16, dirLen 24}; table {groups.data 16,
 * groups.lengthMask 24}; group {control word, 8 slots}. A slot is 24 bytes: the element has no size, so the compiler
 * pads it. A control byte's high bit: empty or deleted.
 */
#define SWISS_BYTES 32
#define TABLE_BYTES 32
#define SWISS_SLOT_BYTES 24
#define GROUP_BYTES (8 + SLOTS * SWISS_SLOT_BYTES)
#define DIRECTORY_MAX (UINT64_C(1) << 24)
#define TABLE_GROUPS_MAX 128 /* maxTableCapacity 1024 */

static int spend(struct ct_children_reader *reader, uint64_t slots)
{
	if (slots > reader->slots_left) {
		reader->slots_left = 0;
		return -EOVERFLOW;
	}
	reader->slots_left -= slots;
	return 0;
}

/* One bucket. @return keys in use. */
static uint64_t visit_bucket(const uint8_t *bucket, ct_child_visitor visit, void *opaque)
{
	uint64_t used = 0;

	for (size_t i = 0; i < SLOTS; i++) {
		const uint8_t *key = bucket + 8 + i * KEY_BYTES;

		if (bucket[i] < MIN_TOP_HASH)
			continue;
		visit(opaque, ct_load64(key), ct_load64(key + 8));
		used++;
	}
	return used;
}

static int read_chain(struct ct_children_reader *reader, uint64_t address, ct_child_visitor visit, void *opaque,
		      uint64_t *used)
{
	uint8_t bucket[BUCKET_BYTES];

	for (size_t hops = 0; address; hops++) {
		int rc = hops < CHAIN_MAX ? spend(reader, SLOTS) : -EAGAIN;

		if (!rc)
			rc = ct_memory_window_read(&reader->groups, reader->memory, address, bucket, sizeof(bucket));
		if (rc)
			return rc;
		*used += visit_bucket(bucket, visit, opaque);
		address = ct_load64(bucket + BUCKET_OVERFLOW);
	}
	return 0;
}

static int read_buckets(struct ct_children_reader *reader, uint64_t address, uint64_t count, ct_child_visitor visit,
			void *opaque, uint64_t *used)
{
	int rc = 0;

	for (uint64_t i = 0; i < count && !rc; i++)
		rc = read_chain(reader, address + i * BUCKET_BYTES, visit, opaque, used);
	return rc;
}

static int read_classic(struct ct_children_reader *reader, const uint8_t *hmap, ct_child_visitor visit, void *opaque,
			uint64_t *used)
{
	uint64_t buckets = ct_load64(hmap + CT_HMAP_BUCKETS), old = ct_load64(hmap + CT_HMAP_OLD_BUCKETS);
	unsigned int log2 = hmap[CT_HMAP_B];
	int rc;

	if (log2 > 36)
		return -EAGAIN;
	rc = buckets ? read_buckets(reader, buckets, UINT64_C(1) << log2, visit, opaque, used) : 0;
	if (rc || !old)
		return rc;
	// growing: what was not moved yet is still in the old buckets
	if (!(hmap[CT_HMAP_FLAGS] & HMAP_SAME_SIZE_GROW)) {
		if (!log2)
			return -EAGAIN;
		log2--;
	}
	return read_buckets(reader, old, UINT64_C(1) << log2, visit, opaque, used);
}

static int read_group(struct ct_children_reader *reader, uint64_t address, ct_child_visitor visit, void *opaque,
		      uint64_t *used)
{
	uint8_t group[GROUP_BYTES];
	int rc = spend(reader, SLOTS);

	if (!rc)
		rc = ct_memory_window_read(&reader->groups, reader->memory, address, group, sizeof(group));
	for (size_t i = 0; !rc && i < SLOTS; i++) {
		const uint8_t *key = group + 8 + i * SWISS_SLOT_BYTES;

		if (group[i] & 0x80)
			continue;
		visit(opaque, ct_load64(key), ct_load64(key + 8));
		++*used;
	}
	return rc;
}

static int read_table(struct ct_children_reader *reader, uint64_t address, ct_child_visitor visit, void *opaque,
		      uint64_t *used)
{
	uint8_t table[TABLE_BYTES] = { 0 };
	int rc = ct_memory_window_read(&reader->headers, reader->memory, address, table, sizeof(table));
	uint64_t groups = ct_load64(table + CT_SWISS_TABLE_GROUPS), mask = ct_load64(table + CT_SWISS_TABLE_MASK);

	if (!rc && mask >= TABLE_GROUPS_MAX)
		rc = -EAGAIN;
	for (uint64_t i = 0; !rc && i <= mask; i++)
		rc = read_group(reader, groups + i * GROUP_BYTES, visit, opaque, used);
	return rc;
}

static int read_swiss(struct ct_children_reader *reader, const uint8_t *map, ct_child_visitor visit, void *opaque,
		      uint64_t *used)
{
	uint64_t directory = ct_load64(map + CT_SWISS_DIRECTORY), previous = 0,
		 length = ct_load64(map + CT_SWISS_DIRECTORY_LENGTH);
	int rc = 0;

	if (!length)
		return directory ? read_group(reader, directory, visit, opaque, used) : 0;
	if (length > DIRECTORY_MAX || length & (length - 1))
		return -EAGAIN;
	for (uint64_t i = 0; i < length && !rc; i++) {
		uint64_t table = 0;

		rc = spend(reader, 1); // millions of entries may name one table, or none
		if (!rc)
			rc = ct_memory_read_word(reader->memory, directory + i * 8, &table);
		if (!rc && table != previous) // a table that was not split as often stands in several entries in a row
			rc = read_table(reader, table, visit, opaque, used);
		previous = table;
	}
	return rc;
}

int ct_children_read(struct ct_children_reader *reader, uint64_t map, ct_child_visitor visit, void *opaque)
{
	uint8_t header[SWISS_BYTES];
	uint64_t used = 0, after = 0;
	int rc = map % 8 ? -EFAULT :
			   ct_memory_window_read(&reader->headers, reader->memory, map, header, sizeof(header));

	if (rc)
		return rc;
	rc = reader->has_swiss_maps ? read_swiss(reader, header, visit, opaque, &used) :
				      read_classic(reader, header, visit, opaque, &used);
	if (!rc && used != ct_load64(header + (reader->has_swiss_maps ? CT_SWISS_USED : CT_HMAP_COUNT)))
		rc = -EAGAIN;
	if (!rc)
		rc = ct_memory_read_word(reader->memory, map, &after);
	return !rc && after != used ? -EAGAIN : rc;
}
