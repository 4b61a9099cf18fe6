// SPDX-License-Identifier: Apache-2.0
/*
 * Children maps read from outside: classic ones up to Go 1.23 and Swiss ones since 1.24, whole, growing, torn, and made
 * by somebody who wants the reader to run for ever.
 */
#include "fake_memory.h"
#include "memory/children.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define MAP	UINT64_C(0xc000001000)
#define BUCKETS UINT64_C(0xc000100000)
#define OLD	UINT64_C(0xc000200000)
#define TABLE	UINT64_C(0xc000300000)
#define ROOM	65536

/* Bytes of a classic bucket and where its overflow pointer stands; bytes of a Swiss group (src/runtime/map.go). */
#define BUCKET	 144
#define OVERFLOW 136
#define GROUP	 200

/* The map under test, and the keys that were visited: key i is the interface (i, 100 + i). */
struct fixture {
	struct fake_memory fake;
	uint8_t map[48], buckets[ROOM], old[ROOM], table[ROOM];
	struct ct_children_reader reader;
	unsigned int visited[64];
	unsigned int visits;
};

static void visit(void *opaque, uint64_t itab, uint64_t data)
{
	struct fixture *fixture = opaque;

	fixture->visits++;
	if (itab < 64 && data == 100 + itab)
		fixture->visited[itab]++;
}

static struct fixture *begin(bool has_swiss_maps)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	fake_init(&fixture.fake);
	fake_add(&fixture.fake, MAP, fixture.map, sizeof(fixture.map));
	fake_add(&fixture.fake, BUCKETS, fixture.buckets, ROOM);
	fake_add(&fixture.fake, OLD, fixture.old, ROOM);
	fake_add(&fixture.fake, TABLE, fixture.table, ROOM);
	fixture.reader = (struct ct_children_reader){
		.memory = &fixture.fake.memory, .has_swiss_maps = has_swiss_maps, .slots_left = 100000};
	return &fixture;
}

static int read_map(struct fixture *fixture)
{
	memset(fixture->visited, 0, sizeof(fixture->visited));
	fixture->visits = 0;
	fixture->reader.headers.valid = fixture->reader.groups.valid = 0;
	return ct_children_read(&fixture->reader, MAP, visit, fixture);
}

static void expect_keys(const struct fixture *fixture, unsigned int first, unsigned int end)
{
	assert_int_equal(fixture->visits, end - first);
	for (unsigned int i = first; i < end; i++)
		assert_int_equal(fixture->visited[i], 1);
}

static void put_key(uint8_t *at, unsigned int key)
{
	fake_put(at, key, 8);
	fake_put(at + 8, 100 + key, 8);
}

/* An hmap: count, flags, B, buckets, oldbuckets. */
static void put_hmap(struct fixture *fixture, uint64_t count, uint8_t flags, uint8_t log2, uint64_t old)
{
	fake_put(fixture->map, count, 8);
	fixture->map[8] = flags;
	fixture->map[9] = log2;
	fake_put(fixture->map + 16, BUCKETS, 8);
	fake_put(fixture->map + 24, old, 8);
}

static void put_bucket_key(uint8_t *bucket, unsigned int slot, unsigned int key)
{
	bucket[slot] = (uint8_t)(5 + key);
	put_key(bucket + 8 + 16 * (size_t)slot, key);
}

static void classic_maps_are_read(void **state)
{
	struct fixture *fixture = begin(false);

	(void)state;
	assert_int_equal(read_map(fixture), 0); // empty, without buckets
	assert_int_equal(fixture->visits, 0);
	put_hmap(fixture, 10, 0, 1, 0);
	for (unsigned int key = 0; key < 5; key++)
		put_bucket_key(fixture->buckets, key, key);
	for (unsigned int key = 5; key < 10; key++)
		put_bucket_key(fixture->buckets + BUCKET, key - 5, key);
	assert_int_equal(read_map(fixture), 0);
	expect_keys(fixture, 0, 10);
}

static void free_and_moved_slots_are_passed(void **state)
{
	struct fixture *fixture = begin(false);

	(void)state;
	put_hmap(fixture, 1, 0, 0, 0);
	for (unsigned int slot = 0; slot < 5; slot++) { // emptyRest, emptyOne, evacuatedX, evacuatedY, evacuatedEmpty
		put_bucket_key(fixture->buckets, slot, slot);
		fixture->buckets[slot] = (uint8_t)slot;
	}
	put_bucket_key(fixture->buckets, 5, 7);
	assert_int_equal(read_map(fixture), 0);
	expect_keys(fixture, 7, 8);
}

