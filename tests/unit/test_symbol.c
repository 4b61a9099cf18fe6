// SPDX-License-Identifier: Apache-2.0
// The ELF and C side of the symbol room, on this test program itself: what the reader says must agree with what the
// loader and the compiler made of it. Built with -g and a known build id.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "symbol/binary.h"

int ct_test_data[12] = {7};
const char *ct_test_pointer = "relocated"; // in a PIE its word in the file is a relocation

static volatile int sink;

enum { LINE_INLINED_FIRST = __LINE__ };
static inline __attribute__((always_inline)) uintptr_t inlined_here(void)
{
	sink++;
	return (uintptr_t)({ // the address of this very line, seen from the inlined copy
		void *pc;
#if defined(__x86_64__)
		__asm__ volatile("lea 0(%%rip), %0" : "=r"(pc));
#else
		__asm__ volatile("adr %0, ." : "=r"(pc));
#endif
		pc;
	});
}

enum { LINE_INLINED_LAST = __LINE__ };

__attribute__((noinline)) uintptr_t ct_test_outer(void);
enum { LINE_CALL = __LINE__ + 3 };
__attribute__((noinline)) uintptr_t ct_test_outer(void)
{
	uintptr_t pc = inlined_here(); // LINE_CALL
	sink++;
	return pc;
}

/* The test's own file, opened as a binary. */
struct fixture {
	struct ct_binary *binary;
	int fd;
	uint64_t bias;
};

static int first_object(struct dl_phdr_info *info, size_t size, void *opaque)
{
	(void)size;
	*(uint64_t *)opaque = info->dlpi_addr;
	return 1;
}

static int open_self(void **state)
{
	static struct fixture fixture;

	fixture.fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	dl_iterate_phdr(first_object, &fixture.bias);
	*state = &fixture;
	return ct_binary_open(fixture.fd, "self", &fixture.binary, NULL);
}

static int close_self(void **state)
{
	struct fixture *fixture = *state;

	ct_binary_free(fixture->binary);
	close(fixture->fd);
	return 0;
}

static void test_facts(void **state)
{
	struct fixture *fixture = *state;
	struct ct_go_version version;
	struct ct_go_module module;
	uint64_t type;

	assert_string_equal(ct_binary_build_id(fixture->binary), "0123456789abcdef");
	assert_false(ct_binary_is_stripped(fixture->binary));
	assert_true(ct_binary_is_dynamic(fixture->binary));
	assert_int_equal(ct_binary_is_relocatable(fixture->binary), fixture->bias != 0);
	assert_int_equal(ct_binary_go_version(fixture->binary, &version), -ENOENT);
	assert_int_equal(ct_binary_go_module(fixture->binary, &module), -ENOENT);
	assert_int_equal(ct_binary_go_type(fixture->binary, "a.b", "c.d", &type), -ENOENT);
}

static void test_functions(void **state)
{
	struct fixture *fixture = *state;
	uint64_t outer = (uintptr_t)ct_test_outer - fixture->bias;
	struct ct_function function;

	assert_int_equal(ct_binary_find(fixture->binary, "ct_test_outer", &function, 1), 1);
	assert_int_equal(function.start, outer);
	assert_true(function.end > function.start);
	assert_int_equal(ct_binary_find(fixture->binary, "ct_test_oute", &function, 1), 0);
	assert_int_equal(ct_binary_find(fixture->binary, "ct_test_data", &function, 1), 0);
	assert_int_equal(ct_binary_function_at(fixture->binary, outer, &function), 0);
	assert_string_equal(function.name, "ct_test_outer");
	assert_int_equal(ct_binary_function_at(fixture->binary, function.end - 1, &function), 0);
	assert_string_equal(function.name, "ct_test_outer");
	assert_int_equal(ct_binary_function_at(fixture->binary, 1, &function), -ENOENT);
	assert_int_equal(ct_binary_function_at(fixture->binary, UINT64_MAX, &function), -ENOENT);
}

