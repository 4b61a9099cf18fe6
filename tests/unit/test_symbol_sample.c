// SPDX-License-Identifier: Apache-2.0
// The Go readers on a program in miniature, one per layout that Go ever had; no toolchain needed, no section headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "go_sample.h"
#include "symbol/binary.h"
#include "symbol/go_build_info.h"
#include "symbol/pclntab.h"

static const unsigned int releases[] = {17, 18, 19, 20, 21, 25, 26, 27};

/* One sample, opened. */
struct opened {
	struct ct_go_sample sample;
	struct ct_binary *binary;
	int fd;
};

static void open_sample(struct opened *opened, unsigned int minor)
{
	ct_go_sample_build(&opened->sample, minor);
	opened->fd = ct_sample_file(opened->sample.bytes, opened->sample.used);
	assert_true(opened->fd >= 0);
	assert_int_equal(ct_binary_open(opened->fd, "sample", &opened->binary, NULL), 0);
}

static void close_sample(struct opened *opened)
{
	ct_binary_free(opened->binary);
	close(opened->fd);
}

typedef void (*sample_test)(struct opened *opened);

static void each_release(sample_test test)
{
	for (size_t i = 0; i < sizeof(releases) / sizeof(*releases); i++) {
		struct opened opened;

		open_sample(&opened, releases[i]);
		test(&opened);
		close_sample(&opened);
	}
}

static void check_version(struct opened *opened)
{
	struct ct_go_version version;
	char text[32];

	assert_int_equal(ct_binary_go_version(opened->binary, &version), 0);
	snprintf(text, sizeof(text), "go1.%u.3", opened->sample.minor);
	assert_string_equal(version.text, text);
	assert_int_equal(version.minor, opened->sample.minor);
	assert_int_equal(version.patch, 3);
	assert_true(ct_binary_is_stripped(opened->binary));
	assert_false(ct_binary_is_relocatable(opened->binary));
	assert_false(ct_binary_is_dynamic(opened->binary));
	assert_int_equal(ct_binary_base(opened->binary), CT_SAMPLE_BASE);
}

static void check_functions(struct opened *opened)
{
	struct ct_function function;
	struct ct_function runs[2];

	assert_int_equal(ct_binary_find(opened->binary, "context.WithCancel", &function, 1), 1);
	assert_int_equal(function.start, CT_SAMPLE_WITHCANCEL);
	assert_int_equal(function.end, CT_SAMPLE_ETEXT);
	assert_int_equal(ct_binary_find(opened->binary, "main.middle", &function, 1), 0);
	assert_int_equal(ct_binary_find(opened->binary, "context.WithCance", &function, 1), 0);
	assert_int_equal(ct_binary_function_at(opened->binary, CT_SAMPLE_SMALL, &function), 0);
	assert_string_equal(function.name, "main.outer");
	assert_int_equal(ct_binary_function_at(opened->binary, CT_SAMPLE_ETEXT, &function), -ENOENT);
	assert_int_equal(ct_binary_function_at(opened->binary, CT_SAMPLE_TEXT - 1, &function), -ENOENT);
	assert_int_equal(ct_binary_go_package_runs(opened->binary, "context.", runs, 2), 1);
	assert_int_equal(runs[0].start, CT_SAMPLE_WITHCANCEL);
	assert_int_equal(runs[0].end, CT_SAMPLE_ETEXT);
	assert_int_equal(ct_binary_go_package_runs(opened->binary, "net/http.", runs, 2), 0);
}

static void expect_location(const struct ct_location *got, const char *function, const char *file, uint32_t line,
			    bool is_inlined)
{
	assert_string_equal(got->function, function);
	assert_string_equal(got->file, file);
	assert_int_equal(got->line, line);
	assert_int_equal(got->is_inlined, is_inlined);
}