static void overflow_buckets_are_followed(void **state)
{
	struct fixture *fixture = begin(false);

	(void)state;
	put_hmap(fixture, 24, 0, 0, 0);
	for (unsigned int bucket = 0; bucket < 3; bucket++) {
		for (unsigned int slot = 0; slot < 8; slot++)
			put_bucket_key(fixture->buckets + (size_t)bucket * 1024, slot, bucket * 8 + slot);
		if (bucket < 2)
			fake_put(fixture->buckets + (size_t)bucket * 1024 + OVERFLOW,
				 BUCKETS + (bucket + 1) * UINT64_C(1024), 8);
	}
	assert_int_equal(read_map(fixture), 0);
	expect_keys(fixture, 0, 24);
}

/* While a map grows, what was not moved yet stands in the old buckets. */
static void growing_maps_are_read(void **state)
{
	struct fixture *fixture = begin(false);

	(void)state;
	put_hmap(fixture, 4, 0, 1, OLD);
	put_bucket_key(fixture->buckets, 0, 0);
	put_bucket_key(fixture->buckets + BUCKET, 0, 1);
	put_bucket_key(fixture->old, 0, 2);
	put_bucket_key(fixture->old, 1, 3);
	put_bucket_key(fixture->old + BUCKET, 0, 9); // there is one old bucket only
	assert_int_equal(read_map(fixture), 0);
	expect_keys(fixture, 0, 4);
	put_hmap(fixture, 5, 8, 1, OLD); // grown to the same size: two
	assert_int_equal(read_map(fixture), 0);
	assert_int_equal(fixture->visits, 5);
	put_hmap(fixture, 5, 0, 0, OLD); // half of one bucket
	assert_int_equal(read_map(fixture), -EAGAIN);
}

static void classic_lies_are_told(void **state)
{
	struct fixture *fixture = begin(false);

	(void)state;
	put_hmap(fixture, 2, 0, 0, 0);
	put_bucket_key(fixture->buckets, 0, 0);
	assert_int_equal(read_map(fixture), -EAGAIN); // counts more than it has
	assert_int_equal(fixture->visited[0], 1);     // but what was there was there
	put_hmap(fixture, UINT64_MAX, 0, 0, 0);
	assert_int_equal(read_map(fixture), -EAGAIN);
	put_hmap(fixture, 1, 0, 37, 0);
	assert_int_equal(read_map(fixture), -EAGAIN);
	put_hmap(fixture, 1, 0, 255, 0);
	assert_int_equal(read_map(fixture), -EAGAIN);
	put_hmap(fixture, 1, 0, 36, 0); // 2^36 buckets are not there
	assert_int_equal(read_map(fixture), -EFAULT);
	fake_put(fixture->map + 16, UINT64_MAX - 100, 8);
	assert_int_equal(read_map(fixture), -EFAULT);
	assert_int_equal(ct_children_read(&fixture->reader, MAP + 1, visit, fixture), -EFAULT);
	assert_int_equal(ct_children_read(&fixture->reader, 0, visit, fixture), -EFAULT);
}

static void a_ring_of_overflow_buckets_ends(void **state)
{
	struct fixture *fixture = begin(false);

	(void)state;
	put_hmap(fixture, 1, 0, 0, 0);
	put_bucket_key(fixture->buckets, 0, 0);
	fake_put(fixture->buckets + OVERFLOW, BUCKETS, 8);
	assert_int_equal(read_map(fixture), -EAGAIN);
	assert_true(fixture->visits <= 4096);
	fixture->reader.slots_left = 800; // what is left of the whole reading is a bound too
	assert_int_equal(read_map(fixture), -EOVERFLOW);
	assert_int_equal(fixture->visits, 100);
	assert_int_equal(fixture->reader.slots_left, 0);
	assert_int_equal(read_map(fixture), -EOVERFLOW);
}

/* A Swiss map: used, pointer to the directory or the only group, directory length. */
static void put_swiss(struct fixture *fixture, uint64_t used, uint64_t directory, uint64_t length)
{
	fake_put(fixture->map, used, 8);
	fake_put(fixture->map + 16, directory, 8);
	fake_put(fixture->map + 24, length, 8);
}

static void put_group(uint8_t *group, unsigned int first, unsigned int count)
{
	for (unsigned int slot = 0; slot < 8; slot++) {
		group[slot] = slot < count ? (uint8_t)(first + slot) : slot % 2 ? 0x80 : 0xfe; // empty, deleted
		put_key(group + 8 + 24 * (size_t)slot, first + slot);
	}
}

/* A table of `groups` groups at `at` in the buckets. */
static void put_table(uint8_t *table, uint64_t at, uint64_t mask)
{
	fake_put(table + 16, BUCKETS + at, 8);
	fake_put(table + 24, mask, 8);
}

