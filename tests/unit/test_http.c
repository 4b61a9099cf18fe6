// SPDX-License-Identifier: Apache-2.0
/* What clients ask for, and where --metrics listens: every header and every address has an answer. */
#include "agent/http_accept.h"
#include "agent/http_address.h"
#include "agent/http_body.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

static void openmetrics_goes_to_who_asks_for_it(void **state)
{
	static const char *const openmetrics[] = {
		"application/openmetrics-text",
		"application/openmetrics-text;version=1.0.0;q=0.75,application/openmetrics-text;version=0.0.1;q=0.6,"
		"text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		"text/plain;q=0.2, Application/OpenMetrics-Text ; version=1.0.0 ; q=0.2",
		"application/openmetrics-text;q=9",
		"application/openmetrics-text;version=2.0.0,application/openmetrics-text;q=0.001",
		"application/openmetrics-text;escaping=values;version=1.0.0",
	};
	static const char *const text[] = {
		"", "*/*", "text/plain", "text/html,application/json", ",,;;==,", "application/openmetrics-text;q=0",
		"application/openmetrics-text;version=2.0.0", "application/openmetrics-text;q=abc",
		"application/openmetrics-text;q=", "application/openmetrics-text;q=0.5,text/plain;q=0.6",
		"application/openmetrics-textual", "application/openmetrics-text;q=-1",
		"application/openmetrics-text;q=0.00000000000000000001", ";q=1", "application/openmetrics-text;q=nan",
	};

	(void)state;
	assert_int_equal(ct_accept_dialect(NULL), CT_DIALECT_TEXT);
	for (size_t i = 0; i < sizeof(openmetrics) / sizeof(openmetrics[0]); i++)
		if (ct_accept_dialect(openmetrics[i]) != CT_DIALECT_OPENMETRICS)
			fail_msg("%s", openmetrics[i]);
	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		if (ct_accept_dialect(text[i]) != CT_DIALECT_TEXT)
			fail_msg("%s", text[i]);
}

static void gzip_goes_to_who_takes_it(void **state)
{
	static const char *const yes[] = {"gzip", "deflate, GZIP;q=0.5", "*", "br;q=1.0, *;q=0.1", "gzip ; q=1"};
	static const char *const no[] = {"", "identity", "gzip;q=0", "gzip;q=0.000", "*;q=0", "*, gzip;q=0", "gzippy", "q=1"};

	(void)state;
	assert_false(ct_accept_gzip(NULL));
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (!ct_accept_gzip(yes[i]))
			fail_msg("%s", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (ct_accept_gzip(no[i]))
			fail_msg("%s", no[i]);
}

/* Headers of random pieces: there is an answer, and no byte outside is touched (the sanitizers look). */
static void any_header_has_an_answer(void **state)
{
	static const char *const pieces[] = {"gzip", "application/openmetrics-text", "text/plain", ";", ",", "=", "q",
					     "version", "1.0.0", " ", "\t", "0.", "9", "\xff", "*"};

	(void)state;
	srand(11);
	for (int round = 0; round < 50000; round++) {
		char *header = calloc(1, 512);

		for (int i = rand() % 14; i; i--)
			strcat(header, pieces[(size_t)rand() % (sizeof(pieces) / sizeof(pieces[0]))]);
		header = realloc(header, strlen(header) + 1);
		ct_accept_dialect(header);
		ct_accept_gzip(header);
		free(header);
	}
}

static void addresses(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} good[] = {
		{"9435", "127.0.0.1", 9435},	   {":9435", "127.0.0.1", 9435}, {"0", "127.0.0.1", 0},
		{"0.0.0.0:80", "0.0.0.0", 80},	   {"[::1]:9435", "::1", 9435},	 {"[::]:65535", "::", 65535},
		{"localhost:9435", "localhost", 9435},
	};
	static const char *const bad[] = {
		"", ":", "host", "host:", "::1:9435", "[::1]", "[::1]9435", "[]:9435", "a]:80", "[[::1]:80", "user@host:80",
		"65536", "host:-1", "host:+80", "host:8o", "host: 80", "http://h:80", "[::1:80", "99999999999999999999",
	};
	struct ct_http_address address;
	struct ct_error error = CT_ERROR_INIT;
	char long_host[400];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(ct_http_address_parse(good[i].text, &address, &error), 0);
		assert_string_equal(address.host, good[i].host);
		assert_int_equal(address.port, good[i].port);
	}
	memset(long_host, 'a', sizeof(long_host));
	strcpy(long_host + 300, ":80");
	assert_int_equal(ct_http_address_parse(long_host, &address, &error), -EINVAL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (ct_http_address_parse(bad[i], &address, &error) != -EINVAL)
			fail_msg("\"%s\" was taken for %s port %u", bad[i], address.host, address.port);
		assert_non_null(strstr(error.message, "--metrics"));
		assert_true(*error.hint);
	}
}

static void count_breaths(void *opaque)
{
	++*(unsigned int *)opaque;
}

static void bodies_are_shared_counted_and_bounded(void **state)
{
	struct ct_bodies all = {0};
	struct ct_text text = {0}, none = {.failed = true};
	struct ct_body *body;

	(void)state;
	ct_text_add(&text, "hello");
	body = ct_body_new(&all, &text);
	assert_non_null(body);
	assert_null(text.data);
	assert_true(all.bytes >= 5);
	ct_body_release(ct_body_keep(body));
	assert_string_equal(body->text.data, "hello");
	ct_body_release(body);
	assert_int_equal(all.bytes, 0);
	assert_null(ct_body_new(&all, &none));
	all.bytes = CT_BODIES_BYTES_MAX;
	while (text.length <= CT_BODY_SMALL)
		ct_text_add(&text, "hello");
	assert_null(ct_body_new(&all, &text));
	assert_null(text.data);
	ct_text_add(&text, "a scrape");
	body = ct_body_new(&all, &text);
	assert_non_null(body);
	ct_body_release(body);
	assert_true(all.bytes == CT_BODIES_BYTES_MAX);
	ct_body_release(NULL);
}

static void gzip_gives_back_what_went_in(void **state)
{
	struct ct_text text = {0}, small;
	unsigned int breaths = 0;
	z_stream stream = {0};
	char *back;

	(void)state;
	for (int i = 0; text.length < 1000000; i++)
		ct_text_addf(&text, "ctxtrace_%d{function=\"%d\"} %d\n", i, i * 7, i * i % 1000);
	small = ct_body_gzip(&text, count_breaths, &breaths);
	assert_false(small.failed);
	assert_true(small.length < text.length / 3 && breaths > 5);
	back = malloc(text.length + 1);
	stream.next_in = (unsigned char *)small.data;
	stream.avail_in = (unsigned int)small.length;
	stream.next_out = (unsigned char *)back;
	stream.avail_out = (unsigned int)text.length + 1;
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.total_out, text.length);
	assert_memory_equal(back, text.data, text.length);
	inflateEnd(&stream);
	free(back);
	ct_text_done(&small);
	ct_text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openmetrics_goes_to_who_asks_for_it),
		cmocka_unit_test(gzip_goes_to_who_takes_it),
		cmocka_unit_test(any_header_has_an_answer),
		cmocka_unit_test(addresses),
		cmocka_unit_test(bodies_are_shared_counted_and_bounded),
		cmocka_unit_test(gzip_gives_back_what_went_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