/* What a walk over the functions saw. */
struct seen {
	uint64_t last;
	int outer;
	int count;
};

static int see(void *opaque, const struct ct_function *function)
{
	struct seen *seen = opaque;

	assert_true(function->start >= seen->last);
	seen->last = function->start;
	seen->outer += strcmp(function->name, "ct_test_outer") == 0;
	seen->count++;
	return 0;
}

static int stop(void *opaque, const struct ct_function *function)
{
	(void)function;
	(*(int *)opaque)++;
	return 42;
}

static void test_each_function(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0, 0, 0};
	int calls = 0;

	assert_int_equal(ct_binary_each_function(fixture->binary, see, &seen), 0);
	assert_int_equal(seen.outer, 1);
	assert_true(seen.count > 50);
	assert_int_equal(ct_binary_each_function(fixture->binary, stop, &calls), 42);
	assert_int_equal(calls, 1);
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);

	return length >= tail && strcmp(text + length - tail, end) == 0;
}

static void test_lines(void **state)
{
	struct fixture *fixture = *state;
	uint64_t pc = ct_test_outer() - fixture->bias - 1;
	struct ct_location at[CT_LOCATIONS_MAX];

	assert_int_equal(ct_binary_locate(fixture->binary, pc, at, CT_LOCATIONS_MAX), 2);
	assert_string_equal(at[0].function, "inlined_here");
	assert_true(at[0].is_inlined);
	assert_true(ends_with(at[0].file, "test_symbol.c"));
	assert_in_range(at[0].line, LINE_INLINED_FIRST, LINE_INLINED_LAST);
	assert_string_equal(at[1].function, "ct_test_outer");
	assert_false(at[1].is_inlined);
	assert_true(ends_with(at[1].file, "test_symbol.c"));
	assert_int_equal(at[1].line, LINE_CALL);
	assert_int_equal(ct_binary_locate(fixture->binary, pc, at, 1), 1);
	assert_int_equal(ct_binary_locate(fixture->binary, 1, at, CT_LOCATIONS_MAX), 0);
}

static void test_data(void **state)
{
	struct fixture *fixture = *state;
	uint64_t address, bytes, pointer;
	int first;

	assert_int_equal(ct_binary_data_symbol(fixture->binary, "ct_test_data", &address, &bytes), 0);
	assert_int_equal(address, (uintptr_t)ct_test_data - fixture->bias);
	assert_int_equal(bytes, sizeof(ct_test_data));
	assert_int_equal(ct_binary_read(fixture->binary, address, &first, sizeof(first)), 0);
	assert_int_equal(first, 7);
	assert_int_equal(ct_binary_data_symbol(fixture->binary, "ct_test_none", &address, &bytes), -ENOENT);
	assert_int_equal(ct_binary_data_symbol(fixture->binary, "ct_test_pointer", &address, &bytes), 0);
	assert_int_equal(ct_binary_read(fixture->binary, address, &pointer, sizeof(pointer)), 0);
	assert_int_equal(pointer + fixture->bias, (uintptr_t)ct_test_pointer);
}

static void test_relocated_word_in_pieces(void **state)
{
	struct fixture *fixture = *state;
	uint64_t address, bytes, pointer = (uintptr_t)ct_test_pointer - fixture->bias;

	assert_int_equal(ct_binary_data_symbol(fixture->binary, "ct_test_pointer", &address, &bytes), 0);
	for (size_t i = 0; i < sizeof(pointer); i++) {
		uint8_t byte;

		assert_int_equal(ct_binary_read(fixture->binary, address + i, &byte, 1), 0);
		assert_int_equal(byte, (uint8_t)(pointer >> (8 * i)));
	}
}