static void swiss_maps_of_one_group_are_read(void **state)
{
	struct fixture *fixture = begin(true);

	(void)state;
	assert_int_equal(read_map(fixture), 0);
	put_group(fixture->buckets, 0, 5);
	put_swiss(fixture, 5, BUCKETS, 0);
	assert_int_equal(read_map(fixture), 0);
	expect_keys(fixture, 0, 5);
	put_swiss(fixture, 6, BUCKETS, 0);
	assert_int_equal(read_map(fixture), -EAGAIN);
}

/* Four directory entries, three tables: the first was not split as often and stands in two of them. */
static void swiss_maps_with_a_directory_are_read(void **state)
{
	struct fixture *fixture = begin(true);
	static const unsigned int entries[] = {0, 0, 1, 2};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		fake_put(fixture->table + 8 * i, TABLE + 1024 + 64 * (uint64_t)entries[i], 8);
	for (unsigned int table = 0; table < 3; table++) {
		put_table(fixture->table + 1024 + 64 * (size_t)table, table * UINT64_C(4096), 1);
		put_group(fixture->buckets + (size_t)table * 4096, table * 16, 8);
		put_group(fixture->buckets + (size_t)table * 4096 + GROUP, table * 16 + 8, 8);
	}
	put_swiss(fixture, 48, TABLE, 4);
	assert_int_equal(read_map(fixture), 0);
	expect_keys(fixture, 0, 48);
}

static void swiss_lies_are_told(void **state)
{
	struct fixture *fixture = begin(true);

	(void)state;
	put_swiss(fixture, 1, TABLE, 3); // no power of two
	assert_int_equal(read_map(fixture), -EAGAIN);
	put_swiss(fixture, 1, TABLE, UINT64_C(1) << 25);
	assert_int_equal(read_map(fixture), -EAGAIN);
	put_swiss(fixture, 1, TABLE, UINT64_C(1) << 63);
	assert_int_equal(read_map(fixture), -EAGAIN);
	put_swiss(fixture, 1, 8, 1); // no such memory
	assert_int_equal(read_map(fixture), -EFAULT);
	put_swiss(fixture, 1, 8, 0);
	assert_int_equal(read_map(fixture), -EFAULT);
	fake_put(fixture->table, TABLE + 1024, 8);
	put_swiss(fixture, 1, TABLE, 1);
	put_table(fixture->table + 1024, 0, 128); // more groups than a table can have
	assert_int_equal(read_map(fixture), -EAGAIN);
	put_table(fixture->table + 1024, 0, UINT64_MAX);
	assert_int_equal(read_map(fixture), -EAGAIN);
	fake_put(fixture->table, 0, 8); // a directory of nothing
	assert_int_equal(read_map(fixture), -EAGAIN);
}

/* A directory of millions of equal entries costs as much as if they were tables: the bound covers it. */
static void a_directory_is_work_too(void **state)
{
	struct fixture *fixture = begin(true);

	(void)state;
	fixture->fake.stretches[3].is_sparse = true;
	put_swiss(fixture, 0, TABLE, UINT64_C(1) << 24);
	assert_int_equal(read_map(fixture), -EOVERFLOW);
	assert_true(fixture->fake.reads < 200000);
}

static void change_count(struct fake_memory *fake)
{
	if (fake->reads == 5)
		fake->stretches[0].data[0]++;
}

/* A child is added at every moment of the reading: before it all is well, after the first look the map is torn. */
static void a_map_that_changes_meanwhile_is_torn(void **state)
{
	struct fixture *fixture = begin(true);
	unsigned int torn = 0;

	(void)state;
	put_group(fixture->buckets, 0, 5);
	put_swiss(fixture, 5, BUCKETS, 0);
	fixture->fake.before_read = change_count;
	for (uint64_t left = 1; left < 5; left++) {
		int rc;

		fixture->fake.reads = 5 - left - 1;
		fixture->map[0] = 5;
		rc = read_map(fixture);
		assert_true(rc == -EAGAIN || (rc == 0 && fixture->map[0] == 5));
		torn += rc != 0;
	}
	assert_true(torn >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classic_maps_are_read),
		cmocka_unit_test(free_and_moved_slots_are_passed),
		cmocka_unit_test(overflow_buckets_are_followed),
		cmocka_unit_test(growing_maps_are_read),
		cmocka_unit_test(classic_lies_are_told),
		cmocka_unit_test(a_ring_of_overflow_buckets_ends),
		cmocka_unit_test(swiss_maps_of_one_group_are_read),
		cmocka_unit_test(swiss_maps_with_a_directory_are_read),
		cmocka_unit_test(swiss_lies_are_told),
		cmocka_unit_test(a_directory_is_work_too),
		cmocka_unit_test(a_map_that_changes_meanwhile_is_torn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
