// SPDX-License-Identifier: Apache-2.0
// Programs made to keep their reader busy: a few megabytes that would take hours to read without a bound.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "go_sample.h"
#include "symbol/go_module.h"
#include "symbol/pclntab.h"

#define MAGIC 0xfffffff1u

static void put_word(uint8_t *bytes, size_t at, uint64_t word)
{
	memcpy(bytes + at, &word, sizeof(word));
}

static void put_half(uint8_t *bytes, size_t at, uint32_t half)
{
	memcpy(bytes + at, &half, sizeof(half));
}

/* A header of Go 1.20 and newer, with the offsets of its five parts. */
static void put_header(uint8_t *bytes, uint64_t functions, const uint64_t parts[5])
{
	put_half(bytes, 0, MAGIC);
	put_half(bytes, 4, 0x08010000);
	put_word(bytes, 8, functions);
	put_word(bytes, 16, 1);
	put_word(bytes, 24, 0);
	for (size_t i = 0; i < 5; i++)
		put_word(bytes, 32 + 8 * i, parts[i]);
}

/* Headers one behind the other: each is plausible, and none has a moduledata. */
static void test_many_headers(void **state)
{
	static const uint64_t parts[5] = {100, 200, 300, 400, 500};
	const size_t count = 50000;
	_ct_free_ uint8_t *bytes = calloc(count, CT_PCLNTAB_HEADER_BYTES);
	struct ct_image image = {.segment_count = 1};
	struct ct_go_tables tables;

	(void)state;
	assert_non_null(bytes);
	for (size_t i = 0; i < count; i++)
		put_header(bytes + i * CT_PCLNTAB_HEADER_BYTES, 1, parts);
	image.file_bytes = count * CT_PCLNTAB_HEADER_BYTES;
	image.segments[0] = (struct ct_segment){.address = 0x400000,
						.memory_bytes = image.file_bytes,
						.file_bytes = image.file_bytes,
						.flags = PF_R | PF_W};
	image.fd = ct_sample_file(bytes, image.file_bytes);
	assert_true(image.fd >= 0);
	assert_int_equal(ct_go_tables_find(&image, 26, &tables), -E2BIG);
	close(image.fd);
}

/* Parts of the table below. */
enum {
	FUNCTIONS = 100000,
	PAIRS = 200000,
	NAMES_AT = 72,
	TABLES_AT = 120,
	ENTRIES_AT = 120 + 8 + 2 * PAIRS,
	RECORD_AT = ENTRIES_AT + 8 * (FUNCTIONS + 1), // one, for all functions
	TABLE_BYTES = RECORD_AT + 80,
};

static void put_record(uint8_t *bytes)
{
	put_half(bytes, RECORD_AT + 28, 3); // npcdata
	put_half(bytes, RECORD_AT + 40, 4u << 24);
	put_half(bytes, RECORD_AT + 44 + 8, 1); // the long table is that of inlined calls
}

/* Every function has the same table of inlined calls, as long as they are many. */
static uint8_t *make_table(void)
{
	static const uint64_t parts[5] = {NAMES_AT, 104, 112, TABLES_AT, ENTRIES_AT};
	uint8_t *bytes = calloc(1, TABLE_BYTES + 1);

	assert_non_null(bytes);
	put_header(bytes, FUNCTIONS, parts);
	memcpy(bytes + NAMES_AT, "main.all\0main.small", 20);
	for (size_t i = 0; i < PAIRS; i++)
		memcpy(bytes + TABLES_AT + 1 + 2 * i, i % 2 ? "\1\1" : "\2\1", 2); // one up, one down
	for (size_t i = 0; i <= FUNCTIONS; i++) {
		put_half(bytes, ENTRIES_AT + 8 * i, (uint32_t)(16 * i));
		put_half(bytes, ENTRIES_AT + 8 * i + 4, RECORD_AT - ENTRIES_AT);
	}
	put_record(bytes);
	return bytes;
}

static int read_nothing(void *opaque, uint64_t address, void *buffer, size_t bytes)
{
	unsigned int *reads = opaque;

	(void)address;
	(*reads)++;
	memset(buffer, 0, bytes);
	return 0;
}

static int count_function(void *opaque, const struct ct_function *into)
{
	unsigned int *count = opaque;

	(void)into;
	(*count)++;
	return 0;
}

static void test_one_long_table_for_all(void **state)
{
	_ct_free_ uint8_t *bytes = make_table();
	unsigned int reads = 0, found = 0;
	const struct ct_inline_trees trees = {0x1000, read_nothing, &reads};
	struct ct_location at[CT_LOCATIONS_MAX];
	struct ct_pclntab table;

	(void)state;
	assert_int_equal(ct_pclntab_init(&table, bytes, TABLE_BYTES, CT_SAMPLE_TEXT), 0);
	assert_int_equal(table.functions.count, FUNCTIONS);
	assert_int_equal(ct_pclntab_each_inlined(&table, &trees, "main.small", count_function, &found), -E2BIG);
	assert_int_equal(found, 0);
	assert_true(reads > 0);
	// One address reads one table, so it is as it always was.
	assert_int_equal(ct_pclntab_locate(&table, &trees, CT_SAMPLE_TEXT + 32, at, CT_LOCATIONS_MAX),
			 CT_LOCATIONS_MAX);
	ct_pclntab_done(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_headers),
		cmocka_unit_test(test_one_long_table_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