static void test_offset_and_base(void **state)
{
	struct fixture *fixture = *state;
	uint64_t outer = (uintptr_t)ct_test_outer - fixture->bias, offset;
	unsigned char bytes[8];

	assert_int_equal(ct_binary_offset(fixture->binary, outer, &offset), 0);
	assert_int_equal(pread(fixture->fd, bytes, sizeof(bytes), (off_t)offset), sizeof(bytes));
	assert_memory_equal(bytes, (void *)(uintptr_t)ct_test_outer, sizeof(bytes));
	assert_int_equal(ct_binary_base(fixture->binary) % 4096, 0);
	assert_int_equal(ct_binary_offset(fixture->binary, UINT64_MAX - 1, &offset), -EFAULT);
	assert_int_equal(memcmp((void *)(uintptr_t)(ct_binary_base(fixture->binary) + fixture->bias), ELFMAG, SELFMAG),
			 0);
}

static void expect_refused(const void *data, size_t bytes, const char *words)
{
	_ct_close_ int fd = memfd_create("refused", MFD_CLOEXEC);
	struct ct_error error = CT_ERROR_INIT;
	struct ct_binary *binary = NULL;

	assert_int_equal(write(fd, data, bytes), bytes);
	assert_int_equal(ct_binary_open(fd, "FILE", &binary, &error), -ENOEXEC);
	assert_null(binary);
	assert_int_equal(error.code, -ENOEXEC);
	assert_non_null(strstr(error.message, words));
	assert_non_null(strstr(error.message, "FILE"));
	if (strstr(words, "machine") || strstr(words, "32-bit"))
		assert_non_null(strstr(error.hint, "only 64-bit"));
}

static void test_refused(void **state)
{
	static const char script[] = "#!/bin/sh\necho no ELF file, but longer than one header of it is\n";
	struct fixture *fixture = *state;
	Elf64_Ehdr header;

	assert_int_equal(pread(fixture->fd, &header, sizeof(header), 0), sizeof(header));
	expect_refused("", 0, "not an ELF file");
	expect_refused(script, sizeof(script) - 1, "not an ELF file");
	expect_refused(&header, sizeof(header), "malformed"); // the tables it names are missing
	header.e_type = ET_REL;
	expect_refused(&header, sizeof(header), "neither a program nor");
	header.e_machine = EM_MIPS;
	expect_refused(&header, sizeof(header), "another machine");
	header.e_ident[EI_CLASS] = ELFCLASS32;
	expect_refused(&header, sizeof(header), "a 32-bit program");
}

// A file that shrinks after it was opened gives errors, not garbage.
static void test_shrinking_file(void **state)
{
	struct fixture *fixture = *state;
	uint64_t outer = (uintptr_t)ct_test_outer - fixture->bias;
	_ct_close_ int fd = memfd_create("shrinking", MFD_CLOEXEC);
	struct ct_function function;
	struct ct_binary *binary;
	_ct_free_ char *copy = NULL;
	struct stat status;
	uint64_t word;

	assert_int_equal(fstat(fixture->fd, &status), 0);
	copy = malloc((size_t)status.st_size);
	assert_int_equal(pread(fixture->fd, copy, (size_t)status.st_size, 0), status.st_size);
	assert_int_equal(write(fd, copy, (size_t)status.st_size), status.st_size);
	assert_int_equal(ct_binary_open(fd, "shrinking", &binary, NULL), 0);
	assert_int_equal(ct_binary_read(binary, outer, &word, sizeof(word)), 0);
	assert_int_equal(ftruncate(fd, 64), 0);
	assert_int_equal(ct_binary_read(binary, outer, &word, sizeof(word)), -EFAULT);
	assert_int_equal(ct_binary_find(binary, "ct_test_outer", &function, 1), 0);
	ct_binary_free(binary);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_each_function),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_relocated_word_in_pieces),
		cmocka_unit_test(test_offset_and_base),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_shrinking_file),
	};

	return cmocka_run_group_tests(tests, open_self, close_self);
}
