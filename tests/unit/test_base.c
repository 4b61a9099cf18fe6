// SPDX-License-Identifier: Apache-2.0
/* The string builder with its one escaper, errors for people, and the allocator's contract. */
#include "base/text.h"
#include "base/time.h"
#include "ctxtrace/allocator.h"
#include "ctxtrace/error.h"
#include "meter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void expect_text(struct ct_text *text, const char *expected)
{
	assert_false(text->failed);
	assert_string_equal(text->data, expected);
	assert_int_equal(text->length, strlen(expected));
	ct_text_done(text);
	assert_null(text->data);
}

static void text_grows_by_any_step(void **state)
{
	struct ct_text text = {0};
	char expected[3001];

	(void)state;
	for (int i = 0; i < 1000; i++)
		ct_text_addf(&text, "%c%02d", 'a' + i % 26, i % 100);
	for (int i = 0; i < 1000; i++)
		snprintf(expected + 3 * i, 4, "%c%02d", 'a' + i % 26, i % 100);
	assert_string_equal(text.data, expected);
	ct_text_clear(&text);
	assert_int_equal(text.length, 0);
	assert_string_equal(text.data, "");
	ct_text_append(&text, "a\0b", 3);
	assert_int_equal(text.length, 3);
	assert_memory_equal(text.data, "a\0b", 4);
	ct_text_done(&text);
}

static void failed_text_stays_as_it_was(void **state)
{
	struct ct_text text = {0};

	(void)state;
	ct_text_add(&text, "kept");
	ct_text_append(&text, "x", SIZE_MAX / 2); // refused before a byte is read
	assert_true(text.failed);
	ct_text_add(&text, " not added");
	ct_text_addf(&text, "%d", 7);
	ct_text_add_grouped(&text, 1000);
	assert_string_equal(text.data, "kept");
	assert_int_equal(text.length, 4);
	ct_text_done(&text);
	assert_false(text.failed);
}

