// SPDX-License-Identifier: Apache-2.0
/* Items that never move: taking, giving back, finding their index, growing by one chunk. */
#include "meter.h"
#include "tree/slab.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* An item as the tree has them: its first word stays readable after it was given back. */
struct item {
	uint64_t id;
	uint32_t link;
	uint32_t payload;
};

#define CHUNK 16u

static void slab_of_items(struct ct_slab *slab, struct meter *meter)
{
	meter_init(meter, METER_NEVER);
	ct_slab_init(slab, &meter->allocator, sizeof(struct item), offsetof(struct item, link), CHUNK);
}

static struct item *take(struct ct_slab *slab, uint32_t *ret_index)
{
	assert_int_equal(ct_slab_reserve(slab, 1), 0);
	*ret_index = ct_slab_take(slab);
	return ct_slab_at(slab, *ret_index);
}

static void items_keep_their_place(void **state)
{
	struct ct_slab slab;
	struct meter meter;
	struct item *items[1000];
	uint32_t index;

	(void)state;
	slab_of_items(&slab, &meter);
	for (uint32_t i = 0; i < 1000; i++) {
		items[i] = take(&slab, &index);
		assert_int_equal(index, i);
		assert_int_equal(items[i]->payload, 0);
		items[i]->payload = i;
	}
	for (uint32_t i = 0; i < 1000; i++) {
		assert_ptr_equal(ct_slab_at(&slab, i), items[i]);
		assert_int_equal(items[i]->payload, i);
		assert_int_equal(ct_slab_index(&slab, items[i]), i);
	}
	assert_int_equal(slab.end, 1000);
	assert_int_equal(slab.used, 1000);
	assert_true(meter.largest <= CHUNK * sizeof(struct item) || meter.largest <= 128 * sizeof(char *));
	ct_slab_done(&slab);
	assert_int_equal(meter.blocks, 0);
	assert_int_equal(slab.end, 0);
}

static void given_back_is_taken_again(void **state)
{
	struct ct_slab slab;
	struct meter meter;
	struct item *item;
	uint32_t index;

	(void)state;
	slab_of_items(&slab, &meter);
	for (uint32_t i = 0; i < 3 * CHUNK; i++)
		take(&slab, &index)->id = i + 1;
	for (uint32_t i = 0; i < 3 * CHUNK; i += 2)
		ct_slab_give(&slab, i);
	assert_int_equal(((struct item *)ct_slab_at(&slab, 4))->id, 5); // only its link is overwritten
	for (uint32_t i = 0; i < 3 * CHUNK; i += 2) {
		item = take(&slab, &index);
		assert_int_equal(index % 2, 0);
		assert_int_equal(item->id, 0); // zeroed anew
		item->id = 1000 + index;
	}
	assert_int_equal(slab.end, 3 * CHUNK);
	assert_int_equal(slab.used, 3 * CHUNK);
	for (uint32_t i = 1; i < 3 * CHUNK; i += 2)
		assert_int_equal(((struct item *)ct_slab_at(&slab, i))->id, i + 1);
	ct_slab_done(&slab);
}

static void strangers_have_no_index(void **state)
{
	struct ct_slab slab;
	struct meter meter;
	struct item outside, *item;
	uint32_t index;

	(void)state;
	slab_of_items(&slab, &meter);
	assert_int_equal(ct_slab_index(&slab, &outside), CT_SLAB_NONE);
	for (uint32_t i = 0; i < 5 * CHUNK; i++)
		take(&slab, &index);
	item = ct_slab_at(&slab, 7);
	assert_int_equal(ct_slab_index(&slab, &outside), CT_SLAB_NONE);
	assert_int_equal(ct_slab_index(&slab, NULL), CT_SLAB_NONE);
	assert_int_equal(ct_slab_index(&slab, (void *)UINTPTR_MAX), CT_SLAB_NONE);
	assert_int_equal(ct_slab_index(&slab, (char *)item + 1), CT_SLAB_NONE); // inside an item, at none
	ct_slab_done(&slab);
}

static void refused_memory_changes_nothing(void **state)
{
	struct ct_slab slab;
	struct meter meter;
	uint32_t index;

	(void)state;
	slab_of_items(&slab, &meter);
	for (int left = 0; left < 3; left++) { // two directories, one chunk
		meter.left = left;
		assert_int_equal(ct_slab_reserve(&slab, 1), -ENOMEM);
		assert_int_equal(slab.chunks_count, 0);
		ct_slab_done(&slab);
		assert_int_equal(meter.blocks, 0);
	}
	meter.left = METER_NEVER;
	for (uint32_t i = 0; i < CHUNK; i++)
		take(&slab, &index)->id = i;
	meter.left = 0;
	assert_int_equal(ct_slab_reserve(&slab, 1), -ENOMEM);
	ct_slab_give(&slab, 3);
	assert_int_equal(ct_slab_reserve(&slab, 1), 0); // one is free: no memory needed
	assert_int_equal(ct_slab_reserve(&slab, 2), -ENOMEM);
	meter.left = METER_NEVER;
	assert_int_equal(ct_slab_reserve(&slab, 10 * CHUNK), 0);
	meter.left = 0;
	for (uint32_t i = 0; i < 10 * CHUNK; i++)
		assert_int_not_equal(ct_slab_take(&slab), CT_SLAB_NONE);
	ct_slab_done(&slab);
	assert_int_equal(meter.blocks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_keep_their_place),
		cmocka_unit_test(given_back_is_taken_again),
		cmocka_unit_test(strangers_have_no_index),
		cmocka_unit_test(refused_memory_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