static void check_lines(struct opened *opened)
{
	struct ct_location at[CT_LOCATIONS_MAX];

	assert_int_equal(ct_binary_locate(opened->binary, CT_SAMPLE_SMALL + 5, at, CT_LOCATIONS_MAX), 3);
	expect_location(&at[0], "main.small", "main.go", 30, true);
	expect_location(&at[1], "main.middle", "main.go", 20, true);
	expect_location(&at[2], "main.outer", "main.go", 10, false);
	assert_int_equal(ct_binary_locate(opened->binary, CT_SAMPLE_MIDDLE, at, CT_LOCATIONS_MAX), 2);
	expect_location(&at[0], "main.middle", "main.go", 20, true);
	assert_int_equal(ct_binary_locate(opened->binary, CT_SAMPLE_OUTER + 0x3f, at, CT_LOCATIONS_MAX), 1);
	expect_location(&at[0], "main.outer", "main.go", 11, false);
	assert_int_equal(ct_binary_locate(opened->binary, CT_SAMPLE_WITHCANCEL, at, CT_LOCATIONS_MAX), 1);
	expect_location(&at[0], "context.WithCancel", "context.go", 5, false);
	assert_int_equal(ct_binary_locate(opened->binary, CT_SAMPLE_SMALL, at, 1), 1);
	assert_int_equal(ct_binary_locate(opened->binary, CT_SAMPLE_SMALL, at, 0), 0);
	assert_int_equal(ct_binary_locate(opened->binary, CT_SAMPLE_ETEXT, at, CT_LOCATIONS_MAX), 0);
}

static void check_inlined(struct opened *opened)
{
	assert_int_equal(ct_binary_go_is_inlined_outside(opened->binary, "main.small", "context."), 1);
	assert_int_equal(ct_binary_go_is_inlined_outside(opened->binary, "main.middle", "context."), 1);
	assert_int_equal(ct_binary_go_is_inlined_outside(opened->binary, "main.middle", "main."), 0);
	assert_int_equal(ct_binary_go_is_inlined_outside(opened->binary, "context.WithCancel", "x."), 0);
	assert_int_equal(ct_binary_go_is_inlined_outside(opened->binary, "middle", "x."), 0);
}

static void check_module(struct opened *opened)
{
	struct ct_go_module module;
	uint64_t type;

	assert_int_equal(ct_binary_go_module(opened->binary, &module), 0);
	assert_int_equal(module.address, opened->sample.module);
	assert_int_equal(module.text, CT_SAMPLE_TEXT);
	assert_int_equal(module.etext, CT_SAMPLE_ETEXT);
	assert_int_equal(module.types, opened->sample.types);
	assert_int_equal(module.etypes, opened->sample.etypes);
	assert_int_equal(module.gofunc, opened->sample.minor < 18 ? 0 : opened->sample.gofunc);
	assert_int_equal(module.itablinks_count, opened->sample.minor < 27 ? 1 : 0);
	assert_int_equal(ct_binary_go_type(opened->binary, "context.cancelCtx", "context.Context", &type), 0);
	assert_int_equal(type, opened->sample.type);
	assert_int_equal(ct_binary_go_type(opened->binary, "context.timerCtx", "context.Context", &type), -ENOENT);
	assert_int_equal(ct_binary_go_type(opened->binary, "context.cancelCtx", "io.Reader", &type), -ENOENT);
}

static void check_bytes(struct opened *opened)
{
	uint64_t bss = CT_SAMPLE_BASE + CT_SAMPLE_BYTES, offset;
	uint8_t bytes[16];

	memset(bytes, 0xaa, sizeof(bytes));
	assert_int_equal(ct_binary_read(opened->binary, bss - 8, bytes, sizeof(bytes)), 0);
	for (size_t i = 8; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0); // .bss
	assert_int_equal(ct_binary_read(opened->binary, bss + 0x1000 - 8, bytes, sizeof(bytes)), -EFAULT);
	assert_int_equal(ct_binary_read(opened->binary, 0, bytes, 1), -EFAULT);
	assert_int_equal(ct_binary_read(opened->binary, UINT64_MAX - 4, bytes, sizeof(bytes)), -EFAULT);
	assert_int_equal(ct_binary_offset(opened->binary, CT_SAMPLE_TEXT, &offset), 0);
	assert_int_equal(offset, 0x1000);
	assert_int_equal(ct_binary_offset(opened->binary, bss, &offset), -EFAULT);
}