static void numbers_are_grouped(void **state)
{
	static const struct {
		uint64_t number;
		const char *text;
	} cases[] = {
		{0, "0"},
		{999, "999"},
		{1000, "1,000"},
		{100000, "100,000"},
		{1234567, "1,234,567"},
		{UINT64_MAX, "18,446,744,073,709,551,615"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ct_text text = {0};

		ct_text_add_grouped(&text, cases[i].number);
		expect_text(&text, cases[i].text);
	}
}

static void durations_have_the_unit_people_use(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{0, "0 us"},
		{999, "0 us"},
		{999999, "999 us"},
		{CT_NSEC_PER_MSEC, "1 ms"},
		{850 * CT_NSEC_PER_MSEC, "850 ms"},
		{CT_NSEC_PER_SEC, "1.0 s"},
		{29800 * CT_NSEC_PER_MSEC, "29.8 s"},
		{120 * CT_NSEC_PER_SEC - 60 * CT_NSEC_PER_MSEC, "119.9 s"},
		{120 * CT_NSEC_PER_SEC, "2m 00s"},
		{252 * CT_NSEC_PER_SEC, "4m 12s"},
		{7199 * CT_NSEC_PER_SEC, "119m 59s"},
		{7200 * CT_NSEC_PER_SEC, "2h 00m"},
		{11100 * CT_NSEC_PER_SEC, "3h 05m"},
		{UINT64_MAX, "5124095h 34m"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ct_text text = {0};

		ct_text_add_duration(&text, cases[i].ns);
		expect_text(&text, cases[i].text);
	}
}

static void rounded_durations_have_three_digits(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{0, "0 us"},
		{499999, "500 us"},
		{499993000, "500 ms"},
		{499400000, "499 ms"},
		{999600000, "1.0 s"},
		{2 * CT_NSEC_PER_SEC - 40000, "2.0 s"},
		{UINT64_MAX, "5111111h 06m"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ct_text text = {0};

		ct_text_add_rounded_duration(&text, cases[i].ns);
		expect_text(&text, cases[i].text);
	}
}

static void sizes_are_powers_of_a_thousand(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{0, "0 B"},
		{138, "138 B"},
		{999, "999 B"},
		{1000, "1.0 kB"},
		{138460, "138 kB"},
		{1200000000, "1.2 GB"},
		{UINT64_MAX, "18446744 TB"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ct_text text = {0};

		ct_text_add_bytes(&text, cases[i].bytes);
		expect_text(&text, cases[i].text);
	}
}

static void utf8_is_judged_strictly(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
		{"a", 1},
		{"\xc3\xa9", 2},
		{"\xe2\x82\xac", 3},
		{"\xf0\x9f\x98\x80", 4},
		{"\x80", 0},
		{"\xc0\x80", 0},
		{"\xc1\xbf", 0},
		{"\xe0\x80\xaf", 0},
		{"\xed\xa0\x80", 0},
		{"\xed\x9f\xbf", 3},
		{"\xee\x80\x80", 3},
		{"\xf0\x80\x80\x80", 0},
		{"\xf4\x8f\xbf\xbf", 4},
		{"\xf4\x90\x80\x80", 0},
		{"\xf8\x88\x80\x80", 0},
		{"\xff", 0},
		{"\xe2\x82", 0},
		{"\xe2\x41\xac", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(ct_utf8_length(cases[i].bytes, strlen(cases[i].bytes)), cases[i].length);
	assert_int_equal(ct_utf8_length("\xe2\x82\xac", 2), 0);
}

/* Whatever one byte or two of a name are, nothing that a terminal obeys comes out. */
static void no_pair_of_bytes_escapes(void **state)
{
	struct ct_text text = {0};
	char name[3] = "";

	(void)state;
	for (int pair = 0x0101; pair <= 0xffff; pair++) {
		name[0] = (char)(pair >> 8);
		name[1] = (char)pair;
		if (!name[0] || !name[1])
			continue;
		ct_text_clear(&text);
		ct_text_add_escaped(&text, name, 2);
		for (size_t at = 0; at < text.length;) {
			size_t length = ct_utf8_length(text.data + at, text.length - at);
			unsigned char first = (unsigned char)text.data[at];

			assert_int_not_equal(length, 0);
			assert_true(length > 1 || (first >= 0x20 && first != 0x7f));
			assert_false(first == 0xc2 && (unsigned char)text.data[at + 1] < 0xa0);
			at += length;
		}
	}
	ct_text_done(&text);
}

static void escaped_names_read_back(void **state)
{
	static const struct {
		const char *name;
		size_t limit;
		const char *text;
	} cases[] = {
		{"main.(*Client).Call", 100, "main.(*Client).Call"},
		{"a\x1b[2Jb\n", 100, "a\\x1b[2Jb\\x0a"},
		{"\xc2\x9b"
		 "31m",
		 100, "\\xc2\\x9b31m"},
		{"caf\xc3\xa9\xff", 100, "caf\xc3\xa9\\xff"},
		{"abcdef", 6, "abcdef"},
		{"abcdef", 5, "abcde..."},
		{"ab\xe2\x82\xac", 3, "ab\\xe2..."},
		{"", 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ct_text text = {0};

		ct_text_add(&text, "");
		ct_text_add_escaped(&text, cases[i].name, cases[i].limit);
		expect_text(&text, cases[i].text);
	}
}

static void error_is_one_line_for_a_person(void **state)
{
	struct ct_error error = CT_ERROR_INIT;
	char longer[2 * CT_ERROR_TEXT_BYTES];

	(void)state;
	assert_int_equal(ct_error_set(&error, -EPERM, "cannot open %s", "a\x1b]0;x\a\nb"), -EPERM);
	assert_int_equal(error.code, -EPERM);
	assert_string_equal(error.message, "cannot open a?]0;x??b");
	ct_error_hint(&error, "try %d", 7);
	assert_string_equal(error.hint, "try 7");
	ct_error_set(&error, -EIO, "again");
	assert_string_equal(error.hint, ""); // of the error before
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	ct_error_set(&error, -EIO, "%s", longer);
	assert_int_equal(strlen(error.message), CT_ERROR_TEXT_BYTES - 1);
	assert_int_equal(ct_error_set(NULL, -ENOENT, "nobody listens"), -ENOENT);
	ct_error_hint(NULL, "nor here");
}

/* The path of a library is the target's choice, and errors go to the same terminal as reports. */
static void error_holds_no_control_beyond_ascii(void **state)
{
	struct ct_error error = CT_ERROR_INIT;

	(void)state;
	ct_error_set(&error, -EIO,
		     "a\xc2\x9b"
		     "2Jb\x9b\xff"
		     "caf\xc3\xa9");
	assert_string_equal(error.message, "a??2Jb??caf\xc3\xa9");
}

static void allocator_keeps_its_word(void **state)
{
	struct meter meter;
	char *block, *larger;

	(void)state;
	meter_init(&meter, 2);
	block = ct_allocate(&meter.allocator, 100);
	assert_non_null(block);
	for (int i = 0; i < 100; i++)
		assert_int_equal(block[i], 0);
	memset(block, 7, 100);
	larger = ct_resize(&meter.allocator, block, 200);
	assert_non_null(larger);
	assert_int_equal(larger[99], 7);
	assert_null(ct_resize(&meter.allocator, larger, 400));
	assert_int_equal(larger[99], 7); // the old block is left alone
	assert_int_equal(meter.bytes, 200);
	ct_release(&meter.allocator, NULL);
	ct_release(&meter.allocator, larger);
	assert_int_equal(meter.blocks, 0);
	meter.left = METER_NEVER;
	block = ct_allocate(&meter.allocator, 0); // no bytes is still a block of its own, not a failure
	assert_non_null(block);
	larger = ct_resize(&meter.allocator, block, 0);
	assert_non_null(larger);
	ct_release(&meter.allocator, larger);
	assert_int_equal(meter.blocks, 0);
}

static void libc_allocator_frees(void **state)
{
	char *block = ct_allocate(&ct_allocator_libc, 16);

	(void)state;
	assert_non_null(block);
	block = ct_resize(&ct_allocator_libc, block, 1 << 20);
	assert_non_null(block);
	block[(1 << 20) - 1] = 1; // the sanitizer sees both the room and the leak
	ct_release(&ct_allocator_libc, block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_grows_by_any_step),
		cmocka_unit_test(failed_text_stays_as_it_was),
		cmocka_unit_test(numbers_are_grouped),
		cmocka_unit_test(durations_have_the_unit_people_use),
		cmocka_unit_test(rounded_durations_have_three_digits),
		cmocka_unit_test(sizes_are_powers_of_a_thousand),
		cmocka_unit_test(utf8_is_judged_strictly),
		cmocka_unit_test(no_pair_of_bytes_escapes),
		cmocka_unit_test(escaped_names_read_back),
		cmocka_unit_test(error_is_one_line_for_a_person),
		cmocka_unit_test(error_holds_no_control_beyond_ascii),
		cmocka_unit_test(allocator_keeps_its_word),
		cmocka_unit_test(libc_allocator_frees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
