// SPDX-License-Identifier: Apache-2.0
// The ELF container and the symbol tables on a program in miniature, of which every byte is known.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "elf_sample.h"
#include "go_sample.h"
#include "symbol/binary.h"

static struct ct_binary *binary;
static int fd;

static int set_up(void **state)
{
	uint8_t bytes[CT_ELF_SAMPLE_BYTES];

	(void)state;
	ct_elf_sample_build(bytes);
	fd = ct_sample_file(bytes, sizeof(bytes));
	return ct_binary_open(fd, "sample", &binary, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	ct_binary_free(binary);
	return close(fd);
}

static void test_what_it_is(void **state)
{
	struct ct_go_version version;

	(void)state;
	assert_string_equal(ct_binary_build_id(binary), CT_ELF_SAMPLE_BUILD_ID);
	assert_true(ct_binary_is_relocatable(binary));
	assert_true(ct_binary_is_dynamic(binary));
	assert_false(ct_binary_is_stripped(binary));
	assert_int_equal(ct_binary_base(binary), 0);
	assert_int_equal(ct_binary_go_version(binary, &version), -ENOENT);
}

static void test_functions(void **state)
{
	struct ct_function found[2];

	(void)state;
	// In both symbol tables, and still one function.
	assert_int_equal(ct_binary_find(binary, "first_function", found, 2), 1);
	assert_int_equal(found[0].start, CT_ELF_SAMPLE_FIRST);
	assert_int_equal(found[0].end, CT_ELF_SAMPLE_FIRST + 16);
	assert_int_equal(ct_binary_function_at(binary, CT_ELF_SAMPLE_SECOND + 31, found), 0);
	assert_string_equal(found[0].name, "second_function");
	assert_int_equal(ct_binary_function_at(binary, CT_ELF_SAMPLE_SECOND + 32, found), -ENOENT);
	assert_int_equal(ct_binary_find(binary, "data_symbol", found, 2), 0);
}

static void test_imports(void **state)
{
	(void)state;
	assert_int_equal(ct_binary_imports(binary, "taken_function"), 1);
	assert_int_equal(ct_binary_imports(binary, "first_function"), 0); // it has that itself
	assert_int_equal(ct_binary_imports(binary, "other_function"), 0);
	assert_int_equal(ct_binary_find(binary, "taken_function", NULL, 0), 0);
}

/* The words in the file are zero; what the loader would write is read. */
static void test_relocations(void **state)
{
	uint64_t address, bytes, words[2];
	uint8_t part[3];

	(void)state;
	assert_int_equal(ct_binary_data_symbol(binary, "data_symbol", &address, &bytes), 0);
	assert_int_equal(address, CT_ELF_SAMPLE_DATA);
	assert_int_equal(bytes, 8);
	assert_int_equal(ct_binary_read(binary, address, words, sizeof(words)), 0);
	assert_int_equal(words[0], CT_ELF_SAMPLE_FIRST);
	assert_int_equal(words[1], CT_ELF_SAMPLE_SECOND);
	// A read that begins or ends within a word gets its part of it.
	assert_int_equal(ct_binary_read(binary, address + 7, part, sizeof(part)), 0);
	assert_memory_equal(part, "\x00\x10\x02", 3);
	assert_int_equal(ct_binary_read(binary, CT_ELF_SAMPLE_DATA + 0xf8, words, sizeof(words)), -EFAULT);
	assert_int_equal(ct_binary_read(binary, CT_ELF_SAMPLE_DATA + 0xf8, words, 8), 0); // .bss
	assert_int_equal(words[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_it_is, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_functions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_imports, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_relocations, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