#define SAMPLE_TEST(name)                                                                                              \
	static void test_##name(void **state)                                                                          \
	{                                                                                                              \
		(void)state;                                                                                           \
		each_release(check_##name);                                                                            \
	}

SAMPLE_TEST(version)
SAMPLE_TEST(functions)
SAMPLE_TEST(lines)
SAMPLE_TEST(inlined)
SAMPLE_TEST(module)
SAMPLE_TEST(bytes)

static void test_newer_release_is_read_like_the_newest(void **state)
{
	struct ct_go_module module;
	struct ct_function function;
	struct opened opened;

	(void)state;
	open_sample(&opened, 28);
	// a census verifies what it finds there; the words have to name places in the file
	assert_int_equal(ct_binary_go_module(opened.binary, &module), 0);
	assert_true(module.types < module.etypes && module.gofunc);
	assert_int_equal(ct_binary_find(opened.binary, "context.WithCancel", &function, 1), 1);
	close_sample(&opened);
}

static void test_version_text(void **state)
{
	struct ct_go_version version;

	(void)state;
	assert_int_equal(ct_go_version_parse("go1.26.8 X:nocoverageredesign", &version), 0);
	assert_int_equal(version.minor, 26);
	assert_int_equal(version.patch, 8);
	assert_string_equal(version.text, "go1.26.8 X:nocoverageredesign");
	assert_int_equal(ct_go_version_parse("devel go1.27-5a16e0a Mon Nov 3", &version), 0);
	assert_int_equal(version.minor, 27);
	assert_int_equal(version.patch, 0);
	assert_int_equal(ct_go_version_parse("go1.25rc1", &version), 0);
	assert_int_equal(version.minor, 25);
	assert_int_equal(ct_go_version_parse("devel +5a16e0a", &version), -EPROTO);
	assert_int_equal(ct_go_version_parse("unknown", &version), -EPROTO);
	assert_int_equal(ct_go_version_parse("go1.99999999999999999999", &version), -EPROTO);
	assert_int_equal(ct_go_version_parse("", &version), -EPROTO);
	assert_int_equal(version.minor, 25); // untouched on failure
}

// Whatever byte is broken, no read leaves the copy (sanitizers watch) and no answer is out of bounds.
static void test_each_byte_broken(void **state)
{
	struct ct_go_sample sample;
	struct ct_location at[CT_LOCATIONS_MAX];

	(void)state;
	ct_go_sample_build(&sample, 26);
	for (size_t i = 0; i < sample.pclntab_bytes; i++) {
		uint8_t copy[CT_SAMPLE_BYTES];
		struct ct_pclntab table;
		const uint8_t *data = sample.bytes + (sample.pclntab - CT_SAMPLE_BASE);

		memcpy(copy, data, sample.pclntab_bytes);
		copy[sample.pclntab_bytes] = 0;
		copy[i] ^= (uint8_t)(0x81 + i);
		if (ct_pclntab_init(&table, copy, sample.pclntab_bytes, CT_SAMPLE_TEXT) < 0)
			continue;
		for (uint64_t pc = CT_SAMPLE_TEXT; pc < CT_SAMPLE_ETEXT; pc += 7)
			assert_true(ct_pclntab_locate(&table, NULL, pc, at, CT_LOCATIONS_MAX) <= 1);
		ct_pclntab_done(&table);
	}
}

static void test_each_length_cut(void **state)
{
	struct ct_go_sample sample;

	(void)state;
	ct_go_sample_build(&sample, 26);
	for (size_t i = 0; i < CT_SAMPLE_BYTES; i += i < 0x100 ? 1 : 61) {
		_ct_close_ int fd = ct_sample_file(sample.bytes, i);
		struct ct_binary *binary = NULL;
		struct ct_error error = CT_ERROR_INIT;

		// The program headers name more than there is.
		assert_int_equal(ct_binary_open(fd, "cut", &binary, &error), -ENOEXEC);
		assert_null(binary);
		assert_true(error.message[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_inlined),
		cmocka_unit_test(test_module),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_newer_release_is_read_like_the_newest),
		cmocka_unit_test(test_version_text),
		cmocka_unit_test(test_each_byte_broken),
		cmocka_unit_test(test_each_length_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
