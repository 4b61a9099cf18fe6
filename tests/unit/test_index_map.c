// SPDX-License-Identifier: Apache-2.0
/*
 * The map under the tree: what is in it is found, no change of it costs more than a few slots, and memory that is
 * refused loses nothing. Work is counted in slots and in looks at items, never in time.
 */
#include "meter.h"
#include "tree/index_map.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Slots cleared and slots moved by one change (index_map.c). */
#define CLEARED_MOST 256u
#define MOVED_MOST   32u

/* A map over an array of keys, and how often it looked at one. */
struct keyed {
	struct ct_map map;
	struct meter meter;
	uint64_t *keys;
	uint64_t looks;
};

static uint64_t key_of(const void *owner, uint32_t index)
{
	struct keyed *keyed = (struct keyed *)(uintptr_t)owner;

	keyed->looks++;
	return keyed->keys[index];
}

static void keyed_init(struct keyed *keyed, uint32_t room)
{
	*keyed = (struct keyed){.keys = calloc(room, sizeof(*keyed->keys))};
	assert_non_null(keyed->keys);
	meter_init(&keyed->meter, METER_NEVER);
	ct_map_init(&keyed->map, &keyed->meter.allocator, key_of, keyed);
}

static void keyed_done(struct keyed *keyed)
{
	ct_map_done(&keyed->map);
	assert_int_equal(keyed->meter.blocks, 0);
	free(keyed->keys);
}

static void keyed_insert(struct keyed *keyed, uint32_t index, uint64_t key)
{
	assert_int_equal(ct_map_reserve(&keyed->map, 1), 0);
	keyed->keys[index] = key;
	ct_map_insert(&keyed->map, key, index);
}

/* Keys as a heap gives them: 16 bytes apart, so only their low bits differ. */
static uint64_t address(uint32_t index)
{
	return UINT64_C(0xc000100000) + 16 * (uint64_t)index;
}

static void expect_all(const struct keyed *keyed, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++)
		assert_int_equal(ct_map_find(&keyed->map, address(i)), i);
}

static void empty_map_finds_nothing(void **state)
{
	struct keyed keyed;

	(void)state;
	keyed_init(&keyed, 1);
	assert_int_equal(ct_map_find(&keyed.map, 7), CT_MAP_NONE);
	ct_map_remove(&keyed.map, 7);
	assert_int_equal(keyed.map.count, 0);
	assert_int_equal(keyed.meter.requests, 0);
	keyed_done(&keyed);
}

static void odd_keys_are_keys(void **state)
{
	static const uint64_t keys[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, UINT32_MAX, UINT64_C(1) << 63};
	struct keyed keyed;

	(void)state;
	keyed_init(&keyed, 6);
	for (uint32_t i = 0; i < 6; i++)
		keyed_insert(&keyed, i, keys[i]);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(ct_map_find(&keyed.map, keys[i]), i);
	assert_int_equal(ct_map_find(&keyed.map, 2), CT_MAP_NONE);
	keyed_done(&keyed);
}

/* One change, and what it cost. */
static void insert_within_bounds(struct keyed *keyed, uint32_t index)
{
	const struct ct_map *map = &keyed->map;
	bool was_replacing = map->next.slots;
	uint32_t cleared = map->cleared, moved = map->moved;
	uint64_t looks = keyed->looks;

	keyed_insert(keyed, index, address(index));
	assert_true(keyed->looks - looks <= MOVED_MOST);
	if (!map->next.slots)
		return; // none under way, or this change ended it
	cleared = was_replacing ? map->cleared - cleared : map->cleared;
	moved = was_replacing ? map->moved - moved : map->moved;
	assert_true(cleared <= CLEARED_MOST);
	assert_true(moved <= MOVED_MOST);
	assert_true(!cleared || !moved);
}

static void growing_never_stalls(void **state)
{
	const uint32_t items = 1000000;
	struct keyed keyed;
	int replacements = 0;

	(void)state;
	keyed_init(&keyed, items);
	for (uint32_t i = 0; i < items; i++) {
		uint32_t before = keyed.map.now.capacity;

		insert_within_bounds(&keyed, i);
		replacements += before && keyed.map.now.capacity != before;
		assert_true((uint64_t)keyed.map.now.used * 8 <= (uint64_t)keyed.map.now.capacity * 7);
	}
	assert_true(replacements > 10);
	assert_int_equal(keyed.map.count, items);
	assert_true(keyed.meter.bytes < (size_t)items * 15);
	expect_all(&keyed, 0, items);
	assert_int_equal(ct_map_find(&keyed.map, address(items)), CT_MAP_NONE);
	keyed_done(&keyed);
}

/* At every step of a replacement: what is in either table is found, what was removed is not. */
static void every_moment_of_a_replacement_is_whole(void **state)
{
	struct keyed keyed;
	uint32_t first = 0, end = 0, moments = 0;

	(void)state;
	keyed_init(&keyed, 8192);
	for (; end < 8000; end++) {
		keyed_insert(&keyed, end, address(end));
		if (end % 3 == 0)
			ct_map_remove(&keyed.map, address(first++));
		if (!keyed.map.next.slots)
			continue;
		moments++;
		expect_all(&keyed, first, end + 1);
		assert_int_equal(ct_map_find(&keyed.map, address(first - 1)), CT_MAP_NONE);
	}
	assert_true(moments > 100);
	assert_int_equal(keyed.map.count, end - first);
	keyed_done(&keyed);
}

/* A server's life: as many go as come. The table must not grow with what has been. */
static void coming_and_going_stays_small(void **state)
{
	struct keyed keyed;

	(void)state;
	keyed_init(&keyed, 1 << 20);
	for (uint32_t i = 0; i < 1 << 20; i++) {
		keyed_insert(&keyed, i, address(i));
		if (i >= 100)
			ct_map_remove(&keyed.map, address(i - 100));
		assert_true(keyed.map.now.capacity <= 1024);
	}
	assert_int_equal(keyed.map.count, 100);
	expect_all(&keyed, (1 << 20) - 100, 1 << 20);
	keyed_done(&keyed);
}

/* Fill a table to just below the load at which it is replaced, then take everything out. @return how many. */
static uint32_t peak_and_silence(struct keyed *keyed, uint32_t least)
{
	const struct ct_map *map = &keyed->map;
	uint32_t peak = 0;

	while (peak < least || map->next.slots || (uint64_t)map->now.used * 100 < (uint64_t)map->now.capacity * 69) {
		keyed_insert(keyed, peak, address(peak));
		peak++;
	}
	for (uint32_t i = 0; i < peak; i++)
		ct_map_remove(&keyed->map, address(i));
	assert_int_equal(map->count, 0);
	return peak;
}

/* The small table that follows must bear what comes while the large one, full of removed slots, is being left. */
static void a_peak_that_is_over_is_survived(void **state)
{
	const uint32_t after = 200000;
	struct keyed keyed;
	uint32_t peak;

	(void)state;
	keyed_init(&keyed, 1000000);
	peak = peak_and_silence(&keyed, 200000);
	for (uint32_t i = peak; i < peak + after; i++) {
		keyed_insert(&keyed, i, address(i)); // reserves: must not run out of slots
		if (i >= peak + 10)
			ct_map_remove(&keyed.map, address(i - 10));
	}
	expect_all(&keyed, peak + after - 10, peak + after);
	assert_true(keyed.meter.bytes < 100000); // and the large one is gone
	keyed_done(&keyed);
}

static void a_second_peak_is_survived(void **state)
{
	struct keyed keyed;
	uint32_t peak;

	(void)state;
	keyed_init(&keyed, 1000000);
	peak = peak_and_silence(&keyed, 200000);
	for (uint32_t i = peak; i < 2 * peak; i++)
		keyed_insert(&keyed, i, address(i));
	expect_all(&keyed, peak, 2 * peak);
	assert_int_equal(keyed.map.count, peak);
	keyed_done(&keyed);
}

static void refused_memory_loses_nothing(void **state)
{
	struct keyed keyed;
	uint32_t end = 0;

	(void)state;
	keyed_init(&keyed, 100000);
	keyed.meter.left = 0;
	assert_int_equal(ct_map_reserve(&keyed.map, 1), -ENOMEM);
	keyed.meter.left = METER_NEVER;
	for (; end < 1000; end++)
		keyed_insert(&keyed, end, address(end));
	keyed.meter.left = 0;
	while (ct_map_reserve(&keyed.map, 1) == 0) {
		keyed.keys[end] = address(end);
		ct_map_insert(&keyed.map, address(end), end);
		end++;
		assert_true(end < 100000);
	}
	expect_all(&keyed, 0, end);
	keyed.meter.left = METER_NEVER; // memory is there again
	for (uint32_t tries = 0; ct_map_reserve(&keyed.map, 1); tries++)
		assert_true(tries < 1000);
	expect_all(&keyed, 0, end);
	for (; end < 5000; end++)
		keyed_insert(&keyed, end, address(end));
	expect_all(&keyed, 0, end);
	keyed_done(&keyed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_map_finds_nothing),
		cmocka_unit_test(odd_keys_are_keys),
		cmocka_unit_test(growing_never_stalls),
		cmocka_unit_test(every_moment_of_a_replacement_is_whole),
		cmocka_unit_test(coming_and_going_stays_small),
		cmocka_unit_test(a_peak_that_is_over_is_survived),
		cmocka_unit_test(a_second_peak_is_survived),
		cmocka_unit_test(refused_memory_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
